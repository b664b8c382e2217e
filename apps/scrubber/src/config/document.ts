import { readFile } from "node:fs/promises";
import { pathToFileURL } from "node:url";
import { messageOf, ScrubberError } from "@scrubber/core";
import { ConfigError, type Problem } from "./problems.ts";

/** A configuration file as it was read: its value, and where each part of it stands. */
export interface ConfigDocument {
  readonly file: string;
  readonly value: unknown;
  /** Line and column of the value at a path, or of the nearest thing around it; undefined where the format does not tell. */
  at(path: readonly (string | number)[]): { readonly line: number; readonly column: number } | undefined;
}

/**
 * Reads `scrubber.yaml`, or `scrubber.config.ts` (and `.js`, `.mjs`) by its default export.
 *
 * @throws {ConfigError} with line and column. {ScrubberError} `SCRUBBER_CONFIG_UNREADABLE`
 */
export async function readConfigDocument(file: string): Promise<ConfigDocument> {
  return /\.[cm]?[jt]s$/.test(file) ? importConfig(file) : parseYaml(file, await readText(file));
}

async function readText(file: string): Promise<string> {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(await readFile(file));
  } catch (error) {
    throw new ScrubberError("SCRUBBER_CONFIG_UNREADABLE", `cannot read ${file}: ${messageOf(error)}`, {
      hint: "The configuration must be a UTF-8 text file that this user may read.",
      cause: error,
    });
  }
}

async function parseYaml(file: string, text: string): Promise<ConfigDocument> {
  const { LineCounter, isNode, parseDocument } = await import("yaml");
  const lineCounter = new LineCounter();
  const document = parseDocument(text, { lineCounter, prettyErrors: false });
  const position = (offset: number): { line: number; column: number } => {
    const { line, col } = lineCounter.linePos(offset);
    return { line, column: col };
  };
  const problems = [...document.errors, ...document.warnings].map(({ message, pos }): Problem => {
    const { line, column } = position(pos[0]);
    const what = message.replace(/\.$/, "");
    const where = `line ${line}, column ${column}: ${what.charAt(0).toLowerCase()}${what.slice(1)}`;
    return { file, path: "", line, column, code: "SCRUBBER_CONFIG_UNREADABLE", message: where, hint: undefined };
  });
  throwIfAny(problems);
  let value: unknown;
  try {
    value = document.toJS();
  } catch (error) {
    throw invalid(file, messageOf(error), undefined);
  }
  if (value === null || value === undefined) {
    throw invalid(file, "it is empty", "Write one that works at once: scrubber init (in another folder), and compare.");
  }
  return {
    file,
    value,
    at(path) {
      for (let length = path.length; length > 0; length--) {
        const node: unknown = document.getIn(path.slice(0, length), true);
        if (isNode(node) && node.range) return position(node.range[0]);
      }
      return undefined;
    },
  };
}

async function importConfig(file: string): Promise<ConfigDocument> {
  let module: { readonly default?: unknown };
  try {
    // eslint-disable-next-line typescript/no-unsafe-assignment -- what a person's file exports is judged below
    module = await import(pathToFileURL(file).href);
  } catch (error) {
    throw new ScrubberError("SCRUBBER_CONFIG_UNREADABLE", `cannot load ${file}: ${messageOf(error)}`, {
      hint: isOtherModuleKind(error)
        ? 'The package.json beside it says "type": "commonjs", as npm init writes it: write "module" there.'
        : "Node runs it as it is, with the types taken out: no enum, no namespace, no path alias.",
      cause: error,
    });
  }
  if (module.default === undefined) {
    throw invalid(
      file,
      "it has no default export",
      "Write: export default { queue: ..., stores: [...] } satisfies Config;",
    );
  }
  return { file, value: module.default, at: () => undefined };
}

/** Whether a file with `import` and `export` was read as CommonJS. */
function isOtherModuleKind(error: unknown): boolean {
  return (
    error instanceof SyntaxError && /Unexpected token 'export'|import statement outside a module/.test(error.message)
  );
}

function invalid(file: string, message: string, hint: string | undefined): ConfigError {
  return new ConfigError([
    { file, path: "", line: undefined, column: undefined, code: "SCRUBBER_CONFIG_INVALID", message, hint },
  ]);
}

/** Throws them all as one error, if there is any. */
export function throwIfAny(problems: readonly Problem[]): void {
  const [first, ...others] = problems;
  if (first !== undefined) throw new ConfigError([first, ...others]);
}
