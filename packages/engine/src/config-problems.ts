import { isScrubberError, ScrubberError, type ErrorCode } from "@scrubber/core";
import type { BaseIssue } from "valibot";
import { DURATION, ID, KNOWN } from "./config-schema.ts";

/** One thing that is wrong with a configuration. */
export interface ConfigProblem {
  /** Where: `stores[1].with.region`. */
  readonly path: string;
  readonly code: ErrorCode;
  readonly message: string;
  readonly hint: string;
}

/** All problems as one error, for whoever has no better way to show them. */
export function configError(problems: readonly ConfigProblem[]): ScrubberError {
  const lines = problems.map(({ path, message, hint }) => `${path === "" ? "" : `${path}: `}${message}. ${hint}`);
  return new ScrubberError(
    problems.length === 1 ? (problems[0]?.code ?? "SCRUBBER_CONFIG_INVALID") : "SCRUBBER_CONFIG_INVALID",
    lines.length === 1 ? (lines[0] ?? "") : `the configuration has ${lines.length} problems:\n${lines.join("\n")}`,
  );
}

/** A list where there must be a mapping: most likely dashes that are too many. */
export function notAMapping(path: string): ConfigProblem {
  return {
    path,
    code: "SCRUBBER_CONFIG_INVALID",
    message: "it is a list, and must be a mapping",
    hint: `Write keys without a dash in front of them. Known here: ${(KNOWN[path.replace(/\[\d+\]/g, "[]")] ?? []).join(", ")}.`,
  };
}

/** What is wrong with the shape. */
export function shapeProblems(issue: BaseIssue<unknown>): readonly ConfigProblem[] {
  // A union tells only that no member fits; the issues of the member that was meant say why.
  if (issue.type === "union" && issue.issues !== undefined) {
    const meant = issue.issues.filter(({ type }) => type !== "literal");
    const below = typeof issue.input === "object" ? meant : [];
    if (below.length > 0) return below.flatMap((inner) => shapeProblems({ ...inner, path: joined(issue, inner) }));
  }
  const keys = (issue.path ?? []).map(({ key }) => key);
  const list = (issue.path ?? []).findIndex(({ input, key }) => Array.isArray(input) && typeof key === "string");
  if (list >= 0) return [notAMapping(shownPath(keys.slice(0, list)))];
  // `use` has words of its own.
  if (keys.at(-1) === "use") return [];
  const path = shownPath(keys);
  if (issue.type === "strict_object" && issue.expected === "never") {
    const place = shownPath(keys.slice(0, -1)).replace(/\[\d+\]/g, "[]");
    return [
      {
        path,
        code: "SCRUBBER_CONFIG_UNKNOWN_KEY",
        message: `the key "${String(keys.at(-1))}" is not known here`,
        hint: `Known here: ${(KNOWN[place] ?? []).join(", ")}.`,
      },
    ];
  }
  if (issue.message === DURATION && issue.input !== undefined) {
    return [
      {
        path,
        code: "SCRUBBER_DURATION_INVALID",
        message: `${JSON.stringify(issue.input)} is no duration`,
        hint: "Write a whole number with a unit (ms, s, m, h, d), or several joined: 24h, 1h30m, 500ms.",
      },
    ];
  }
  if (issue.message === ID) {
    return [
      {
        path,
        code: "SCRUBBER_CONFIG_INVALID",
        message: `${JSON.stringify(issue.input)} cannot be a store's id`,
        hint: "An id is 1 to 63 letters, digits, dots, hyphens and underscores, and begins with a letter or a digit.",
      },
    ];
  }
  const missing = issue.input === undefined;
  return [
    {
      path,
      code: "SCRUBBER_CONFIG_INVALID",
      message: missing ? "it is missing" : sentence(issue.message),
      hint: "docs/configuration.md describes every key.",
    },
  ];
}

function joined(outer: BaseIssue<unknown>, inner: BaseIssue<unknown>): NonNullable<BaseIssue<unknown>["path"]> {
  const [first, ...rest] = [...(outer.path ?? []), ...(inner.path ?? [])];
  if (first === undefined) throw new TypeError("an issue without a path in a union");
  return [first, ...rest];
}

/** `stores[1].with.region`. */
export function shownPath(keys: readonly unknown[], before = ""): string {
  let path = before;
  for (const key of keys) {
    const text = String(key);
    path += /^\d+$/.test(text) ? `[${text}]` : path === "" ? text : `.${text}`;
  }
  return path;
}

/** A library's message as a clause, without the value that it quotes: that may be a secret. */
export function sentence(message: string): string {
  if (message.endsWith("received undefined")) return "it is missing";
  const text = message
    .replace(/(?: but received|: received) .*$/is, "")
    .replace(/^Invalid [^:]+: (?=Expected )/, "")
    .replace(/\.$/, "");
  return text.charAt(0).toLowerCase() + text.slice(1);
}

/** An error as a problem at `path`. */
export function fromError(error: unknown, path: string): ConfigProblem {
  if (!isScrubberError(error)) throw error;
  return { path, code: error.code, message: error.message, hint: error.hint ?? "" };
}
