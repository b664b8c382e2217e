import type { EntryFilter, Queue, QueueEntry } from "@scrubber/core";

/** All entries of a queue. */
export function collect(queue: Queue, filter?: EntryFilter): Promise<QueueEntry[]> {
  return Array.fromAsync(queue.entries(filter));
}

/** The URIs of all entries, sorted. */
export async function uris(queue: Queue): Promise<string[]> {
  return (await collect(queue))
    .map(({ location, unreadable }) => location?.uri ?? `unreadable: ${unreadable}`)
    .toSorted();
}
