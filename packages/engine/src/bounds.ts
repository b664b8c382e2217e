import type { ErrorCode, Queue, Registry } from "@scrubber/core";
import { bounded, type Timers } from "./clock.ts";

/** The same queue, of which every call rejects with `SCRUBBER_QUEUE_UNAVAILABLE` if it has not answered within `ms`. Closing it closes nothing. */
export function boundQueue(queue: Queue, timers: Timers, ms: number): Queue {
  const within = <T>(call: () => Promise<T>): Promise<T> =>
    bounded(timers, ms, "SCRUBBER_QUEUE_UNAVAILABLE", "the queue", call);
  return {
    supports: queue.supports,
    add: (entries) => within(() => queue.add(entries)),
    lease: (request) => within(() => queue.lease(request)),
    renew: (leases, leaseMs) => within(() => queue.renew(leases, leaseMs)),
    settle: (settlements) => within(() => queue.settle(settlements)),
    revive: (filter, visibleAt) => within(() => queue.revive(filter, visibleAt)),
    hasImages: (ids) => within(() => queue.hasImages(ids)),
    ...(queue.statesOf === undefined
      ? {}
      : { statesOf: (locations) => within(() => queue.statesOf?.(locations) ?? Promise.resolve([])) }),
    entries: (filter) => boundStream(queue.entries(filter), timers, ms, "SCRUBBER_QUEUE_UNAVAILABLE", "the queue"),
    stats: () => within(() => queue.stats()),
    notes: () => within(() => queue.notes()),
    setNote: (key, value) => within(() => queue.setNote(key, value)),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}

/** The same registry, of which every call rejects with `SCRUBBER_REGISTRY_UNAVAILABLE` if it has not answered within `ms`. Closing it closes nothing. */
export function boundRegistry(registry: Registry, timers: Timers, ms: number): Registry {
  const within = <T>(call: () => Promise<T>): Promise<T> =>
    bounded(timers, ms, "SCRUBBER_REGISTRY_UNAVAILABLE", "the registry", call);
  return {
    supports: registry.supports,
    images: (ids) => within(() => registry.images(ids)),
    pendingLocations: (page) => within(() => registry.pendingLocations(page)),
    references: (after) =>
      boundStream(registry.references(after), timers, ms, "SCRUBBER_REGISTRY_UNAVAILABLE", "the registry"),
    recordDeleted: (deletions) => within(() => registry.recordDeleted(deletions)),
    restore: (imageId) => within(() => registry.restore(imageId)),
    addImage: (image) => within(() => registry.addImage(image)),
    requestDeletion: (imageId) => within(() => registry.requestDeletion(imageId)),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}

/** Each step of a stream is bounded, not the whole: a long listing that goes on is in order. */
function boundStream<T>(
  stream: AsyncIterable<T>,
  timers: Timers,
  ms: number,
  code: ErrorCode,
  what: string,
): AsyncIterable<T> {
  return {
    [Symbol.asyncIterator]() {
      const iterator = stream[Symbol.asyncIterator]();
      return {
        next: () => bounded(timers, ms, code, what, () => iterator.next()),
        return: async () => (await iterator.return?.()) ?? { done: true, value: undefined },
      };
    },
  };
}
