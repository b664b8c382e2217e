import type { Queue, Registry } from "@scrubber/core";
import type { Route } from "./admission.ts";
import type { RestoreSummary } from "./api.ts";
import type { ReceiptLog } from "./receipts.ts";
import type { OpenStore } from "./routing.ts";

/** Takes deletions back. */
export interface Restore {
  restore(imageId: string): Promise<RestoreSummary>;
}

export interface RestoreOptions {
  readonly registry: Registry | undefined;
  readonly queue: Queue;
  readonly stores: readonly OpenStore[];
  readonly route: Route;
  readonly receipts: ReceiptLog | undefined;
  readonly now: () => Date;
}

export function createRestore(options: RestoreOptions): Restore {
  void options;
  throw new TypeError("createRestore is being written");
}
