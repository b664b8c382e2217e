import { isScrubberError, messageOf, ScrubberError } from "@scrubber/core";

/** SQLite's primary result codes, as far as they are told apart here. https://sqlite.org/rescode.html */
const RESULT = {
  PERM: 3,
  BUSY: 5,
  LOCKED: 6,
  READONLY: 8,
  IOERR: 10,
  CORRUPT: 11,
  FULL: 13,
  CANTOPEN: 14,
  AUTH: 23,
  NOTADB: 26,
} as const;

function resultCode(error: unknown): number | undefined {
  if (!(error instanceof Error) || !("errcode" in error) || typeof error.errcode !== "number") return undefined;
  return error.errcode & 0xff;
}

/** Whether somebody else holds the lock: the same call can succeed a moment later. */
export function isBusy(error: unknown): boolean {
  const code = resultCode(error);
  return code === RESULT.BUSY || code === RESULT.LOCKED;
}

/** Makes the queue's own error of whatever SQLite or the file system threw. A mistake in a program (TypeError) stays what it is. */
export function queueError(error: unknown, directory: string): unknown {
  if (isScrubberError(error) || error instanceof TypeError || !(error instanceof Error)) return error;
  switch (resultCode(error) ?? 0) {
    case RESULT.BUSY:
    case RESULT.LOCKED:
      return new ScrubberError("SCRUBBER_QUEUE_UNAVAILABLE", `the queue in ${directory} is locked by another process`, {
        hint: "Nothing was changed. Look for a process that holds it for long: a backup, a copy, or a sqlite3 shell in a transaction.",
        cause: error,
      });
    case RESULT.READONLY:
      return readOnly(directory, error);
    case RESULT.FULL:
      return full(directory, error);
    case RESULT.IOERR:
      // What does not fit any more into the file of shared memory, or into the log, is told so.
      return new ScrubberError(
        "SCRUBBER_QUEUE_UNAVAILABLE",
        `the disk of the queue in ${directory} is full, or fails: ${error.message}`,
        {
          hint: `Look at df ${directory}; where there is space left, look for errors of the disk in the system's log. What was accepted before is safe, the last call changed nothing.`,
          cause: error,
        },
      );
    case RESULT.CORRUPT:
    case RESULT.NOTADB:
      return new ScrubberError(
        "SCRUBBER_QUEUE_CORRUPT",
        `queue.sqlite in ${directory} is damaged, or is no database: ${error.message}`,
        {
          hint: "Nothing was changed. Stop every scrubber, copy the directory, and recover what can be read: sqlite3 queue.sqlite .recover | sqlite3 recovered.sqlite.",
          cause: error,
        },
      );
    default:
      return fileSystemError(error, directory);
  }
}

function fileSystemError(error: Error, directory: string): ScrubberError {
  switch ("code" in error ? error.code : "") {
    case "EROFS":
      return readOnly(directory, error);
    case "ENOSPC":
    case "EDQUOT":
      return full(directory, error);
    case "EACCES":
    case "EPERM":
      return new ScrubberError(
        "SCRUBBER_QUEUE_UNAVAILABLE",
        `no permission for the queue in ${directory}: ${messageOf(error)}`,
        {
          hint: `The directory must belong to the user that runs the scrubber (mode 0700): chown -R USER ${directory}.`,
          cause: error,
        },
      );
    default:
      return new ScrubberError(
        "SCRUBBER_QUEUE_UNAVAILABLE",
        `the queue in ${directory} cannot be used: ${messageOf(error)}`,
        {
          hint: "Look at the directory, its permissions and the disk; nothing that was accepted is lost.",
          cause: error,
        },
      );
  }
}

function readOnly(directory: string, cause: Error): ScrubberError {
  return new ScrubberError(
    "SCRUBBER_QUEUE_READ_ONLY",
    `the queue in ${directory} cannot be written: ${cause.message}`,
    {
      hint: "Mount the disk read-write, and let the files belong to the user that runs the scrubber. Nothing was changed.",
      cause,
    },
  );
}

function full(directory: string, cause: Error): ScrubberError {
  return new ScrubberError("SCRUBBER_QUEUE_UNAVAILABLE", `the disk of the queue in ${directory} is full`, {
    hint: "Free some space; what was accepted before is safe, the last call changed nothing.",
    cause,
  });
}
