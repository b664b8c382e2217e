import type { Queue } from "@scrubber/core";

/** How far it is looked past what waits for something else; each thousand costs some milliseconds. */
const MOST_PASSED_OVER = 100_000;

/**
 * The due time of the oldest entry that could be tried now; undefined: there is none. Past a hundred thousand older ones that cannot be (held by their store,
 * or waiting out a pause) it is not looked: then it is the due time of the last one seen, at which or after which the wanted one was due.
 */
export async function oldestReady(queue: Pick<Queue, "entries">, now: Date): Promise<Date | undefined> {
  let passedOver = 0;
  for await (const { dueAt, visibleAt } of queue.entries({ state: "waiting", dueBefore: now })) {
    if (visibleAt <= now || ++passedOver === MOST_PASSED_OVER) return dueAt;
  }
  return undefined;
}

/** How long ago that was, in whole seconds. */
export function secondsSince(at: Date | undefined, now: Date): number {
  return at === undefined ? 0 : Math.max(0, Math.round((now.getTime() - at.getTime()) / 1000));
}
