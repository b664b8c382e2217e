import type { QueueHarness, QueueUnderTest } from "../../src/conformance/index.ts";
import { createClock, createMemoryQueue } from "../../src/memory/index.ts";
import type { Queue, QueueSupports } from "../../src/index.ts";
import { delegate } from "./delegate.ts";

/** A memory queue that outlives its handles, so that it may call itself durable and shared. */
export function memoryQueueHarness(supports: Partial<QueueSupports> = { durable: true, shared: true }): QueueHarness {
  return {
    name: "in memory",
    open({ delayMs = 0 } = {}): Promise<QueueUnderTest> {
      const clock = createClock();
      const queue = createMemoryQueue({ ...clock, delayMs, supports });
      return Promise.resolve({
        queue,
        ...clock,
        reopen: async (options) => {
          await queue[Symbol.asyncDispose]();
          return queue.reopen(options?.delayMs);
        },
        second: () => Promise.resolve(delegate<Queue>(queue, { [Symbol.asyncDispose]: async () => {} })),
        addUnreadable: (imageId) => Promise.resolve(queue.addUnreadable(imageId)),
        dropUnreadable: () => Promise.resolve(queue.quarantine()),
        seed: (entries) => Promise.resolve(queue.seed(entries)),
        [Symbol.asyncDispose]: () => queue[Symbol.asyncDispose](),
      });
    },
  };
}
