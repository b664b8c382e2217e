import { methods, settled, listed, withoutFencing, type QueueSabotage } from "./queue-breaking.ts";

/** Queues that are broken, each in the way that one case looks for: those that settle and revive. */
export const settlingSabotages: Readonly<Record<string, QueueSabotage>> = {
  "a done entry leaves the queue": settled((one, under) =>
    one.kind === "done" ? { ...one, kind: "release", visibleAt: under.now() } : one,
  ),
  "a released entry waits until it is visible, uncounted, and shows the reason": settled((one) =>
    one.kind === "release" ? { ...one, kind: "retry", error: one.reason ?? "" } : one,
  ),
  "a release without a reason leaves the error that was shown before": settled((one) =>
    one.kind === "release" ? { ...one, reason: one.reason ?? "" } : one,
  ),
  "a retried entry waits until it is visible, counted, and shows the error": settled((one) =>
    one.kind === "retry" ? { ...one, kind: "release", reason: one.error } : one,
  ),
  "a lease takes the place of a pause: when it runs out, the entry waits no longer": methods((queue) => ({
    lease: (request) =>
      queue.lease(request.imageId === undefined ? request : { ...request, leaseMs: request.leaseMs * 6 }),
  })),
  "a retry does not change when an entry is due": listed((entries) =>
    entries.map((entry) => ({ ...entry, dueAt: entry.visibleAt })),
  ),
  "a set-aside entry is kept, shown with its error, and never handed out": settled((one, under) =>
    one.kind === "setAside" ? { ...one, kind: "retry", visibleAt: under.now() } : one,
  ),
  "a stale token changes nothing, whatever it would settle": withoutFencing("stale"),
  "a lease that ran out but was not handed on can still be settled": methods((queue) => ({
    async settle(all) {
      const held = await queue.renew(all, 1);
      return held.includes(false) ? all.map(() => "stale") : queue.settle(all);
    },
  })),
  "one settlement may mix all kinds; a bad token among them makes only that one stale": methods((queue) => ({
    async settle(all) {
      const held = await queue.renew(all, 1000);
      return held.includes(false) ? all.map(() => "stale") : queue.settle(all);
    },
  })),
  "settlements of one call that differ in one thing only end each in its own way": methods((queue) => ({
    settle: (all) =>
      queue.settle(
        all.map((one) => {
          const first = all.find(({ kind }) => kind === one.kind);
          return one.kind === "release" && first?.kind === "release" ? { ...one, reason: first.reason ?? "" } : one;
        }),
      ),
  })),
  "a token is good for the entries of its own lease only": withoutFencing("settled"),
  "an entry that is named twice in one settlement ends once, as it was named first": methods((queue) => ({
    settle: async (all) => (await queue.settle(all.toReversed())).toReversed(),
  })),
  "whoever looks on sees all of a settlement, or nothing of it": methods((queue) => ({
    async settle(all) {
      for (const one of all) await queue.settle([one]);
      return all.map(() => "settled");
    },
  })),
  "reviving brings set-aside entries back to waiting, from visibleAt on, with no attempts counted": methods(
    (queue) => ({ revive: (filter) => queue.revive(filter, new Date(0)) }),
  ),
  "reviving one image's entries leaves the others, and entries that are not set aside": methods((queue) => ({
    revive: (_, visibleAt) => queue.revive({}, visibleAt),
  })),
  "all that is set aside is revived, however much it is, and however much waits beside it": methods((queue) => ({
    revive: async (filter, visibleAt) => Math.min(10_000, await queue.revive(filter, visibleAt)),
  })),
};
