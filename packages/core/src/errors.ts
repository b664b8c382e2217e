/**
 * Every error code of Scrubber, in one place. `docs/errors.md` has a heading for each.
 *
 * `environment: true` says that nothing is wrong with the entries: a backend, a registry or the machine is not in order.
 * Such a failure is never counted as an attempt; what it concerns waits, unchanged.
 */
export const ERROR_CODES = {
  // What a person wrote.
  SCRUBBER_USAGE: { environment: false },
  SCRUBBER_CONFIG_NOT_FOUND: { environment: false },
  SCRUBBER_CONFIG_UNREADABLE: { environment: false },
  SCRUBBER_CONFIG_INVALID: { environment: false },
  SCRUBBER_CONFIG_UNKNOWN_KEY: { environment: false },
  SCRUBBER_SECRET_MISSING: { environment: false },
  SCRUBBER_DURATION_INVALID: { environment: false },
  SCRUBBER_INSTANT_INVALID: { environment: false },
  SCRUBBER_IMAGE_ID_INVALID: { environment: false },
  SCRUBBER_LIST_INVALID: { environment: false },
  // Plugins.
  SCRUBBER_PLUGIN_NOT_FOUND: { environment: false },
  SCRUBBER_PLUGIN_DEPENDENCY_MISSING: { environment: false },
  SCRUBBER_PLUGIN_FAILED: { environment: false },
  SCRUBBER_PLUGIN_INVALID: { environment: false },
  SCRUBBER_PLUGIN_KIND: { environment: false },
  SCRUBBER_PLUGIN_CONTRACT: { environment: false },
  SCRUBBER_PLUGIN_OPTIONS: { environment: false },
  SCRUBBER_UNSUPPORTED: { environment: false },
  // Keys and sealed values.
  SCRUBBER_KEY_INVALID: { environment: false },
  SCRUBBER_CANNOT_OPEN: { environment: false },
  // Locations and stores.
  SCRUBBER_LOCATION_INVALID: { environment: false },
  SCRUBBER_BATCH_REJECTED: { environment: false },
  SCRUBBER_STORE_UNAVAILABLE: { environment: true },
  SCRUBBER_STORE_MISCONFIGURED: { environment: true },
  SCRUBBER_STORE_THROTTLED: { environment: true },
  // Queues.
  SCRUBBER_QUEUE_UNAVAILABLE: { environment: true },
  SCRUBBER_QUEUE_CORRUPT: { environment: true },
  SCRUBBER_QUEUE_SCHEMA: { environment: true },
  SCRUBBER_QUEUE_KEY: { environment: true },
  SCRUBBER_QUEUE_NETWORK_FILE_SYSTEM: { environment: true },
  SCRUBBER_QUEUE_READ_ONLY: { environment: true },
  // Registries.
  SCRUBBER_REGISTRY_UNAVAILABLE: { environment: true },
  SCRUBBER_REGISTRY_SCHEMA: { environment: true },
  SCRUBBER_REGISTRY_DENIED: { environment: true },
  SCRUBBER_REGISTRY_ANSWER_INVALID: { environment: true },
  SCRUBBER_REGISTRY_UNKNOWN_IMAGES: { environment: true },
  SCRUBBER_IMAGE_EXISTS: { environment: false },
  SCRUBBER_IMAGE_MISSING: { environment: false },
  SCRUBBER_IMAGE_STATUS: { environment: false },
  // Receipts, and the run as a whole.
  SCRUBBER_RECEIPTS_UNAVAILABLE: { environment: true },
  SCRUBBER_RECEIPTS_INVALID: { environment: false },
  SCRUBBER_RESTORE_REFUSED: { environment: false },
  SCRUBBER_ALREADY_RUNNING: { environment: true },
  SCRUBBER_ABORTED: { environment: true },
} as const;

/** One of {@link ERROR_CODES}. */
export type ErrorCode = keyof typeof ERROR_CODES;

const ENVIRONMENT_CODES: ReadonlySet<string> = new Set(
  Object.entries(ERROR_CODES).flatMap(([code, { environment }]) => (environment ? [code] : [])),
);

/** What {@link ScrubberError} is made of. */
export interface ErrorDetails {
  /** What to do next, as one or two sentences for a person; a command where there is one. */
  readonly hint?: string;
  /** The error underneath. Its message may be shown, so it must be free of secrets too. */
  readonly cause?: unknown;
}

/**
 * The one error class of Scrubber: what happened (`message`: what, where, why), how programs tell it apart (`code`) and what to do next (`hint`).
 *
 * Tell errors apart by `code` (see {@link isScrubberError}), never by `instanceof`: a plugin may bring its own copy of this package.
 * No secret may stand in `message` or `hint`; mask URIs with {@link maskUri}. A mistake in a program is a TypeError instead.
 */
export class ScrubberError extends Error {
  override readonly name = "ScrubberError";
  readonly code: ErrorCode;
  readonly hint: string | undefined;

  constructor(code: ErrorCode, message: string, details: ErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.code = code;
    this.hint = details.hint;
  }
}

/** Whether `error` is a {@link ScrubberError}, of `code` if one is given; works across copies of this package. */
export function isScrubberError(error: unknown, code?: ErrorCode): error is ScrubberError {
  return (
    error instanceof Error &&
    error.name === "ScrubberError" &&
    "code" in error &&
    typeof error.code === "string" &&
    (code === undefined || error.code === code)
  );
}

/** Whether `error` says that the environment is out of order (see {@link ERROR_CODES}) and the entries are not to blame. */
export function isEnvironmentError(error: unknown): error is ScrubberError {
  return isScrubberError(error) && ENVIRONMENT_CODES.has(error.code);
}
