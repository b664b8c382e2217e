import type { Location } from "../../location.ts";
import type { Outcome } from "../../store.ts";
import { failsForEnvironment, promise, required, same } from "../promise.ts";
import {
  aborted,
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

/** Most objects that a case creates, whatever the store's limit. */
const MANY = 1000;

export const deletingCases: readonly StoreCase[] = [
  {
    title: "a deleted object is gone, and its neighbours are not",
    async run(under) {
      const location = await under.create("object", content());
      const others = [await under.create("object2", content()), await under.create("objec", content())];
      same(kinds(await deleteAll(under, [location])), ["deleted"], "an object that was there is answered with deleted");
      same(await under.exists(location), false, "deleted means gone: asked by another client, it is not there");
      same(await existing(under, others), [true, true], "nothing else is deleted, however alike its name");
    },
  },
  {
    title: "each target gets exactly one outcome, in order",
    async run(under) {
      const names = ["a", "b", "c", "d", "e"];
      const locations = names.map((name) => under.locate(name));
      for (const name of ["a", "c", "d"]) await under.create(name, content());
      same(
        kinds(await deleteAll(under, locations)),
        ["deleted", "absent", "deleted", "deleted", "absent"],
        "outcomes come in the order of the targets: deleted for what was there, absent for what was not",
      );
      same(await existing(under, locations), Array(5).fill(false), "all of them are gone");
    },
  },
  {
    title: "what is not there is absent, and so is what was deleted before",
    async run(under) {
      const location = await under.create("object", content());
      same(kinds(await deleteAll(under, [under.locate("never")])), ["absent"], "what never was is absent");
      await deleteAll(under, [location]);
      same(kinds(await deleteAll(under, [location])), ["absent"], "deleting again is answered with absent");
    },
  },
  {
    title: "an object is deleted by any of its spellings",
    async run(under) {
      for (const [i, spelling] of under.spellings(under.locate("object")).entries()) {
        await under.create("object", content());
        same(kinds(await deleteAll(under, [spelling])), ["deleted"], `spelling ${i} names the object: ${spelling.uri}`);
        same(
          await under.exists(under.locate("object")),
          false,
          `deleted by spelling ${i}, it is gone: ${spelling.uri}`,
        );
      }
    },
  },
  {
    title: "what was freed is reported in bytes",
    needs: ["bytes"],
    async run(under) {
      const locations = [
        await under.create("a", content(1234)),
        await under.create("b", content(1)),
        under.locate("c"),
      ];
      const outcomes = await deleteAll(under, locations);
      same(
        outcomes.map((outcome) => ("bytes" in outcome ? outcome.bytes : undefined)),
        [1234, 1, undefined],
        "supports.bytes: deleted says how many bytes were freed",
      );
    },
  },
  {
    title: "a store that cannot tell the bytes does not claim to",
    without: "bytes",
    async run(under) {
      const [outcome] = await deleteAll(under, [await under.create("object", content())]);
      same(outcome !== undefined && "bytes" in outcome, false, "supports.bytes is false: deleted has no bytes");
    },
  },
  {
    title: "a full batch is answered whole",
    async run(under) {
      const { batch } = under.store.limits;
      const names = Array.from({ length: batch }, (_, i) => `object${i}`);
      const created = await createMany(under.create.bind(under), names.slice(0, MANY));
      const rest = names.slice(MANY).map((name) => under.locate(name));
      const outcomes = await deleteAll(under, [...created, ...rest]);
      const expected = [...created.map(() => "deleted"), ...rest.map(() => "absent")];
      same(kinds(outcomes), expected, "limits.batch targets are taken in one call, each with its outcome");
      const still = await existing(under, created.slice(-50));
      same(still.includes(true), false, "all of a full batch is gone");
    },
  },
  {
    title: "two calls at once for one object both end well",
    async run(under) {
      const location = await under.create("object", content());
      const both = await Promise.all([deleteAll(under, [location]), deleteAll(under, [location])]);
      const seen = both.flatMap(kinds);
      const fine = seen.every((kind) => kind === "deleted" || kind === "absent");
      promise(fine, "an object that another call deletes at the same time is deleted or absent", both);
      same(await under.exists(location), false, "it is gone");
    },
  },
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
    title: "a broken backend is an error of the environment, deletes nothing, and is forgotten when it is mended",
    async run(under) {
      const location = await under.create("object", content());
      const target = targetOf(under, location);
      const mend = await under.breakBackend();
      try {
        for (let time = 0; time < 2; time++) {
          await failsForEnvironment(
            () => under.store.delete([target], calmly()),
            "when the whole backend fails, delete rejects with an error of the environment: absent is answered only where bucket, container or root are known to be there",
          );
        }
      } finally {
        await mend();
      }
      same(await under.exists(location), true, "what was not deleted is there when the backend is back");
      const outcomes = await under.store.delete([target], calmly());
      same(kinds(outcomes), ["deleted"], "the same target works when the backend is back");
    },
  },
  {
    title: "a call that is aborted already deletes nothing unsaid",
    async run(under) {
      const locations = [await under.create("a", content()), await under.create("b", content())];
      const targets = locations.map((location) => targetOf(under, location));
      const outcomes = await answersOf(() => under.store.delete(targets, aborted()));
      await assertHonest(locations, outcomes, await existing(under, locations));
    },
  },
  {
    title: "a call that is aborted while it runs answers for every target, truly",
    async run(under) {
      const names = Array.from({ length: Math.min(under.store.limits.batch, 100) }, (_, i) => `object${i}`);
      const locations = await createMany(under.create.bind(under), names);
      const targets = locations.map((location) => targetOf(under, location));
      const controller = new AbortController();
      const answers = answersOf(() => under.store.delete(targets, { signal: controller.signal }));
      controller.abort();
      const outcomes = await answers;
      await assertHonest(locations, outcomes, outcomes === undefined ? [] : await existing(under, locations));
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

async function createMany(
  create: (name: string, content: Uint8Array) => Promise<Location>,
  names: readonly string[],
): Promise<readonly Location[]> {
  const created: Location[] = [];
  for (let i = 0; i < names.length; i += 50) {
    const batch = names.slice(i, i + 50).map((name) => create(name, content(1)));
    created.push(...(await Promise.all(batch)));
  }
  return created;
}

async function identityOf(
  under: Parameters<StoreCase["run"]>[0],
  location: Location,
): Promise<NonNullable<Location["identity"]>> {
  const identify = required(under.identify?.bind(under), "identify", "the store supports identity or versions");
  return identify(location);
}

/** The outcomes; undefined if it rejected. */
async function answersOf(call: () => Promise<readonly Outcome[]>): Promise<readonly Outcome[] | undefined> {
  return call().catch(() => undefined);
}

/** Whatever was answered is so; nothing was deleted by a call that rejected. */
async function assertHonest(
  locations: readonly Location[],
  outcomes: readonly Outcome[] | undefined,
  there: readonly boolean[],
): Promise<void> {
  if (outcomes === undefined) {
    same(there.includes(false), false, "an aborted call that rejects has deleted nothing");
    return;
  }
  same(outcomes.length, locations.length, "an aborted call answers for every target; unknown for what is unanswered");
  for (const [i, outcome] of outcomes.entries()) {
    const allowed = there[i] === true ? ["unknown"] : ["unknown", "deleted", "absent"];
    promise(allowed.includes(outcome.kind), "an aborted call says deleted only of what is gone, else unknown", outcome);
    if (outcome.kind === "absent") same(there[i], false, "absent is said only of what is gone");
  }
}
