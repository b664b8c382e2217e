/**
 * The machinery of Scrubber. Knows the contracts of `@scrubber/core` and no plugin.
 *
 * @packageDocumentation
 */
export type * from "./api.ts";
export type { Timers } from "./clock.ts";
export { checkConfig, defineConfig, type CheckedConfig } from "./config.ts";
export { UNRESOLVED, type CheckedPlugin } from "./config-plugins.ts";
export type { ConfigProblem } from "./config-problems.ts";
export type * from "./events.ts";
export { pluginFailure } from "./opened-plugin.ts";
export { probeStores } from "./probing.ts";
export { showReceipts } from "./receipt-listing.ts";
export { verifyReceipts, type ReceiptVerification } from "./receipt-verification.ts";
export type { Receipt } from "./receipts.ts";
export { createScrubber } from "./scrubber.ts";
export type * from "./summary.ts";
