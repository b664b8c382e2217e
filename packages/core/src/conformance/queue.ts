import { register, type Suite } from "./case.ts";
import { addingCases } from "./cases/queue-adding.ts";
import type { QueueCase } from "./cases/queue-case.ts";
import { collisionCases } from "./cases/queue-collisions.ts";
import { durabilityCases } from "./cases/queue-durability.ts";
import { batchCases } from "./cases/queue-batches.ts";
import { expiryCases } from "./cases/queue-expiry.ts";
import { figureCases } from "./cases/queue-figures.ts";
import { laneCases } from "./cases/queue-lanes.ts";
import { leasingCases } from "./cases/queue-leasing.ts";
import { listingCases } from "./cases/queue-listing.ts";
import { readingCases } from "./cases/queue-reading.ts";
import { revivingCases } from "./cases/queue-reviving.ts";
import { settlingCases } from "./cases/queue-settling.ts";
import type { QueueHarness, QueueUnderTest, Runner } from "./harness.ts";
import type { QueueSupports } from "../queue.ts";

/** What every queue promises, as data. */
export const queueCases: readonly QueueCase[] = [
  ...addingCases,
  ...collisionCases,
  ...leasingCases,
  ...expiryCases,
  ...laneCases,
  ...settlingCases,
  ...batchCases,
  ...revivingCases,
  ...listingCases,
  ...figureCases,
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
