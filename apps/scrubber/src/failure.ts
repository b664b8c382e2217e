import { inspect } from "node:util";
import { isScrubberError, messageOf, type ScrubberError } from "@scrubber/core";
import type { ConfigError } from "./config/problems.ts";
import type { Invocation } from "./invocation.ts";

/** Tells the user of an error: what happened, what to do next, and with `--debug` where it comes from. With `--json` stdout says it too. */
export async function reportFailure(error: unknown, { output, options }: Invocation): Promise<void> {
  const label = output.noteStyle("red", "error:");
  const code = isScrubberError(error) ? error.code : undefined;
  const problems = error instanceof Error && "problems" in error ? (error as ConfigError).problems : undefined;
  if (problems === undefined) {
    const message = code === undefined ? unexpected(error) : (error as ScrubberError).message;
    output.note(`${label} ${message}`);
    const hint = code === undefined ? hintOf(error) : (error as ScrubberError).hint;
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
      hint: (isScrubberError(error) ? error.hint : hintOf(error)) ?? null,
      ...(problems !== undefined && {
        problems: problems.map(({ hint, ...rest }) => ({ ...rest, hint: hint ?? null })),
      }),
    },
  });
}

const BUG_HINT = "This is not an error that Scrubber foresees; --debug shows where it comes from.";
const SYSTEM_HINT = "The system refused it: look at its limits and the disk. --debug shows where it comes from.";

function hintOf(error: unknown): string {
  return isSystemError(error) ? SYSTEM_HINT : BUG_HINT;
}

function unexpected(error: unknown): string {
  if (isSystemError(error)) return `${messageOf(error)}: ${error.path ?? error.syscall}`;
  return error instanceof Error ? `${error.name}: ${error.message}` : String(error);
}

function isSystemError(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && "syscall" in error && "code" in error;
}
