import type { Admission } from "./admission.ts";
import type { Clock } from "./clock.ts";
import type { Emitter } from "./emitter.ts";
import type { Slip } from "./settling.ts";

/** What a lane needs of the pass that it belongs to. */
export interface LaneWork {
  readonly clock: Clock;
  readonly emitter: Emitter;
  readonly admission: Admission | undefined;
  readonly callMs: number;
  readonly maxAttempts: number;
  /** Entries leased at once. */
  readonly leased: number;
  readonly random: () => number;
  /** Aborts calls that are running. */
  readonly stopNow: AbortSignal;
  readonly submit: (slip: Slip) => void;
  /** A call ended. */
  readonly progressed: () => void;
  readonly registryFailed: (error: unknown) => void;
  /** Something happened that nobody foresaw. */
  readonly broke: (error: unknown) => void;
}
