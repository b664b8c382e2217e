import type { QueueEntry } from "../../src/index.ts";
import { createMemoryQueue } from "../../src/memory/index.ts";
import { delegate, without } from "../harness/delegate.ts";
import { methods, listed, type QueueSabotage } from "./queue-breaking.ts";

/** Queues that are broken, each in the way that one case looks for: those that read, and open again. */
export const readingSabotages: Readonly<Record<string, QueueSabotage>> = {
  "a listing shows entries with their state and times, oldest due first": listed((entries) => entries.toReversed()),
  "a listing shows only what its filter asks for": methods((queue) => ({
    entries: (filter = {}) => queue.entries(without(filter, "dueBefore")),
  })),
  "a listing shows each state, and can be limited to it": methods((queue) => ({
    entries: (filter = {}) => queue.entries(without(filter, "state")),
  })),
  "100,000 entries are listed one after another, each once, in order, and the reader may stop": listed((entries) =>
    entries.slice(0, 10_000),
  ),
  "a listing shows nothing twice while entries come and go": listed((entries) => [...entries, ...entries.slice(0, 1)]),
  "a listing of one image goes from the oldest due to the youngest, too": methods((queue) => ({
    async *entries(filter = {}) {
      const all: QueueEntry[] = [];
      for await (const one of queue.entries(filter)) all.push(one);
      yield* filter.imageId === undefined ? all : all.toReversed();
    },
  })),
  "the figures tell how much waits and how old the oldest is": methods((queue) => ({
    stats: async () => ({ ...(await queue.stats()), oldestDueAt: new Date() }),
  })),
  "the figures count what waits, is due, is leased and is set aside": methods((queue) => ({
    async stats() {
      const stats = await queue.stats();
      return { ...stats, waiting: stats.waiting - stats.due };
    },
  })),
  "what waits is next due at the end of a retry's pause or at a due time, whichever comes first, and not when a lease ends":
    methods((queue) => ({
      async stats() {
        const stats = await queue.stats();
        const nextDueAt = stats.nextDueAt ?? stats.leasedUntil;
        return nextDueAt === undefined ? stats : { ...stats, nextDueAt };
      },
    })),
  "leasedUntil is when the first of what is leased can be had again, if its scrubber has died": methods((queue) => {
    let until: Date | undefined;
    return {
      async renew(leases, leaseMs) {
        until = (await queue.stats()).leasedUntil;
        return queue.renew(leases, leaseMs);
      },
      async stats() {
        const stats = await queue.stats();
        return until === undefined ? stats : { ...stats, leasedUntil: until };
      },
    };
  }),
  "the figures tell how many files were put away unread, and count no entry for them": methods((queue) => ({
    async stats() {
      const { quarantined = 0, ...stats } = await queue.stats();
      return { ...stats, quarantined: Math.min(quarantined, 1) };
    },
  })),
  "hasImages tells which images have any entry, in whatever state": methods(() => ({
    hasImages: (ids) => Promise.resolve(new Set(ids)),
  })),
  "hasImages tells leased, paused and set-aside entries too, and forgets an image with its last one": methods(
    (queue) => ({
      async hasImages() {
        const found = new Set<string>();
        for await (const { imageId } of queue.entries({ state: "waiting" })) found.add(imageId);
        return found;
      },
    }),
  ),
  "statesOf tells one location from another by image, URI and store, as add does": methods((queue) => ({
    async statesOf(locations) {
      const queued = await queue.hasImages(locations.map(({ imageId }) => imageId));
      return locations.map(({ imageId }) => (queued.has(imageId) ? "waiting" : undefined));
    },
  })),
  "statesOf tells each state, and forgets what is done": methods((queue) => ({
    statesOf: async (locations) => ((await queue.statesOf?.(locations)) ?? []).map((state) => state && "waiting"),
  })),
  "what cannot be read is listed with a reason, handed out, and can be set aside": listed((entries) =>
    entries.filter(({ location }) => location !== undefined),
  ),
  "notes are kept, replaced and removed": methods((queue) => ({
    setNote: (key, value) => queue.setNote(key, value ?? null),
  })),
  "what was accepted is there after closing and opening again, in every state, leases with their tokens": {
    wreck: (under) => delegate(under, { reopen: () => Promise.resolve(createMemoryQueue()) }),
  },
  "a changed delay moves the entries without a due time of their own, when the queue is opened again": {
    wreck: (under) => delegate(under, { reopen: async () => (await under.reopen?.()) ?? under.queue }),
  },
  "a pause that ends before the due time that a changed delay makes counts no more": {
    wreck: (under) => delegate(under, { reopen: async () => (await under.reopen?.()) ?? under.queue }),
  },
};
