import { parseDuration } from "@scrubber/core";
import * as v from "valibot";

/** The messages by which issues of one's own are known. */
export const DURATION: string = "duration";
export const ID: string = "id";

/** What has the right shape, with defaults filled in. */
export interface ShapedConfig {
  readonly sweep?: false | { readonly every: string } | undefined;
  readonly stores: readonly {
    readonly limits?: { readonly batch?: number | undefined; readonly concurrency?: number | undefined } | undefined;
  }[];
  readonly scrub: {
    readonly delay: string;
    readonly wakeup: string;
    readonly batch: number;
    readonly maxAttempts: number;
    readonly unknownImage: "setAside" | "delete";
    readonly drain: string;
  };
  readonly receipts?: { readonly directory: string; readonly key?: string | undefined } | undefined;
}

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
const shape = v.strictObject({
  queue,
  registry: v.optional(v.strictObject(use)),
  sweep: v.optional(v.union([v.literal(false), sweep])),
  stores: v.pipe(v.array(store), v.minLength(1)),
  scrub: v.optional(scrub, {}),
  encryption: v.optional(encryption),
  receipts: v.optional(receipts),
});

/** The shape of a configuration; plugins and their options are looked at elsewhere. */
export const schema: v.GenericSchema<unknown, ShapedConfig> = shape;

/** The keys that are known at each place, for the hint on one that is not. */
export const KNOWN: Readonly<Record<string, readonly string[]>> = {
  "": Object.keys(shape.entries),
  queue: Object.keys(queue.entries),
  registry: Object.keys(queue.entries),
  sweep: Object.keys(sweep.entries),
  "sweep.from": Object.keys(queue.entries),
  "stores[]": Object.keys(store.entries),
  "stores[].limits": Object.keys(limits.entries),
  scrub: Object.keys(scrub.entries),
  encryption: Object.keys(encryption.entries),
  receipts: Object.keys(receipts.entries),
};

function durationMs(value: unknown): number | undefined {
  try {
    return typeof value === "string" ? parseDuration(value) : undefined;
  } catch {
    return undefined;
  }
}
