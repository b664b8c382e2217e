import { dirname } from "node:path";
import type { ErrorCode, PluginKind } from "@scrubber/core";
import type { CheckedConfig, Config } from "@scrubber/engine";
import { isPlainObject, type Redactor } from "../redactor.ts";
import { findConfig, type Whereabouts } from "./discovery.ts";
import { readConfigDocument, throwIfAny, type ConfigDocument } from "./document.ts";
import { loadPlugin } from "./plugins.ts";
import { parsePath, formatPath, type Problem } from "./problems.ts";
import { resolveSecrets } from "./secrets.ts";

/** A configuration that can be opened: plugins are loaded, secrets filled in, everything is checked. */
export interface LoadedConfig {
  readonly file: string;
  /** What relative paths in it are relative to. */
  readonly directory: string;
  readonly config: Config;
  readonly checked: CheckedConfig;
}

/** Finds, reads and checks the configuration; opens nothing. @throws {ConfigError} with all that is wrong. */
export async function loadConfig(whereabouts: Whereabouts, redactor: Redactor): Promise<LoadedConfig> {
  return composeConfig(await readConfigDocument(findConfig(whereabouts)), whereabouts.env, redactor);
}

/** Checks a configuration that was read, or made from another one, with plugins under their packages' names. @throws {ConfigError} with all that is wrong. */
export async function composeConfig(
  document: ConfigDocument,
  env: NodeJS.ProcessEnv,
  redactor: Redactor,
): Promise<LoadedConfig> {
  const { UNRESOLVED, checkConfig } = await import("@scrubber/engine");
  const { file } = document;
  const directory = dirname(file);
  const problems: Problem[] = [];
  const report = (path: string, code: ErrorCode, message: string, hint: string | undefined): void => {
    const at = document.at(parsePath(path));
    problems.push({ file, path, line: at?.line, column: at?.column, code, message, hint });
  };

  const value = withSecrets(document.value, env, directory, redactor, report);
  const config = await mapUses(value, async (use, kind, path) => {
    const loaded = await loadPlugin(use, kind, directory);
    if (!("fault" in loaded)) return loaded.plugin;
    const { code, message, hint } = loaded.fault;
    report(path, code, message, hint);
    return UNRESOLVED;
  });
  const checked = await checkConfig(config);
  for (const { path, code, message, hint } of checked.problems ?? []) {
    // What stands for a secret that is missing has been reported as that.
    const missing = problems.some((known) => known.code === "SCRUBBER_SECRET_MISSING" && known.path.startsWith(path));
    if (!missing) report(path, code, message, hint);
  }
  throwIfAny(problems.toSorted((a, b) => (a.line ?? 0) - (b.line ?? 0)));
  if (checked.config === undefined) throw new TypeError("a configuration was refused without a reason");
  return { file, directory, config: config as Config, checked: checked.config };
}

type Report = (path: string, code: ErrorCode, message: string, hint: string | undefined) => void;

function withSecrets(
  value: unknown,
  env: NodeJS.ProcessEnv,
  directory: string,
  redactor: Redactor,
  report: Report,
): unknown {
  const fill = (part: unknown, path: readonly (string | number)[]): unknown => {
    const filled = resolveSecrets(part, path, {
      env,
      directory,
      redactor,
      report: (at, message, hint) => report(formatPath(at), "SCRUBBER_SECRET_MISSING", message, hint),
    });
    redactor.addFrom(filled);
    return filled;
  };
  const options = (entry: unknown, path: readonly (string | number)[]): unknown =>
    isPlainObject(entry) && "with" in entry ? { ...entry, with: fill(entry["with"], [...path, "with"]) } : entry;

  if (!isPlainObject(value)) return value;
  const { queue, registry, sweep, stores, encryption, receipts } = value;
  return {
    ...value,
    ...("queue" in value && { queue: options(queue, ["queue"]) }),
    ...("registry" in value && { registry: options(registry, ["registry"]) }),
    ...(isPlainObject(sweep) &&
      "from" in sweep && { sweep: { ...sweep, from: options(sweep["from"], ["sweep", "from"]) } }),
    ...(Array.isArray(stores) && { stores: stores.map((store, index) => options(store, ["stores", index])) }),
    ...("encryption" in value && { encryption: fill(encryption, ["encryption"]) }),
    ...("receipts" in value && { receipts: fill(receipts, ["receipts"]) }),
  };
}

/** A copy of the configuration in which every `use` that is a string is replaced by what `load` makes of it. */
async function mapUses(
  value: unknown,
  load: (use: string, kind: PluginKind, path: string) => Promise<unknown>,
): Promise<unknown> {
  const loaded = async (entry: unknown, kind: PluginKind, path: string): Promise<unknown> =>
    isPlainObject(entry) && typeof entry["use"] === "string"
      ? { ...entry, use: await load(entry["use"], kind, `${path}.use`) }
      : entry;

  if (!isPlainObject(value)) return value;
  const { queue, registry, sweep, stores } = value;
  return {
    ...value,
    ...("queue" in value && { queue: await loaded(queue, "queue", "queue") }),
    ...("registry" in value && { registry: await loaded(registry, "registry", "registry") }),
    ...(isPlainObject(sweep) &&
      "from" in sweep && { sweep: { ...sweep, from: await loaded(sweep["from"], "queue", "sweep.from") } }),
    ...(Array.isArray(stores) && {
      stores: await Promise.all(stores.map((store, index) => loaded(store, "store", `stores[${index}]`))),
    }),
  };
}
