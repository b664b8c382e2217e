import { same } from "../promise.ts";
import {
  entry,
  HOUR,
  later,
  lease,
  leaseImage,
  list,
  MINUTE,
  names,
  only,
  put,
  refs,
  type QueueCase,
} from "./queue-case.ts";

const needs = ["add", "lease"] as const;

/** How leases end that nobody ended, one beside the other. */
export const expiryCases: readonly QueueCase[] = [
  {
    title: "what is settled as done after its lease ran out is gone, and takes nobody's place in a later lease",
    needs,
    async run(under) {
      const { queue } = under;
      const ages = [3, 2, 1].map((n) => entry(`${n}`, `${n}`, { dueAt: later(under, -n * MINUTE) }));
      await put(under, ...ages);
      const [, late, renewed] = await lease(queue);
      await queue.renew(refs(only(renewed)), HOUR);
      under.advance(10 * MINUTE);
      same(names(await lease(queue, 1)), ["3"], "of what ran out, only as much is handed on as was asked for");
      const done = refs([...only(late), ...only(renewed)]).map((ref) => ({ ...ref, kind: "done" as const }));
      same(await queue.settle(done), ["settled", "settled"], "what nobody else got can still be settled");
      same(names(await list(queue)), ["3"], "what is done is not in the queue any more");
      await put(under, entry("next"));
      same(names(await lease(queue, 1)), ["next"], "what is gone takes nobody's place in a lease");
    },
  },
  {
    title: "what is settled to wait after its lease ran out waits as it was settled",
    needs,
    async run(under) {
      const { queue } = under;
      const ages = [4, 3, 2, 1].map((n) => entry(`${n}`, `${n}`, { dueAt: later(under, -n * MINUTE) }));
      await put(under, ...ages);
      const [, second, third, fourth] = refs(await lease(queue));
      under.advance(10 * MINUTE);
      same(names(await lease(queue, 1)), ["4"], "of what ran out, only as much is handed on as was asked for");
      const results = await queue.settle([
        ...only(second).map((ref) => ({ ...ref, kind: "retry", visibleAt: later(under, HOUR), error: "no" }) as const),
        ...only(third).map((ref) => ({ ...ref, kind: "release", visibleAt: later(under, HOUR) }) as const),
        ...only(fourth).map((ref) => ({ ...ref, kind: "setAside", error: "never" }) as const),
      ]);
      same(results, ["settled", "settled", "settled"], "what nobody else got can still be settled");
      under.advance(10 * MINUTE);
      same(names(await lease(queue)), ["4"], "what waits for its visibleAt, or is set aside, is not handed out");
      under.advance(HOUR);
      same(names(await lease(queue)), ["4", "3", "2"], "each is handed out from its visibleAt on");
    },
  },
  {
    title: "leases of different lengths end each at its own time, in whatever order they were given out",
    needs,
    async run(under) {
      const { queue } = under;
      await put(under, ...[3, 2, 1].map((n) => entry(`${n}`, `${n}`, { dueAt: later(under, -n * MINUTE) })));
      for (const minutes of [10, 1, 5]) await queue.lease({ limit: 1, leaseMs: minutes * MINUTE });
      under.advance(MINUTE);
      same(names(await lease(queue)), ["2"], "a lease that was given out after a longer one ends before it");
      under.advance(4 * MINUTE);
      same(names(await lease(queue)), ["1"], "when one lease has ended, the others still end at their own time");
      under.advance(5 * MINUTE);
      same(names(await lease(queue)), ["3"], "the longest one ends last");
      under.advance(MINUTE);
      same(names(await lease(queue)), ["2"], "and what was handed on ends in its turn");
    },
  },
  {
    title: "renewing one lease prolongs no other",
    needs,
    async run(under) {
      const { queue } = under;
      await put(under, entry("a", "a", { dueAt: later(under, -MINUTE) }), entry("b"));
      const first = await lease(queue, 1);
      await lease(queue, 1);
      await queue.renew(refs(first), HOUR);
      under.advance(10 * MINUTE);
      same(names(await lease(queue)), ["b"], "a lease that was not renewed ends at its own time");
      under.advance(50 * MINUTE);
      same(names(await lease(queue)), ["a", "b"], "and the renewed one at the time that it was renewed to");
    },
  },
  {
    title: "a lease by image takes what nobody holds any more, from the very end of the last lease on",
    needs,
    async run(under) {
      await put(under, entry("a"));
      await lease(under.queue);
      under.advance(10 * MINUTE);
      same(names(await leaseImage(under.queue, "a")), ["a"], "a lease lasts leaseMs and no longer");
    },
  },
  {
    title: "an entry that came out of its pause is held by one scrubber, while others go on pausing",
    needs,
    async run(under) {
      const { queue } = under;
      await put(under, ...["due", "image", "paused"].map((name) => entry(name)));
      const pauses: Readonly<Record<string, number>> = { due: MINUTE, image: 5 * MINUTE, paused: HOUR };
      for (const { id, token, imageId } of await lease(queue)) {
        const visibleAt = later(under, pauses[imageId] ?? 0);
        await queue.settle([{ id, token, kind: "retry", visibleAt, error: "no" }]);
      }
      under.advance(MINUTE);
      same(names(await lease(queue)), ["due"], "it is handed out when its pause is over");
      same(names(await leaseImage(queue, "image")), ["image"], "a lease by image takes an entry out of its pause");
      same(names(await lease(queue)), [], "what is leased is not handed out again");
      under.advance(5 * MINUTE);
      same(names(await lease(queue)), [], "nor when the pause would have ended, while the lease runs");
    },
  },
  {
    title: "adding to an entry whose lease ran out, and that nobody else got, makes the late settlement stale",
    needs,
    async run(under) {
      const { queue } = under;
      await put(under, entry("a", "a", { dueAt: later(under, -MINUTE) }), entry("b"));
      const [, late] = refs(await lease(queue));
      under.advance(10 * MINUTE);
      same(names(await lease(queue, 1)), ["a"], "of what ran out, only as much is handed on as was asked for");
      same(await queue.add([entry("b")]), ["present"], "an entry whose lease ran out is waiting");
      same(
        await queue.settle(only(late).map((ref) => ({ ...ref, kind: "done" }))),
        ["stale"],
        "a late settlement does not take away what was asked for after it began",
      );
      same(names(await lease(queue)), ["b"], "an entry that was added anew is handed out");
    },
  },
];
