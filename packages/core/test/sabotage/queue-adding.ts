import { without } from "../harness/delegate.ts";
import { methods, added, leased, ignoresWhatItHasSeen, type QueueSabotage } from "./queue-breaking.ts";

/** Queues that are broken, each in the way that one case looks for: those that add and collide. */
export const addingSabotages: Readonly<Record<string, QueueSabotage>> = {
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
  "adding nothing is answered with nothing": methods((queue) => ({
    add: (entries) => (entries.length === 0 ? Promise.resolve(["added"]) : queue.add(entries)),
  })),
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
  "the earlier due time is kept, whether it is the entry's own or follows from the delay": added((entry, under) =>
    entry.dueAt === undefined ? { ...entry, requestedAt: new Date(under.now().getTime() + 7_200_000) } : entry,
  ),
  "adding again takes identity and metadata from the later one, and keeps what it does not have": added((entry) => ({
    ...entry,
    location: without(entry.location, "identity"),
  })),
};
