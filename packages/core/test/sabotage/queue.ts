import { addingSabotages } from "./queue-adding.ts";
import type { QueueSabotage } from "./queue-breaking.ts";
import { leasingSabotages } from "./queue-leasing.ts";
import { readingSabotages } from "./queue-reading.ts";
import { settlingSabotages } from "./queue-settling.ts";

/** For each case of the kit, a queue that is broken in just that way. */
export const queueSabotages: Readonly<Record<string, QueueSabotage>> = {
  ...addingSabotages,
  ...leasingSabotages,
  ...settlingSabotages,
  ...readingSabotages,
};
