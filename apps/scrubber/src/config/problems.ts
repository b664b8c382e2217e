import { ScrubberError, type ErrorCode } from "@scrubber/core";

/** One thing that is wrong with a configuration. */
export interface Problem {
  /** The configuration file, absolute. */
  readonly file: string;
  /** Where in it, as `stores[1].use`; empty for the file as a whole. */
  readonly path: string;
  /** Line in the file, from 1, where that is known. */
  readonly line: number | undefined;
  /** Column in the line, from 1. */
  readonly column: number | undefined;
  readonly code: ErrorCode;
  /** What is wrong, as a clause that follows the path. */
  readonly message: string;
  /** What to do about it. */
  readonly hint: string | undefined;
}

/** Everything that is wrong with a configuration, at once. */
export class ConfigError extends ScrubberError {
  readonly problems: readonly Problem[];

  constructor(problems: readonly [Problem, ...Problem[]]) {
    const [first] = problems;
    const count = problems.length === 1 ? "1 problem" : `${problems.length} problems`;
    super(problems.length === 1 ? first.code : "SCRUBBER_CONFIG_INVALID", `${count} in ${first.file}`);
    this.problems = problems;
  }
}

/** A problem as one line: `stores[1].use: cannot find the package "x". Run: npm install x`. */
export function describeProblem({ path, message, hint }: Problem): string {
  return `${path === "" ? "" : `${path}: `}${message}.${hint === undefined ? "" : ` ${hint}`}`;
}

/** Writes the way to a value as in code: `stores[1].with.roots[0]`. */
export function formatPath(path: readonly PropertyKey[]): string {
  let text = "";
  for (const part of path) {
    if (typeof part === "number") text += `[${part}]`;
    else text += text === "" ? String(part) : `.${String(part)}`;
  }
  return text;
}

/** Reads what `formatPath` wrote. */
export function parsePath(path: string): (string | number)[] {
  return [...path.matchAll(/[^.[\]]+/g)].map(([part]) => (/^\d+$/.test(part) ? Number(part) : part));
}
