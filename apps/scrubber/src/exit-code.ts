import { isScrubberError, type ErrorCode } from "@scrubber/core";

/** The process's exit codes. */
export const EXIT = {
  /** Done, or nothing to do. */
  done: 0,
  /** Configuration or environment. */
  environment: 1,
  /** Not understood. */
  usage: 2,
  /** Finished, but something did not succeed. */
  incomplete: 3,
} as const;

export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

const CODES: Partial<Record<ErrorCode, ExitCode>> = {
  SCRUBBER_USAGE: EXIT.usage,
  SCRUBBER_DURATION_INVALID: EXIT.usage,
  SCRUBBER_INSTANT_INVALID: EXIT.usage,
  SCRUBBER_IMAGE_ID_INVALID: EXIT.usage,
  SCRUBBER_LOCATION_INVALID: EXIT.usage,
  SCRUBBER_IMAGE_EXISTS: EXIT.incomplete,
  SCRUBBER_IMAGE_MISSING: EXIT.incomplete,
  SCRUBBER_IMAGE_STATUS: EXIT.incomplete,
  SCRUBBER_RESTORE_REFUSED: EXIT.incomplete,
  SCRUBBER_RECEIPTS_INVALID: EXIT.incomplete,
};

/** What an error ends the process with. */
export function exitCodeOf(error: unknown): ExitCode {
  return (isScrubberError(error) ? CODES[error.code] : undefined) ?? EXIT.environment;
}
