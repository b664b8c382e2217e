import type { Location } from "../../location.ts";
import { promise, required, same } from "../promise.ts";
import {
  afterwards,
  beforehand,
  calmly,
  content,
  deleteAll,
  existing,
  kinds,
  targetOf,
  type StoreCase,
} from "./store-case.ts";

/** What a store must not delete: changed objects, other versions, what is held. */
export const sparingCases: readonly StoreCase[] = [
  {
    title: "an object of the recorded identity is deleted",
    needs: ["identity"],
    async run(under) {
      const location = await under.create("object", content());
      const identity = await identityOf(under, location);
      same(kinds(await deleteAll(under, [{ ...location, identity }])), ["deleted"], "it is the object that was meant");
    },
  },
  {
    title: "an object of another identity is changed and not touched, and its neighbours are deleted",
    needs: ["identity"],
    async run(under) {
      const [a, b, c] = [
        await under.create("a", content(20)),
        await under.create("b", content(20)),
        await under.create("c", content(20)),
      ];
      const { versionId: _, ...identity } = await identityOf(under, b);
      await under.replace(b);
      same(
        kinds(await deleteAll(under, [a, { ...b, identity }, c])),
        ["deleted", "changed", "deleted"],
        "an object that differs from the recorded identity is answered with changed, its neighbours as ever",
      );
      same(await existing(under, [a, b, c]), [false, true, false], "a changed object is not touched");
    },
  },
  {
    title: "each recorded property counts by itself",
    needs: ["identity"],
    async run(under) {
      const location = await under.create("object", content());
      const identity = await identityOf(under, location);
      const wrong: readonly Location["identity"][] = [
        ...(identity.etag === undefined ? [] : [{ etag: "0123456789abcdef0123456789abcdef" }]),
        ...(identity.size === undefined ? [] : [{ size: identity.size + 1 }]),
        ...(identity.modifiedAt === undefined ? [] : [{ modifiedAt: new Date("2001-02-03T04:05:06Z") }]),
        ...(identity.inode === undefined ? [] : [{ inode: "1" }]),
      ];
      promise(wrong.length > 0, "identify tells at least one property", identity);
      for (const other of wrong) {
        const { versionId: _, ...recorded } = { ...identity, ...other };
        const [outcome] = await deleteAll(under, [{ ...location, identity: recorded }]);
        same(outcome?.kind, "changed", `an object that differs in ${Object.keys(other ?? {}).join()} is changed`);
      }
      same(await under.exists(location), true, "a changed object is not touched");
    },
  },
  {
    title: "an object written after its deletion was requested is changed and not touched",
    needs: ["identity"],
    async run(under) {
      const location = await under.create("object", content());
      await under.replace(location);
      const [outcome] = await deleteAll(under, [location], beforehand());
      same(outcome?.kind, "changed", "what was written after requestedAt is not what was meant");
      same(await under.exists(location), true, "it is not touched");
    },
  },
  {
    title: "a store that compares no identity says so with what it deletes, and never answers changed",
    without: "identity",
    async run(under) {
      const location = await under.create("object", content());
      const [outcome] = await deleteAll(under, [{ ...location, identity: { size: 99 } }], beforehand());
      same(outcome?.kind, "deleted", "supports.identity is false: nothing is compared");
      const note = outcome?.kind === "deleted" ? (outcome.note ?? "") : "";
      promise(note !== "", 'the outcome carries a note for the receipt, such as "identity: unchecked"', outcome);
    },
  },
  {
    title: "a version id names one version, and the others stay",
    needs: ["versions"],
    async run(under) {
      const location = await under.create("object", content());
      const { versionId } = await identityOf(under, location);
      const named = {
        ...location,
        identity: { versionId: required(versionId, "versionId", "versions are supported") },
      };
      await under.replace(location);
      same(kinds(await deleteAll(under, [named])), ["deleted"], "the version that was named is deleted");
      same(await under.exists(location), true, "the version that came after it stays");
      same(kinds(await deleteAll(under, [named])), ["absent"], "the version that was named is gone");
    },
  },
  {
    title: "a held object is answered with held and not touched, and its neighbours are deleted",
    needs: ["holds"],
    async run(under) {
      const hold = required(under.hold?.bind(under), "hold", "the store supports holds");
      const [a, b] = [await under.create("a", content()), await under.create("b", content())];
      await hold(a);
      const outcomes = await deleteAll(under, [a, b]);
      same(kinds(outcomes), ["held", "deleted"], "a hold is told from a denial, and does not fail the neighbours");
      const [held] = outcomes;
      promise(held?.kind === "held" && held.reason !== "", "held says why", held);
      same(await existing(under, [a, b]), [true, false], "a held object is not touched");
    },
  },
  {
    title: "a store that cannot tell holds never answers held",
    without: "holds",
    hand: "hold",
    async run(under) {
      const location = await under.create("object", content());
      await under.hold?.(location);
      const [outcome] = await deleteAll(under, [location]);
      promise(outcome?.kind !== "held", "supports.holds is false: held is not answered", outcome);
    },
  },
  {
    title: "the time of the request is each target's own",
    needs: ["identity"],
    async run(under) {
      const [a, b] = [await under.create("a", content()), await under.create("b", content())];
      const targets = [targetOf(under, a, beforehand()), targetOf(under, b, afterwards())];
      same(
        kinds(await under.store.delete(targets, calmly())),
        ["changed", "deleted"],
        "in one batch, each target is judged by its own requestedAt",
      );
    },
  },
];

async function identityOf(
  under: Parameters<StoreCase["run"]>[0],
  location: Location,
): Promise<NonNullable<Location["identity"]>> {
  const identify = required(under.identify?.bind(under), "identify", "the store supports identity or versions");
  return identify(location);
}
