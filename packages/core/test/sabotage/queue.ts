import type { QueueUnderTest } from "../../src/conformance/index.ts";
import type { LeasedEntry, NewEntry, Queue, QueueEntry, QueueSupports, Settlement } from "../../src/index.ts";
import { createMemoryQueue } from "../../src/memory/index.ts";
import { delegate, without } from "../harness/delegate.ts";

/** Breaks a queue in one way. */
export interface QueueSabotage {
  /** What the queue says of itself; default: everything. */
  readonly supports?: Partial<QueueSupports>;
  readonly wreck: (under: QueueUnderTest) => QueueUnderTest;
}

/** Replaces methods of the queue, for every handle on it. */
function methods(replace: (queue: Queue, under: QueueUnderTest) => Partial<Queue>): QueueSabotage {
  return {
    wreck(under) {
      const queue = delegate(under.queue, replace(under.queue, under));
      const second = (): Promise<Queue> => Promise.resolve(delegate(queue, { [Symbol.asyncDispose]: async () => {} }));
      return delegate(under, { queue, second });
    },
  };
}

function added(change: (entry: NewEntry, under: QueueUnderTest) => NewEntry): QueueSabotage {
  return methods((queue, under) => ({ add: (entries) => queue.add(entries.map((entry) => change(entry, under))) }));
}

function leased(change: (entries: readonly LeasedEntry[]) => readonly LeasedEntry[]): QueueSabotage {
  return methods((queue) => ({ lease: async (request) => change(await queue.lease(request)) }));
}

function settled(change: (settlement: Settlement, under: QueueUnderTest) => Settlement): QueueSabotage {
  return methods((queue, under) => ({ settle: (all) => queue.settle(all.map((one) => change(one, under))) }));
}

function listed(change: (entries: readonly QueueEntry[]) => readonly QueueEntry[]): QueueSabotage {
  return methods((queue) => ({
    async *entries(filter) {
      const all: QueueEntry[] = [];
      for await (const one of queue.entries(filter)) all.push(one);
      yield* change(all);
    },
  }));
}

/** Answers present to what it has seen before, and forgets it. */
const ignoresWhatItHasSeen: QueueSabotage = methods((queue) => {
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
function withoutFencing(answer: "settled" | "stale"): QueueSabotage {
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
function bringsForward(when: "lease" | "settle"): QueueSabotage {
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

/** For each case of the kit, a queue that is broken in just that way. */
export const queueSabotages: Readonly<Record<string, QueueSabotage>> = {
  "an entry is handed out as it was given": leased((entries) =>
    entries.map((e) => (e.location === undefined ? e : { ...e, location: { ...e.location, identity: {} } })),
  ),
  "what is left out of a location is left out when it is handed out": leased((entries) =>
    entries.map((e) => (e.location === undefined ? e : { ...e, location: { ...e.location, metadata: {} } })),
  ),
  "an entry without a due time waits for the configured delay after its request": added((entry, under) => ({
    ...entry,
    dueAt: entry.dueAt ?? entry.requestedAt ?? under.now(),
  })),
  "an entry with a due time of its own is due then, whatever the delay": added((entry) => without(entry, "dueAt")),
  "adding nothing is answered with nothing": methods((queue) => ({
    add: (entries) => (entries.length === 0 ? Promise.resolve(["added"]) : queue.add(entries)),
  })),
  "the same URI of another image, or in another store, is another entry": added((entry) => ({
    ...entry,
    location: { uri: entry.location.uri },
  })),
  "URIs and image ids are kept byte for byte": added((entry) => ({
    ...entry,
    location: { uri: entry.location.uri.trim() },
  })),
  "an image id that cannot be one is refused, and nothing of the call is added": methods((queue) => ({
    async add(entries) {
      await queue.add(entries.slice(0, 1));
      return queue.add(entries.slice(1));
    },
  })),
  "a queue that takes no entries refuses add": {
    ...methods(() => ({ add: (entries) => Promise.resolve(entries.map(() => "present")) })),
    supports: { add: false },
  },
  "adding the same location again is answered with present and makes no second entry": methods((queue) => ({
    add: async (entries) => (await queue.add(entries)).map(() => "added"),
  })),
  "a location that comes twice in one call is one entry, with the earlier due time": ignoresWhatItHasSeen,
  "adding to a waiting entry keeps the earlier due time": ignoresWhatItHasSeen,
  "adding to a waiting entry keeps the later time of the request": added((entry, under) => ({
    ...entry,
    requestedAt: new Date(Math.min(entry.requestedAt?.getTime() ?? 0, under.now().getTime() - 1)),
  })),
  "a leased entry says whether its due time follows from the delay, whichever add it came from": leased((entries) =>
    entries.map((entry) => without(entry, "dueByDelay")),
  ),
  "adding to an entry in a retry's pause does not cut the pause short": methods((queue, under) => ({
    async add(entries) {
      const results = await queue.add(entries);
      if (!results.includes("present")) return results;
      const taken = await queue.lease({ limit: 9, leaseMs: 9, imageId: entries[0]?.imageId ?? "" });
      await queue.settle(taken.map(({ id, token }) => ({ id, token, kind: "release", visibleAt: under.now() })));
      return results;
    },
  })),
  "adding to a leased entry makes the running settlement stale, and the entry comes back": ignoresWhatItHasSeen,
  "adding to an entry whose lease ran out makes the late settlement stale too": ignoresWhatItHasSeen,
  "adding to a set-aside entry leaves it and says so": methods((queue, under) => ({
    async add(entries) {
      const results = await queue.add(entries);
      if (results.includes("setAside")) await queue.revive({}, under.now());
      return results;
    },
  })),
  "a location that was settled as done is new when it is added again": ignoresWhatItHasSeen,

  "the oldest due is handed out first, and no more than was asked for": leased((entries) => entries.toReversed()),
  "what is not due is not handed out": methods((queue) => ({
    lease: (request) => queue.lease({ ...request, imageId: "a" }),
  })),
  "a leased entry is not handed out again before its lease ends": methods((queue) => ({
    lease: (request) => queue.lease({ ...request, leaseMs: request.leaseMs / 2 }),
  })),
  "a lease that ran out is handed on, and whoever held it can neither renew nor settle": withoutFencing("settled"),
  "renewing prolongs a lease, counted from now": methods(() => ({
    renew: (leases) => Promise.resolve(leases.map(() => true)),
  })),
  "a renewed lease ends too": methods((queue) => ({ renew: (leases, ms) => queue.renew(leases, ms + 1) })),
  "a lost lease is not renewed: neither one that ran out, nor a settled one, nor one that never was": methods(
    (queue) => ({ renew: async (leases, ms) => (await queue.renew(leases, ms)).map(() => true) }),
  ),
  "a lease by image hands out its entries, due or not, waiting out a retry or not, and no other image's": methods(
    (queue) => ({ lease: (request) => queue.lease(without(request, "imageId")) }),
  ),
  "a lease by image takes set-aside entries out, and they can be put back as they were": leased((entries) =>
    entries.map((entry) => without(entry, "setAside")),
  ),
  "entries that were never set aside do not say that they were": leased((entries) =>
    entries.map((entry) => ({ ...entry, setAside: "" })),
  ),
  "a lease by image leaves what somebody else holds": methods((queue) => {
    let held: readonly LeasedEntry[] = [];
    return {
      async lease(request) {
        const entries = await queue.lease(request);
        const all = request.imageId === undefined ? entries : [...held, ...entries];
        held = entries;
        return all;
      },
    };
  }),
  "what was taken by image before its time and released is not handed out before it is due": bringsForward("settle"),
  "an abandoned lease by image does not bring an entry forward": bringsForward("lease"),
  "entries that were released with a lane are left out by its name, and handed out without it": methods((queue) => ({
    lease: (request) => queue.lease(without(request, "exceptLanes")),
  })),
  "a lane is forgotten with the next settlement": settled((one) =>
    one.kind === "retry" ? { ...one, kind: "release", lane: "x" } : one,
  ),
  "two scrubbers at once never get the same entry": methods((queue) => {
    let running: Promise<readonly LeasedEntry[]> | undefined;
    return {
      lease(request) {
        running ??= queue.lease(request).finally(() => {
          running = undefined;
        });
        return running;
      },
    };
  }),
  "what one scrubber adds, leases or settles is so for the other at once": {
    wreck: (under) => delegate(under, { second: () => Promise.resolve(createMemoryQueue()) }),
  },
  "a queue that hands nothing out refuses lease, renew, settle, revive and notes": {
    ...methods(() => ({ notes: () => Promise.resolve(new Map()) })),
    supports: { lease: false },
  },

  "a done entry leaves the queue": settled((one, under) =>
    one.kind === "done" ? { ...one, kind: "release", visibleAt: under.now() } : one,
  ),
  "a released entry waits until it is visible, uncounted, and shows the reason": settled((one) =>
    one.kind === "release" ? { ...one, kind: "retry", error: one.reason ?? "" } : one,
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
};
