import { isScrubberError, ScrubberError, type AnyPlugin } from "@scrubber/core";
import { record } from "./config-plugins.ts";

/** What is called of each kind, whatever it declares under `supports`. */
const METHODS: Readonly<Record<AnyPlugin["kind"], readonly string[]>> = {
  store: ["target", "delete", "inspect", "probe"],
  queue: ["add", "lease", "renew", "settle", "revive", "hasImages", "entries", "stats", "notes", "setNote"],
  registry: ["images", "pendingLocations", "references", "recordDeleted", "restore"],
};

/**
 * Opens a plugin, and looks whether what came of it is of its kind: types hold for TypeScript only, and what is missing would show in the middle of a run.
 * `path`: where it stands, for a person.
 *
 * @throws {ScrubberError} What the plugin throws, with the store that it is of; `SCRUBBER_PLUGIN_FAILED` for an error of another kind;
 *   `SCRUBBER_PLUGIN_INVALID`, naming what is missing.
 */
export async function openPlugin<T>(plugin: AnyPlugin, path: string, open: () => Promise<T>): Promise<T> {
  let opened: T;
  try {
    opened = await open();
  } catch (error) {
    throw pluginFailure(plugin, path, "opened", error);
  }
  requireOpened(plugin, path, opened);
  return opened;
}

/** What a plugin threw, as an error that names it and what was done with it. `path`: where it stands, for a person. */
export function pluginFailure(
  { kind, name }: AnyPlugin,
  path: string,
  done: "opened" | "set up",
  cause: unknown,
): ScrubberError {
  if (isScrubberError(cause)) {
    // There are several stores; of the others there is one each, and it has said what it is.
    if (kind !== "store") return cause;
    const { code, message, hint } = cause;
    return new ScrubberError(code, `${path}: ${message}`, { ...(hint !== undefined && { hint }), cause });
  }
  // Only a ScrubberError's words are known to be free of secrets.
  const code = record(cause)["code"];
  const what = [cause instanceof Error ? cause.name : typeof cause, ...(typeof code === "string" ? [code] : [])];
  return new ScrubberError(
    "SCRUBBER_PLUGIN_FAILED",
    `${path}: the ${kind} plugin "${name}" failed while it was ${done} (${what.join(", ")})`,
    {
      hint: "Look whether what it needs is there, and its options are right; --debug shows the error. Else tell its author.",
      cause,
    },
  );
}

function requireOpened(plugin: AnyPlugin, path: string, opened: unknown): void {
  const at = record(opened);
  const missing = METHODS[plugin.kind].filter((name) => typeof at[name] !== "function").map((name) => `${name}()`);
  if (typeof at["supports"] !== "object" || at["supports"] === null) missing.push("supports");
  if (typeof (at as Partial<AsyncDisposable>)[Symbol.asyncDispose] !== "function")
    missing.push("[Symbol.asyncDispose]()");
  if (plugin.kind === "store") {
    const { batch, concurrency } = record(at["limits"]);
    if (!isCount(batch) || !isCount(concurrency))
      missing.push("limits (batch and concurrency, each a whole number from 1)");
    if (!isSchemes(at["schemes"])) missing.push("schemes (in lower case, without the colon)");
    if (!isPlace(at["place"])) missing.push("a place that is a text (or none)");
  }
  if (missing.length === 0) return;
  throw new ScrubberError(
    "SCRUBBER_PLUGIN_INVALID",
    `${path}: what the plugin "${plugin.name}" opened is no ${plugin.kind}: it lacks ${missing.join(", ")}`,
    {
      hint: "This is a defect of the plugin: tell its author. The test kit in @scrubber/core/conformance shows the whole contract.",
    },
  );
}

function isCount(value: unknown): boolean {
  return Number.isSafeInteger(value) && Number(value) >= 1;
}

function isPlace(value: unknown): boolean {
  return value === undefined || (typeof value === "string" && value !== "");
}

function isSchemes(value: unknown): boolean {
  return (
    Array.isArray(value) &&
    value.length > 0 &&
    value.every((scheme) => typeof scheme === "string" && /^[a-z][a-z\d+.-]*$/.test(scheme))
  );
}
