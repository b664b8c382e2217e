import * as v from "valibot";
import {
  createCipher,
  parseDuration,
  type Cipher,
  type QueuePlugin,
  type RegistryPlugin,
  type StorePlugin,
} from "@scrubber/core";
import type { Config } from "./api.ts";
import { checkPlugin, record, type CheckedPlugin } from "./config-plugins.ts";
import { fromError, notAMapping, shapeProblems, type ConfigProblem } from "./config-problems.ts";
import { schema } from "./config-schema.ts";

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

/** The identity, with types: for configurations in code. */
export function defineConfig(config: Config): Config {
  return config;
}

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
  if (Array.isArray(value)) return { problems: [notAMapping("")] };
  const problems: ConfigProblem[] = [];
  const shape = v.safeParse(schema, value);
  for (const problem of (shape.issues ?? []).flatMap(shapeProblems)) {
    // A list in place of a mapping lacks every key of it.
    if (!problems.some(({ path, message }) => path === problem.path && message === problem.message))
      problems.push(problem);
  }

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
  const keys = record(raw["encryption"])["keys"];
  if (Array.isArray(keys) && keys.length > 0 && keys.every((key) => typeof key === "string")) {
    const wrong = keys.flatMap(keyProblem);
    if (wrong.length === 0) cipher = createCipher(keys);
    problems.push(...wrong);
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

/** What is wrong with one key, if anything; told for each, so that one that is missing hides no other. */
function keyProblem(key: string, index: number): readonly ConfigProblem[] {
  try {
    createCipher([key]);
    return [];
  } catch (error) {
    const problem = fromError(error, `encryption.keys[${index}]`);
    return [{ ...problem, message: `it has ${Buffer.byteLength(key)} bytes` }];
  }
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
