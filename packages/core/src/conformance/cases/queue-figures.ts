import type { Queue, QueueStats } from "../../queue.ts";
import { required, same } from "../promise.ts";
import { entry, HOUR, later, lease, leaseImage, MINUTE, put, refs, setAside, type QueueCase } from "./queue-case.ts";

const needs = ["add", "lease"] as const;

/** The figures, but for what only some queues have. */
async function figures(queue: Queue): Promise<QueueStats> {
  const { quarantined: _, ...stats } = await queue.stats();
  return stats;
}

export const figureCases: readonly QueueCase[] = [
  {
    title: "the figures tell how much waits and how old the oldest is",
    async run(under) {
      await put(under, entry("a", "a", { requestedAt: later(under, -HOUR) }), entry("b"));
      const { waiting, due, leased, setAside: aside, oldestDueAt } = await under.queue.stats();
      same(
        { waiting, due, leased, aside, oldestDueAt },
        { waiting: 2, due: 2, leased: 0, aside: 0, oldestDueAt: later(under, -HOUR) },
        "waiting and due count, and oldestDueAt is the earliest due time of what is due",
      );
    },
  },
  {
    title: "the figures count what waits, is due, is leased and is set aside",
    needs,
    async run(under) {
      const { queue } = under;
      same(
        await figures(queue),
        { waiting: 0, due: 0, leased: 0, setAside: 0 },
        "an empty queue counts nothing and has no oldest and no next",
      );
      await put(under, entry("s1"), entry("s2"));
      await setAside(queue, "cannot be");
      await put(under, entry("l"));
      await lease(queue);
      await put(under, entry("d", "d", { dueAt: later(under, -HOUR) }), entry("w", "w", { dueAt: later(under, HOUR) }));
      same(
        await figures(queue),
        {
          waiting: 2,
          due: 1,
          leased: 1,
          setAside: 2,
          oldestDueAt: later(under, -HOUR),
          nextDueAt: later(under, HOUR),
          leasedUntil: later(under, 10 * MINUTE),
        },
        "waiting includes due; oldestDueAt is the earliest due time of what is due; nextDueAt is the first of what is not due yet; leasedUntil is the end of the lease",
      );
      under.advance(10 * MINUTE);
      same(
        await figures(queue),
        {
          waiting: 3,
          due: 2,
          leased: 0,
          setAside: 2,
          oldestDueAt: later(under, -70 * MINUTE),
          nextDueAt: later(under, 50 * MINUTE),
        },
        "an entry whose lease ran out waits again and is due",
      );
    },
  },
  {
    title:
      "what waits is next due at the end of a retry's pause or at a due time, whichever comes first, and not when a lease ends",
    needs,
    async run(under) {
      const { queue } = under;
      await put(under, entry("a"), entry("b", "b", { dueAt: later(under, 3 * HOUR) }));
      same((await queue.stats()).nextDueAt, later(under, 3 * HOUR), "what can be leased now is no reason to wake up");
      const retry = { kind: "retry", visibleAt: later(under, HOUR), error: "no" } as const;
      await queue.settle(refs(await lease(queue)).map((ref) => ({ ...ref, ...retry })));
      const { nextDueAt, due, oldestDueAt } = await queue.stats();
      same(nextDueAt, later(under, HOUR), "the end of a retry's pause is a time to wake up");
      same([due, oldestDueAt], [1, under.now()], "an entry in a retry's pause is overdue all the same");
      under.advance(HOUR);
      await setAside(queue, "cannot be");
      same((await queue.stats()).nextDueAt, later(under, 2 * HOUR), "what is set aside is no reason to wake up");
      await put(under, entry("c", "c", { dueAt: later(under, MINUTE) }));
      const early = await leaseImage(queue, "c");
      await queue.settle(refs(early).map((ref) => ({ ...ref, kind: "setAside", error: "no" })));
      same((await queue.stats()).nextDueAt, later(under, 2 * HOUR), "nor if it was set aside before its due time");
      const taken = await leaseImage(queue, "b");
      await queue.settle(refs(taken).map((ref) => ({ ...ref, ...retry, visibleAt: later(under, 3 * HOUR) })));
      same((await queue.stats()).nextDueAt, later(under, 3 * HOUR), "a pause that ends after the due time counts");
      await leaseImage(queue, "b");
      same((await queue.stats()).nextDueAt, undefined, "what is leased does not wait, whenever its lease ends");
      under.advance(10 * MINUTE);
      same(
        (await queue.stats()).nextDueAt,
        later(under, 110 * MINUTE),
        "once its lease ran out it waits for its due time",
      );
    },
  },
  {
    title: "leasedUntil is when the first of what is leased can be had again, if its scrubber has died",
    needs,
    async run(under) {
      const { queue } = under;
      await put(under, entry("early", "early", { dueAt: later(under, HOUR) }));
      await leaseImage(queue, "early");
      same(
        (await queue.stats()).leasedUntil,
        later(under, HOUR),
        "not before its due time, though its lease ends before",
      );
      await put(under, entry("a"), entry("b"));
      const [first] = refs(await lease(queue, 1));
      under.advance(MINUTE);
      await lease(queue);
      same((await queue.stats()).leasedUntil, later(under, 9 * MINUTE), "the lease that ends first counts");
      await queue.renew([required(first, "an entry", "two were added")], HOUR);
      same((await queue.stats()).leasedUntil, later(under, 10 * MINUTE), "a renewed lease ends later");
      under.advance(10 * MINUTE);
      same((await queue.stats()).leasedUntil, later(under, 50 * MINUTE), "a lease that ran out ends no more");
      under.advance(HOUR);
      same((await queue.stats()).leasedUntil, undefined, "where nothing is leased there is none");
    },
  },
  {
    title: "the figures tell how many files were put away unread, and count no entry for them",
    hand: "dropUnreadable",
    async run(under) {
      const { quarantined: before = 0, ...rest } = await under.queue.stats();
      same(before, 0, "a new queue has put nothing away");
      await under.dropUnreadable?.();
      await under.dropUnreadable?.();
      const { quarantined, ...then } = await under.queue.stats();
      same(quarantined, 2, "quarantined counts each file that could not be read whole, once");
      same(then, rest, "a file that holds no entry changes no other figure");
    },
  },
];
