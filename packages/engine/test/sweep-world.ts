import type { QueueEntry, Registry } from "@scrubber/core";
import {
  createClock,
  createMemoryQueue,
  createMemoryRegistry,
  type Clock,
  type MemoryQueue,
  type MemoryRegistry,
} from "@scrubber/core/memory";
import { beforeEach } from "vitest";
import type { ScrubberEvent } from "../src/events.ts";
import { createSweep, SWEEP_FINISHED_AT, type Sweep } from "../src/sweep.ts";

export const HOUR = 3_600_000;
export const DELAY: number = 24 * HOUR;

export let clock: Clock;
export let queue: MemoryQueue;
export let registry: MemoryRegistry;
export let events: ScrubberEvent[];
export let sweep: Sweep;

beforeEach(() => {
  clock = createClock();
  queue = createMemoryQueue({ now: () => clock.now(), delayMs: DELAY });
  registry = createMemoryRegistry({ now: () => clock.now() });
  events = [];
  sweep = sweepOf(registry);
});

export function sweepOf(of: Registry | undefined, from?: MemoryQueue): Sweep {
  return createSweep({
    registry: of,
    queue,
    from,
    delayMs: DELAY,
    nextInMs: HOUR,
    now: () => clock.now(),
    emit: (event) => events.push(event),
  });
}

export async function entries(): Promise<readonly QueueEntry[]> {
  const found: QueueEntry[] = [];
  for await (const entry of queue.entries()) found.push(entry);
  return found;
}

export async function queued(): Promise<readonly string[]> {
  return (await entries()).map(({ imageId, location }) => `${imageId} ${location?.uri}`).toSorted();
}

export async function stamp(): Promise<unknown> {
  return (await queue.notes()).get(SWEEP_FINISHED_AT);
}

export function warnings(): readonly string[] {
  return events.flatMap((event) => (event.type === "warning" ? [event.message] : []));
}

/** The same, with a sweep of other options. */
export function useSweep(other: Sweep): void {
  sweep = other;
}
