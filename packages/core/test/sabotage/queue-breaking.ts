import type { QueueUnderTest } from "../../src/conformance/index.ts";
import type { LeasedEntry, NewEntry, Queue, QueueEntry, QueueSupports, Settlement } from "../../src/index.ts";
import { delegate } from "../harness/delegate.ts";

/** Breaks a queue in one way. */
export interface QueueSabotage {
  /** What the queue says of itself; default: everything. */
  readonly supports?: Partial<QueueSupports>;
  readonly wreck: (under: QueueUnderTest) => QueueUnderTest;
}

/** Replaces methods of the queue, for every handle on it. */
export function methods(replace: (queue: Queue, under: QueueUnderTest) => Partial<Queue>): QueueSabotage {
  return {
    wreck(under) {
      const queue = delegate(under.queue, replace(under.queue, under));
      const second = (): Promise<Queue> => Promise.resolve(delegate(queue, { [Symbol.asyncDispose]: async () => {} }));
      return delegate(under, { queue, second });
    },
  };
}

export function added(change: (entry: NewEntry, under: QueueUnderTest) => NewEntry): QueueSabotage {
  return methods((queue, under) => ({ add: (entries) => queue.add(entries.map((entry) => change(entry, under))) }));
}

export function leased(change: (entries: readonly LeasedEntry[]) => readonly LeasedEntry[]): QueueSabotage {
  return methods((queue) => ({ lease: async (request) => change(await queue.lease(request)) }));
}

export function settled(change: (settlement: Settlement, under: QueueUnderTest) => Settlement): QueueSabotage {
  return methods((queue, under) => ({ settle: (all) => queue.settle(all.map((one) => change(one, under))) }));
}

export function listed(change: (entries: readonly QueueEntry[]) => readonly QueueEntry[]): QueueSabotage {
  return methods((queue) => ({
    async *entries(filter) {
      const all: QueueEntry[] = [];
      for await (const one of queue.entries(filter)) all.push(one);
      yield* change(all);
    },
  }));
}

/** Answers present to what it has seen before, and forgets it. */
export const ignoresWhatItHasSeen: QueueSabotage = methods((queue) => {
  const seen = new Set<string>();
  return {
    async add(entries) {
      const fresh = entries.filter(({ imageId }) => !seen.has(imageId));
      for (const { imageId } of entries) seen.add(imageId);
      await queue.add(fresh);
      return entries.map((entry) => (fresh.includes(entry) ? "added" : "present"));
    },
  };
});

/** Takes any token for the current one. */
export function withoutFencing(answer: "settled" | "stale"): QueueSabotage {
  return methods((queue) => {
    const tokens = new Map<string, string>();
    return {
      async lease(request) {
        const entries = await queue.lease(request);
        for (const { id, token } of entries) tokens.set(id, token);
        return entries;
      },
      async settle(all) {
        await queue.settle(all.map((one) => ({ ...one, token: tokens.get(one.id) ?? one.token })));
        return all.map(() => answer);
      },
    };
  });
}

/** Brings what a lease by image took forward to now, when `when` happens. */
export function bringsForward(when: "lease" | "settle"): QueueSabotage {
  return methods((queue, under) => {
    let taken: readonly LeasedEntry[] = [];
    const forward = async (): Promise<void> => {
      await queue.add(
        taken.flatMap(({ imageId, location }) => (location ? [{ imageId, location, dueAt: under.now() }] : [])),
      );
    };
    return {
      async lease(request) {
        const entries = await queue.lease(request);
        if (request.imageId !== undefined) taken = entries;
        if (when === "lease") await forward();
        return entries;
      },
      async settle(all) {
        const results = await queue.settle(all);
        if (when === "settle") await forward();
        return results;
      },
    };
  });
}

/** Sees what is leased: every entry that was handed out, with the time at which its lease ends. */
export function watched(
  replace: (
    queue: Queue,
    under: QueueUnderTest,
    ends: Map<string, { readonly entry: LeasedEntry; at: number }>,
  ) => Partial<Queue>,
): QueueSabotage {
  return methods((queue, under) => {
    const ends = new Map<string, { readonly entry: LeasedEntry; at: number }>();
    const seen = delegate<Queue>(queue, {
      async lease(request) {
        const entries = await queue.lease(request);
        for (const entry of entries) ends.set(entry.id, { entry, at: under.now().getTime() + request.leaseMs });
        return entries;
      },
      async renew(leases, leaseMs) {
        const renewed = await queue.renew(leases, leaseMs);
        for (const { id } of leases.filter((_, i) => renewed[i] === true)) {
          const end = ends.get(id);
          if (end !== undefined) end.at = under.now().getTime() + leaseMs;
        }
        return renewed;
      },
    });
    return {
      lease: (request) => seen.lease(request),
      renew: (leases, ms) => seen.renew(leases, ms),
      ...replace(seen, under, ends),
    };
  });
}
