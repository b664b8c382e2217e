import { register, type Suite } from "./case.ts";
import { addingCases } from "./cases/queue-adding.ts";
import type { QueueCase } from "./cases/queue-case.ts";
import { collisionCases } from "./cases/queue-collisions.ts";
import { durabilityCases } from "./cases/queue-durability.ts";
import { leasingCases } from "./cases/queue-leasing.ts";
import { readingCases } from "./cases/queue-reading.ts";
import { settlingCases } from "./cases/queue-settling.ts";
import type { QueueHarness, QueueUnderTest, Runner } from "./harness.ts";
import type { QueueSupports } from "../queue.ts";

/** What every queue promises, as data. */
export const queueCases: readonly QueueCase[] = [
  ...addingCases,
  ...collisionCases,
  ...leasingCases,
  ...settlingCases,
  ...readingCases,
  ...durabilityCases,
];

/** Registers a test for every promise of a queue. */
export function testQueue(runner: Runner, harness: QueueHarness): void {
  register(runner, queueSuite(harness));
}

/** The cases on a harness, for whoever runs them one by one. */
export function queueSuite(
  harness: QueueHarness,
): Suite<QueueUnderTest, keyof QueueSupports, { readonly delayMs?: number }> {
  return {
    title: `the queue ${harness.name} keeps its promises`,
    cases: queueCases,
    open: (options) => harness.open(options),
    supports: ({ queue }) => queue.supports,
  };
}
