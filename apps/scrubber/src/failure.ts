import { inspect } from "node:util";
import { isScrubberError, type ErrorCode, type ScrubberError } from "@scrubber/core";
import type { ConfigError } from "./config/problems.ts";
import type { Invocation } from "./invocation.ts";

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

const SYSTEM_ERRORS: Readonly<Record<string, string>> = {
  ENOENT: "no such file or directory",
  EACCES: "permission denied",
  EPERM: "operation not permitted",
  EISDIR: "it is a directory",
  ENOTDIR: "a part of the path is no directory",
  EROFS: "the file system is read-only",
  ENOSPC: "no space left on the device",
  EMFILE: "too many open files",
  EEXIST: "it exists already",
  ELOOP: "too many symbolic links",
  ENAMETOOLONG: "the name is too long",
};

/** The message of whatever was thrown, on one line; a system error in words, without the call's name and the path. */
export function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const code = "code" in error && typeof error.code === "string" ? error.code : "";
  return SYSTEM_ERRORS[code] ?? (error.message.split("\n", 1)[0]?.trim() || error.name);
}

/** Tells the user of an error: what happened, what to do next, and with `--debug` where it comes from. With `--json` stdout says it too. */
export async function reportFailure(error: unknown, { output, options }: Invocation): Promise<void> {
  const label = output.noteStyle("red", "error:");
  const code = isScrubberError(error) ? error.code : undefined;
  const problems = error instanceof Error && "problems" in error ? (error as ConfigError).problems : undefined;
  if (problems === undefined) {
    const message = code === undefined ? unexpected(error) : (error as ScrubberError).message;
    output.note(`${label} ${message}`);
    const hint = code === undefined ? BUG_HINT : (error as ScrubberError).hint;
    if (hint !== undefined) output.note(hint);
  } else {
    output.note(`${label} ${(error as Error).message}`);
    const { describeProblem } = await import("./config/problems.ts");
    for (const problem of problems) {
      const line =
        problem.line === undefined || problem.path === "" ? "" : output.noteStyle("dim", `line ${problem.line}: `);
      output.note(`  ${line}${describeProblem(problem)}`);
    }
  }
  if (options.debug) output.note(inspect(error));
  else if (code !== undefined) output.note(output.noteStyle("dim", `(${code})`));
  await output.object({
    error: {
      code: code ?? "UNEXPECTED",
      message: error instanceof Error ? error.message : String(error),
      hint: (isScrubberError(error) ? error.hint : BUG_HINT) ?? null,
      ...(problems !== undefined && {
        problems: problems.map(({ hint, ...rest }) => ({ ...rest, hint: hint ?? null })),
      }),
    },
  });
}

const BUG_HINT = "This is not an error that Scrubber foresees; --debug shows where it comes from.";

function unexpected(error: unknown): string {
  return error instanceof Error ? `${error.name}: ${error.message}` : String(error);
}
