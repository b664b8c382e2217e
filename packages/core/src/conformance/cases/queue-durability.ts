import { promise, required, same } from "../promise.ts";
import { entry, HOUR, later, lease, list, MINUTE, names, put, refs, setAside, type QueueCase } from "./queue-case.ts";

export const durabilityCases: readonly QueueCase[] = [
  {
    title: "what was accepted is there after closing and opening again, in every state, leases with their tokens",
    needs: ["add", "lease", "durable"],
    async run(under) {
      const reopen = required(under.reopen?.bind(under), "reopen", "the queue says that it is durable");
      const { queue } = under;
      await put(under, entry("aside"));
      await setAside(queue, "cannot be");
      await put(under, entry("paused"));
      const retry = { kind: "retry", visibleAt: later(under, HOUR), error: "no" } as const;
      await queue.settle(refs(await lease(queue)).map((ref) => ({ ...ref, ...retry })));
      await put(under, entry("leased"));
      const leased = await lease(queue);
      await put(under, entry("waiting", "w\nw", { dueAt: later(under, HOUR) }));
      await queue.setNote("kit", [1]);
      const before = await list(queue);
      const again = await reopen();
      same(await list(again), before, "every entry is there as it was before closing: closing settles nothing");
      same(await again.notes(), new Map([["kit", [1]]]), "notes are there as they were");
      const done = refs(leased).map((ref) => ({ ...ref, kind: "done" as const }));
      same(await again.settle(done), ["settled"], "a lease can be settled after closing and opening again");
      same(await again.add([entry("paused")]), ["present"], "what was there is met by an add");
    },
  },
  {
    title: "a changed delay moves the entries without a due time of their own, when the queue is opened again",
    needs: ["add", "lease", "durable"],
    options: { delayMs: 2 * HOUR },
    async run(under) {
      const reopen = required(under.reopen?.bind(under), "reopen", "the queue says that it is durable");
      await put(under, entry("moves"), entry("stays", "stays", { dueAt: later(under, 90 * MINUTE) }));
      const shorter = await reopen({ delayMs: HOUR });
      same(
        Object.fromEntries((await list(shorter)).map((e) => [e.imageId, e.dueAt])),
        { moves: later(under, HOUR), stays: later(under, 90 * MINUTE) },
        "an entry without a due time of its own is due at requestedAt + the new delay; one with its own stays",
      );
      under.advance(HOUR);
      same(names(await lease(shorter)), ["moves"], "it is handed out at its new time");
      const [held] = await list(shorter, { state: "leased" });
      const longer = await reopen({ delayMs: 3 * HOUR });
      under.advance(10 * MINUTE);
      same(names(await lease(longer)), [], "a longer delay moves entries too");
      under.advance(110 * MINUTE);
      same(names(await lease(longer)).toSorted(), ["moves", "stays"], "everything is handed out at its time");
      promise(held !== undefined, "the entry was leased");
    },
  },
  {
    title: "a pause that ends before the due time that a changed delay makes counts no more",
    needs: ["add", "lease", "durable"],
    async run(under) {
      const reopen = required(under.reopen?.bind(under), "reopen", "the queue says that it is durable");
      await put(under, entry("a"));
      const due = later(under, 2 * HOUR);
      const retry = { kind: "retry", visibleAt: later(under, HOUR), error: "no" } as const;
      await under.queue.settle(refs(await lease(under.queue)).map((ref) => ({ ...ref, ...retry })));
      const longer = await reopen({ delayMs: 2 * HOUR });
      same((await list(longer))[0]?.visibleAt, due, "an entry is visible at its due time, if its pause ends before");
      same((await longer.stats()).nextDueAt, due, "and that is when what waits is next due");
      under.advance(HOUR);
      same(names(await lease(longer)), [], "it is not handed out before");
      under.advance(HOUR);
      same(names(await lease(longer)), ["a"], "but from then on");
    },
  },
];
