import { same } from "../promise.ts";
import {
  entry,
  HOUR,
  later,
  lease,
  leaseOne,
  list,
  MINUTE,
  names,
  put,
  refs,
  SECOND,
  setAside,
  type QueueCase,
} from "./queue-case.ts";

const needs = ["add", "lease"] as const;

export const collisionCases: readonly QueueCase[] = [
  {
    title: "adding the same location again is answered with present and makes no second entry",
    needs,
    async run({ queue }) {
      await queue.add([entry("a")]);
      same(await queue.add([entry("a")]), ["present"], "what waits already is answered with present");
      same(names(await lease(queue)), ["a"], "add is idempotent: one entry for each (imageId, uri, store)");
    },
  },
  {
    title: "a location that comes twice in one call is one entry, with the earlier due time",
    needs,
    async run(under) {
      const { queue } = under;
      const first = entry("a", "a", { dueAt: later(under, HOUR) });
      const second = entry("a", "a", { dueAt: later(under, MINUTE) });
      same(
        await queue.add([first, entry("b"), second]),
        ["added", "added", "present"],
        "one answer for each entry, in order; the second of two equal ones meets the first",
      );
      under.advance(MINUTE);
      same(names(await lease(queue)).toSorted(), ["a", "b"], "two equal ones are one entry, due at the earlier time");
    },
  },
  {
    title: "adding nothing is answered with nothing",
    needs,
    async run({ queue }) {
      same(await queue.add([]), [], "one answer for each entry: none for none");
    },
  },
  {
    title: "adding to a waiting entry keeps the earlier due time",
    needs,
    async run(under) {
      const { queue } = under;
      await put(
        under,
        entry("a", "a", { dueAt: later(under, HOUR) }),
        entry("b", "b", { dueAt: later(under, MINUTE) }),
      );
      const results = await queue.add([
        entry("a", "a", { dueAt: later(under, MINUTE) }),
        entry("b", "b", { dueAt: later(under, HOUR) }),
      ]);
      same(results, ["present", "present"], "what waits already is answered with present");
      under.advance(MINUTE);
      same(names(await lease(queue)).toSorted(), ["a", "b"], "the earlier dueAt is kept, in whichever order they came");
    },
  },
  {
    title: "adding to a waiting entry keeps the later time of the request",
    needs,
    async run(under) {
      const { queue } = under;
      const at = under.now();
      const before = later(under, -HOUR);
      await put(under, entry("a", "a", { requestedAt: before }), entry("b", "b", { requestedAt: at }));
      await queue.add([entry("a", "a", { requestedAt: at }), entry("b", "b", { requestedAt: before })]);
      for (const { requestedAt } of await lease(queue)) {
        same(requestedAt, at, "the later requestedAt is kept, in whichever order they came");
      }
    },
  },
  {
    title: "a leased entry says whether its due time follows from the delay, whichever add it came from",
    needs,
    async run(under) {
      const { queue } = under;
      const before = later(under, -HOUR);
      const at = under.now();
      await put(
        under,
        entry("delayed", "delayed", { requestedAt: before }),
        entry("given", "given", { requestedAt: before, dueAt: before }),
        entry("both", "both", { requestedAt: before, dueAt: later(under, HOUR) }),
      );
      await queue.add(["delayed", "given", "both"].map((name) => entry(name, name, { requestedAt: at })));
      const leased = await lease(queue);
      same(
        Object.fromEntries(leased.map(({ imageId, dueByDelay }) => [imageId, dueByDelay === true])),
        { delayed: true, given: false, both: true },
        "dueByDelay is true of an entry whose dueAt is the delay after a request, and left out where the dueAt that counts came with an add",
      );
    },
  },
  {
    title: "adding to an entry in a retry's pause does not cut the pause short",
    needs,
    async run(under) {
      const { queue } = under;
      await put(under, entry("a"));
      const leased = await lease(queue);
      await queue.settle(
        refs(leased).map((ref) => ({ ...ref, kind: "retry", visibleAt: later(under, HOUR), error: "no" })),
      );
      same(await queue.add([entry("a")]), ["present"], "an entry in a retry's pause is waiting");
      same(names(await lease(queue)), [], "the pause of a retry lasts until its visibleAt");
      under.advance(HOUR);
      same(names(await lease(queue)), ["a"], "after its pause an entry is handed out again");
    },
  },
  {
    title: "adding to a leased entry makes the running settlement stale, and the entry comes back",
    needs,
    async run(under) {
      const { queue } = under;
      await put(under, entry("a"));
      const first = await lease(queue);
      under.advance(SECOND);
      const asked = under.now();
      same(await queue.add([entry("a")]), ["present"], "a leased entry is present");
      same(
        await queue.renew(refs(first), 10 * MINUTE),
        [false],
        "an add that meets a leased entry replaces its token, so the old one renews nothing",
      );
      same(
        await queue.settle(refs(first).map((ref) => ({ ...ref, kind: "done" }))),
        ["stale"],
        "an add that meets a leased entry replaces its token, so the running settlement changes nothing",
      );
      same(names(await lease(queue)), [], "nobody else gets the entry while the lease runs that was given out for it");
      under.advance(10 * MINUTE);
      const again = await leaseOne(queue, "an entry that was added anew while it was leased comes back");
      same(again.requestedAt, asked, "it comes back with the later requestedAt");
    },
  },
  {
    title: "adding to an entry whose lease ran out makes the late settlement stale too",
    needs,
    async run(under) {
      const { queue } = under;
      await put(under, entry("a"));
      const first = await lease(queue);
      under.advance(10 * MINUTE);
      same(await queue.add([entry("a")]), ["present"], "an entry whose lease ran out is waiting");
      same(
        await queue.settle(refs(first).map((ref) => ({ ...ref, kind: "done" }))),
        ["stale"],
        "a late settlement does not take away what was asked for after it began",
      );
      same(names(await lease(queue)), ["a"], "an entry that was added anew is handed out");
    },
  },
  {
    title: "adding to a set-aside entry leaves it and says so",
    needs,
    async run(under) {
      const { queue } = under;
      await put(under, entry("a"));
      await setAside(queue, "cannot be");
      same(
        await queue.add([entry("a")]),
        ["setAside"],
        "an add that meets a set-aside entry is answered with setAside",
      );
      same(names(await lease(queue)), [], "a set-aside entry stays set aside until it is revived");
      const [shown] = await list(queue);
      same(
        { state: shown?.state, error: shown?.error },
        { state: "setAside", error: "cannot be" },
        "a set-aside entry is left as it is, with its error",
      );
    },
  },
  {
    title: "a location that was settled as done is new when it is added again",
    needs,
    async run(under) {
      const { queue } = under;
      await put(under, entry("a"));
      const retry = { kind: "retry", visibleAt: under.now(), error: "no" } as const;
      await queue.settle(refs(await lease(queue)).map((ref) => ({ ...ref, ...retry })));
      await queue.settle(refs(await lease(queue)).map((ref) => ({ ...ref, kind: "done" })));
      same(await queue.add([entry("a")]), ["added"], "after done, the same location is new");
      const { attempts } = await leaseOne(queue, "the new entry is handed out");
      same(attempts, 0, "a new entry has no attempts counted, whatever was before");
    },
  },
  {
    title: "the earlier due time is kept, whether it is the entry's own or follows from the delay",
    needs,
    options: { delayMs: HOUR },
    async run(under) {
      const { queue } = under;
      const own = { dueAt: later(under, 30 * MINUTE) };
      await put(under, entry("a"), entry("b", "b", own), entry("c", "c", { dueAt: later(under, 2 * HOUR) }));
      await queue.add([entry("a", "a", own), entry("b"), entry("c")]);
      same(
        Object.fromEntries((await list(queue)).map(({ imageId, dueAt }) => [imageId, dueAt])),
        { a: later(under, 30 * MINUTE), b: later(under, 30 * MINUTE), c: later(under, HOUR) },
        "the due times are compared as they are, with the delay in them",
      );
    },
  },
  {
    title: "adding again takes identity and metadata from the later one, and keeps what it does not have",
    needs,
    async run(under) {
      const { queue } = under;
      const uri = "file:///kit/a";
      const [old, young] = [{ etag: "old", modifiedAt: later(under, -HOUR) }, { etag: "young" }];
      const whole = { uri, store: "kit", identity: old, metadata: { n: 1 } };
      const adds = [
        [whole, { uri, store: "kit" }, whole],
        [{ uri }, { uri, identity: young }, { uri, identity: young }],
        [whole, { uri, store: "kit", identity: young }, { ...whole, identity: young }],
        [whole, { uri, store: "kit", metadata: { n: 2 } }, { ...whole, metadata: { n: 2 } }],
      ] as const;
      await queue.add(adds.map(([location], i) => ({ imageId: `${i}`, location })));
      await queue.add(adds.map(([, location], i) => ({ imageId: `${i}`, location })));
      same(
        Object.fromEntries((await lease(queue)).map(({ imageId, location }) => [imageId, location])),
        Object.fromEntries(adds.map(([, , location], i) => [`${i}`, location])),
        "whoever knows less of a location forgets nothing: it is compared with what was recorded once",
      );
    },
  },
];
