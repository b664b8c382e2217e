import * as v from "valibot";
import {
  CONTRACT,
  createCipher,
  parseDuration,
  ScrubberError,
  isScrubberError,
  type AnyPlugin,
  type Cipher,
  type ErrorCode,
  type PluginKind,
  type QueuePlugin,
  type RegistryPlugin,
  type StandardSchemaV1,
  type StorePlugin,
} from "@scrubber/core";
import type { Config } from "./api.ts";

/** One thing that is wrong with a configuration. */
export interface ConfigProblem {
  /** Where: `stores[1].with.region`. */
  readonly path: string;
  readonly code: ErrorCode;
  readonly message: string;
  readonly hint: string;
}

/** A plugin with options that it has accepted. */
export interface CheckedPlugin<P> {
  readonly plugin: P;
  readonly options: unknown;
}

/** A configuration in which all is known to be right: durations are milliseconds, defaults are filled in. */
export interface CheckedConfig {
  readonly queue: CheckedPlugin<QueuePlugin>;
  readonly registry: CheckedPlugin<RegistryPlugin> | undefined;
  readonly sweep: { readonly everyMs: number; readonly from: CheckedPlugin<QueuePlugin> | undefined } | undefined;
  readonly stores: readonly (CheckedPlugin<StorePlugin> & {
    readonly id: string;
    readonly limits: { readonly batch?: number | undefined; readonly concurrency?: number | undefined };
  })[];
  readonly scrub: {
    readonly delayMs: number;
    readonly wakeupMs: number;
    readonly batch: number;
    readonly maxAttempts: number;
    readonly unknownImage: "setAside" | "delete";
    readonly drainMs: number;
  };
  readonly cipher: Cipher | undefined;
  readonly receipts: { readonly directory: string; readonly key: string | undefined } | undefined;
}

/** Stands for a plugin that could not be loaded: whoever tried has said so already. No problem is reported for it, and its options are not looked at. */
export const UNRESOLVED: unique symbol = Symbol("scrubber.unresolved");

/** The identity, with types: for configurations in code. */
export function defineConfig(config: Config): Config {
  return config;
}

const DURATION = "duration";
const ID = "id";
const duration = v.custom<string>((value) => durationMs(value) !== undefined, DURATION);
const count = (least: number, most: number): v.GenericSchema<number> =>
  v.pipe(v.number(), v.integer(), v.minValue(least), v.maxValue(most));
const use = { use: v.unknown(), with: v.optional(v.unknown()) };
const storeId = v.custom<string>(
  (value) => typeof value === "string" && /^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/.test(value),
  ID,
);

const scrub = v.strictObject({
  delay: v.optional(duration, "0s"),
  wakeup: v.optional(duration, "300s"),
  batch: v.optional(count(1, 10_000), 1000),
  maxAttempts: v.optional(count(1, 1000), 10),
  unknownImage: v.optional(v.picklist(["setAside", "delete"]), "setAside"),
  drain: v.optional(duration, "30s"),
});
const queue = v.strictObject(use);
const sweep = v.strictObject({ every: v.optional(duration, "24h"), from: v.optional(queue) });
const limits = v.strictObject({
  batch: v.optional(count(1, 100_000)),
  concurrency: v.optional(count(1, 10_000)),
});
const store = v.strictObject({ ...use, id: v.optional(storeId), limits: v.optional(limits) });
const encryption = v.strictObject({ keys: v.pipe(v.array(v.string()), v.minLength(1)) });
const receipts = v.strictObject({
  directory: v.pipe(v.string(), v.minLength(1)),
  key: v.optional(v.pipe(v.string(), v.minLength(1))),
});
const schema = v.strictObject({
  queue,
  registry: v.optional(v.strictObject(use)),
  sweep: v.optional(v.union([v.literal(false), sweep])),
  stores: v.pipe(v.array(store), v.minLength(1)),
  scrub: v.optional(scrub, {}),
  encryption: v.optional(encryption),
  receipts: v.optional(receipts),
});

/** The keys that are known at each place, for the hint on one that is not. */
const KNOWN: Readonly<Record<string, v.ObjectEntries>> = {
  "": schema.entries,
  queue: queue.entries,
  registry: queue.entries,
  sweep: sweep.entries,
  "sweep.from": queue.entries,
  "stores[]": store.entries,
  "stores[].limits": limits.entries,
  scrub: scrub.entries,
  encryption: encryption.entries,
  receipts: receipts.entries,
};

/**
 * Checks a whole configuration: the shape, the plugins under `use` (their kind and contract; loading them is the caller's), and the options under `with`
 * by each plugin's own schema. All problems are found at once. Opens nothing.
 */
export async function checkConfig(
  value: unknown,
): Promise<
  | { readonly config: CheckedConfig; readonly problems?: undefined }
  | { readonly config?: undefined; readonly problems: readonly ConfigProblem[] }
> {
  const problems: ConfigProblem[] = [];
  const shape = v.safeParse(schema, value);
  if (shape.issues !== undefined) problems.push(...shape.issues.flatMap(shapeProblems));

  const raw = record(value);
  const sweepFrom = record(raw["sweep"])["from"];
  const stores = Array.isArray(raw["stores"]) ? raw["stores"].map(record) : [];
  const [queuePlugin, registryPlugin, sweepPlugin, ...storePlugins] = await Promise.all([
    checkPlugin("queue", "queue", record(raw["queue"]), problems),
    raw["registry"] === undefined ? undefined : checkPlugin("registry", "registry", record(raw["registry"]), problems),
    sweepFrom === undefined ? undefined : checkPlugin("queue", "sweep.from", record(sweepFrom), problems),
    ...stores.map((entry, index) => checkPlugin("store", `stores[${index}]`, entry, problems)),
  ]);
  const ids = checkIds(stores, problems);
  if (raw["registry"] === undefined && sweepFrom === undefined && record(raw["sweep"]) === raw["sweep"]) {
    problems.push({
      path: "sweep",
      code: "SCRUBBER_CONFIG_INVALID",
      message: "there is nothing to sweep: no registry is configured",
      hint: "Configure a registry, or leave `sweep` out.",
    });
  }
  let cipher: Cipher | undefined;
  if (shape.success && shape.output.encryption !== undefined) {
    try {
      cipher = createCipher(shape.output.encryption.keys);
    } catch (error) {
      problems.push(fromError(error, "encryption.keys"));
    }
  }
  if (!shape.success || problems.length > 0 || queuePlugin === undefined) return { problems };
  const checkedStores = storePlugins.filter((plugin) => plugin !== undefined);
  // Something is unresolved: its loader has said why.
  if (
    checkedStores.length < stores.length ||
    (raw["registry"] !== undefined && registryPlugin === undefined) ||
    (sweepFrom !== undefined && sweepPlugin === undefined)
  ) {
    return { problems };
  }
  const { output } = shape;
  return {
    config: {
      queue: queuePlugin as CheckedPlugin<QueuePlugin>,
      registry: registryPlugin as CheckedPlugin<RegistryPlugin> | undefined,
      sweep:
        output.sweep === false || (registryPlugin === undefined && sweepPlugin === undefined)
          ? undefined
          : {
              everyMs: parseDuration(output.sweep?.every ?? "24h"),
              from: sweepPlugin as CheckedPlugin<QueuePlugin> | undefined,
            },
      stores: checkedStores.map((checked, index) => ({
        ...(checked as CheckedPlugin<StorePlugin>),
        id: ids[index] ?? "",
        limits: output.stores[index]?.limits ?? {},
      })),
      scrub: {
        delayMs: parseDuration(output.scrub.delay),
        wakeupMs: parseDuration(output.scrub.wakeup),
        batch: output.scrub.batch,
        maxAttempts: output.scrub.maxAttempts,
        unknownImage: output.scrub.unknownImage,
        drainMs: parseDuration(output.scrub.drain),
      },
      cipher,
      receipts: output.receipts === undefined ? undefined : { ...output.receipts, key: output.receipts.key },
    },
  };
}

/** All problems as one error, for whoever has no better way to show them. */
export function configError(problems: readonly ConfigProblem[]): ScrubberError {
  const lines = problems.map(({ path, message, hint }) => `${path === "" ? "" : `${path}: `}${message}. ${hint}`);
  return new ScrubberError(
    problems.length === 1 ? (problems[0]?.code ?? "SCRUBBER_CONFIG_INVALID") : "SCRUBBER_CONFIG_INVALID",
    lines.length === 1 ? (lines[0] ?? "") : `the configuration has ${lines.length} problems:\n${lines.join("\n")}`,
  );
}

async function checkPlugin(
  kind: PluginKind,
  path: string,
  at: Readonly<Record<string, unknown>>,
  problems: ConfigProblem[],
): Promise<CheckedPlugin<AnyPlugin> | undefined> {
  const plugin = at["use"];
  if (plugin === UNRESOLVED) return undefined;
  const problem = pluginProblem(kind, plugin);
  if (problem !== undefined) {
    problems.push({ path: `${path}.use`, ...problem });
    return undefined;
  }
  const checked = plugin as AnyPlugin;
  const schemaOf = checked.options as StandardSchemaV1;
  try {
    const result = await schemaOf["~standard"].validate(at["with"] ?? {});
    if (result.issues === undefined) return { plugin: checked, options: result.value };
    for (const issue of result.issues) {
      const below = (issue.path ?? []).map((step) => (typeof step === "object" ? step.key : step));
      problems.push({
        path: shownPath([...below.map(String)], `${path}.with`),
        code: "SCRUBBER_PLUGIN_OPTIONS",
        message: sentence(issue.message),
        hint: `These are the options of the ${kind} plugin "${checked.name}"; its README lists them.`,
      });
    }
  } catch (error) {
    problems.push({
      path: `${path}.with`,
      code: "SCRUBBER_PLUGIN_FAILED",
      message: `the plugin "${checked.name}" failed while it checked its options${isScrubberError(error) ? `: ${error.message}` : ""}`,
      hint: "This is a defect of the plugin: tell its author.",
    });
  }
  return undefined;
}

function pluginProblem(kind: PluginKind, plugin: unknown): Omit<ConfigProblem, "path"> | undefined {
  if (plugin === undefined) {
    return {
      code: "SCRUBBER_CONFIG_INVALID",
      message: `no ${kind} plugin is named`,
      hint: `Set \`use\` to a ${kind} plugin.`,
    };
  }
  const at = record(plugin);
  if (typeof at["kind"] !== "string" || typeof at["open"] !== "function" || typeof at["name"] !== "string") {
    return {
      code: "SCRUBBER_PLUGIN_INVALID",
      message: typeof plugin === "string" ? `"${plugin}" is a name, not a plugin` : "this is no plugin",
      hint: "In code, `use` is the plugin itself: import it from its package. Packages are resolved by name in configuration files only.",
    };
  }
  if (at["kind"] !== kind) {
    return {
      code: "SCRUBBER_PLUGIN_KIND",
      message: `"${at["name"]}" is a ${at["kind"]} plugin; a ${kind} plugin belongs here`,
      hint: `Put it where ${at["kind"]} plugins belong, and a ${kind} plugin here.`,
    };
  }
  if (at["contract"] !== CONTRACT) {
    return {
      code: "SCRUBBER_PLUGIN_CONTRACT",
      message: `the plugin "${at["name"]}" was written for contract ${String(at["contract"])}; this Scrubber speaks contract ${CONTRACT}`,
      hint: "Install versions of the plugin and of Scrubber that belong together.",
    };
  }
  if (typeof record(record(at["options"])["~standard"])["validate"] !== "function") {
    return {
      code: "SCRUBBER_PLUGIN_INVALID",
      message: `the plugin "${at["name"]}" has no options schema`,
      hint: "Its `options` must be a Standard Schema (zod, valibot, arktype): tell its author.",
    };
  }
  return undefined;
}

/** The stores' ids, in order; two of one id are a problem. */
function checkIds(stores: readonly Readonly<Record<string, unknown>>[], problems: ConfigProblem[]): readonly string[] {
  const first = new Map<string, number>();
  return stores.map((entry, index) => {
    const id = typeof entry["id"] === "string" ? entry["id"] : record(entry["use"])["name"];
    if (typeof id !== "string") return "";
    const before = first.get(id);
    if (before === undefined) first.set(id, index);
    else {
      problems.push({
        path: `stores[${index}].id`,
        code: "SCRUBBER_CONFIG_INVALID",
        message: `stores[${before}] has the id "${id}" already`,
        hint: "Give each store an `id` of its own.",
      });
    }
    return id;
  });
}

function shapeProblems(issue: v.BaseIssue<unknown>): readonly ConfigProblem[] {
  // A union tells only that no member fits; the issues of the member that was meant say why.
  if (issue.type === "union" && issue.issues !== undefined) {
    const meant = issue.issues.filter(({ type }) => type !== "literal");
    const below = typeof issue.input === "object" ? meant : [];
    if (below.length > 0) return below.flatMap((inner) => shapeProblems({ ...inner, path: joined(issue, inner) }));
  }
  const keys = (issue.path ?? []).map(({ key }) => key);
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
        hint: `Known here: ${Object.keys(KNOWN[place] ?? {}).join(", ")}.`,
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

function joined(outer: v.BaseIssue<unknown>, inner: v.BaseIssue<unknown>): NonNullable<v.BaseIssue<unknown>["path"]> {
  const [first, ...rest] = [...(outer.path ?? []), ...(inner.path ?? [])];
  if (first === undefined) throw new TypeError("an issue without a path in a union");
  return [first, ...rest];
}

function shownPath(keys: readonly unknown[], before = ""): string {
  let path = before;
  for (const key of keys) {
    const text = String(key);
    path += /^\d+$/.test(text) ? `[${text}]` : path === "" ? text : `.${text}`;
  }
  return path;
}

function sentence(message: string): string {
  const text = message.replace(/\.$/, "");
  return text.charAt(0).toLowerCase() + text.slice(1);
}

function fromError(error: unknown, path: string): ConfigProblem {
  if (!isScrubberError(error)) throw error;
  return { path, code: error.code, message: error.message, hint: error.hint ?? "" };
}

function durationMs(value: unknown): number | undefined {
  try {
    return typeof value === "string" ? parseDuration(value) : undefined;
  } catch {
    return undefined;
  }
}

function record(value: unknown): Readonly<Record<string, unknown>> {
  return (typeof value === "object" && value !== null) || typeof value === "function"
    ? (value as Readonly<Record<string, unknown>>)
    : {};
}
