import type { Location } from "../../location.ts";
import type { Outcome } from "../../store.ts";
import { failsForEnvironment, promise, same } from "../promise.ts";
import { aborted, calmly, content, deleteAll, existing, kinds, targetOf, type StoreCase } from "./store-case.ts";

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
