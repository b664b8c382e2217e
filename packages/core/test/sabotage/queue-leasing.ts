import type { LeasedEntry } from "../../src/index.ts";
import { createMemoryQueue } from "../../src/memory/index.ts";
import { delegate, without } from "../harness/delegate.ts";
import {
  methods,
  leased,
  settled,
  withoutFencing,
  bringsForward,
  watched,
  type QueueSabotage,
} from "./queue-breaking.ts";

/** Queues that are broken, each in the way that one case looks for: those that lease. */
export const leasingSabotages: Readonly<Record<string, QueueSabotage>> = {
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
  "what is settled as done after its lease ran out is gone, and takes nobody's place in a later lease": watched(
    (queue, under, ends) => {
      let ghosts = 0;
      return {
        async settle(all) {
          for (const { id, kind } of all) {
            if (kind === "done" && (ends.get(id)?.at ?? Infinity) <= under.now().getTime()) ghosts++;
          }
          return queue.settle(all);
        },
        lease(request) {
          if (ghosts === 0) return queue.lease(request);
          ghosts--;
          return Promise.resolve([]);
        },
      };
    },
  ),
  "what is settled to wait after its lease ran out waits as it was settled": watched((queue, under, ends) => ({
    settle: (all) =>
      queue.settle(
        all.map((one) => {
          const isLate = (ends.get(one.id)?.at ?? Infinity) <= under.now().getTime();
          return isLate && "visibleAt" in one ? { ...one, visibleAt: under.now() } : one;
        }),
      ),
  })),
  "leases of different lengths end each at its own time, in whatever order they were given out": methods((queue) => {
    let longest = 0;
    return {
      lease(request) {
        longest = Math.max(longest, request.leaseMs);
        return queue.lease({ ...request, leaseMs: longest });
      },
    };
  }),
  "renewing one lease prolongs no other": watched((queue, _, ends) => ({
    async renew(leases, leaseMs) {
      await queue.renew(
        Array.from(ends.values(), ({ entry }) => entry),
        leaseMs,
      );
      return queue.renew(leases, leaseMs);
    },
  })),
  "a lease by image takes what nobody holds any more, from the very end of the last lease on": methods((queue) => ({
    lease: (request) =>
      queue.lease(request.imageId === undefined ? { ...request, leaseMs: request.leaseMs + 1 } : request),
  })),
  "an entry that came out of its pause is held by one scrubber, while others go on pausing": methods((queue) => {
    let awakened: readonly LeasedEntry[] = [];
    return {
      async lease(request) {
        const entries = await queue.lease(request);
        const again = request.imageId === undefined ? awakened : [];
        awakened = entries.filter(({ attempts }) => attempts > 0);
        return [...entries, ...again];
      },
    };
  }),
  "adding to an entry whose lease ran out, and that nobody else got, makes the late settlement stale":
    withoutFencing("settled"),
  "entries that were released with a lane are left out by its name, and handed out without it": methods((queue) => ({
    lease: (request) => queue.lease(without(request, "exceptLanes")),
  })),
  "a lane is forgotten with the next settlement": settled((one) =>
    one.kind === "retry" ? { ...one, kind: "release", lane: "x" } : one,
  ),
  "a lane is forgotten when an entry is set aside, and does not come back with it": methods((queue) => {
    const lanes = new Map<string, string>();
    return {
      settle(all) {
        for (const one of all) if (one.kind === "release") lanes.set(one.id, one.lane ?? "");
        return queue.settle(all);
      },
      lease: async (request) =>
        (await queue.lease(request)).filter(({ id }) => request.exceptLanes?.has(lanes.get(id) ?? "") !== true),
    };
  }),
  "lanes are told apart byte for byte": settled((one) =>
    one.kind === "release" && one.lane !== undefined ? { ...one, lane: one.lane.trim() } : one,
  ),
};
