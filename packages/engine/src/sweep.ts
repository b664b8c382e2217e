import type { Queue, Registry } from "@scrubber/core";
import type { SweepSummary } from "./api.ts";
import type { ScrubberEvent } from "./events.ts";

/** Brings into the queue what the registry knows and the queue does not. */
export interface Sweep {
  /** Rejects where registry or queue do not answer: a failed listing is never "no work", and leaves no stamp. Also rejects (`SCRUBBER_ABORTED`) when `signal` aborts. */
  run(options?: { readonly signal?: AbortSignal }): Promise<SweepSummary>;
}

export interface SweepOptions {
  /** May be undefined only with `from`. */
  readonly registry: Registry | undefined;
  readonly queue: Queue;
  /** A queue that is only read: its entries are swept instead of the registry's pending locations. */
  readonly from?: Queue | undefined;
  readonly now: () => Date;
  readonly emit: (event: ScrubberEvent) => void;
}

/** The queue's note with the instant (RFC 3339) at which the last whole sweep ended. */
export const SWEEP_FINISHED_AT = "sweep/finishedAt";

export function createSweep(options: SweepOptions): Sweep {
  void options;
  throw new TypeError("createSweep is being written");
}
