import type { Cipher } from "./cipher.ts";
import type { Queue } from "./queue.ts";
import type { Registry } from "./registry.ts";
import type { StandardSchemaV1 } from "./standard-schema.ts";
import type { Store } from "./store.ts";

/** Where plugins write what a person may want to read later. Never a secret: pass URIs through `maskUri`. */
export interface Logger {
  debug(message: string, fields?: Readonly<Record<string, unknown>>): void;
  info(message: string, fields?: Readonly<Record<string, unknown>>): void;
  warn(message: string, fields?: Readonly<Record<string, unknown>>): void;
  error(message: string, fields?: Readonly<Record<string, unknown>>): void;
}

/** What a plugin is opened with, besides its options. */
export interface Context {
  /** The configured id: unique among the stores; `queue` and `registry` for those. */
  readonly id: string;
  readonly log: Logger;
  /** The time that counts. Tests set it; so no plugin asks the system. */
  now(): Date;
  /**
   * Makes a path absolute: relative to the configuration file's folder. An absolute one stays, and is to be passed through here as well: so it is known where
   * queue and registry live, and a store that would delete there is refused.
   */
  resolvePath(path: string): string;
  /** Seals and opens locations at rest; undefined: no keys are configured, locations are kept in the clear. */
  readonly cipher: Cipher | undefined;
}

export interface QueueContext extends Context {
  /** Opened before the queue; undefined if none is configured. */
  readonly registry: Registry | undefined;
  /** `scrub.delay` in milliseconds: added to `requestedAt` for entries without a due time of their own, of which those in the queue are moved when it has changed. */
  readonly delayMs: number;
}

/** The version of the contract that this package describes. */
export const CONTRACT = 1;

export type PluginKind = "queue" | "registry" | "store";

interface PluginBase<Kind extends PluginKind, Opened, Ctx, Input, Output> {
  readonly kind: Kind;
  /** The contract's version it was written for. */
  readonly contract: typeof CONTRACT;
  /** Its short name, in kebab case (`fs`, `s3`, `file`): the default id of a store. */
  readonly name: string;
  /** Checks what stands under `with`. Refuses unknown keys. Any Standard Schema library does (zod, valibot, arktype). */
  readonly options: StandardSchemaV1<Input, Output>;
  /** Opens it. What is missing or wrong in the environment is an error here only if nothing can be done without it. */
  open(options: Output, context: Ctx): Promise<Opened>;
  /** What `init` calls: creates what it needs (a directory, a marker, a schema), touches nothing that is there. Resolves with a line for each thing made. */
  setUp?(options: Output, context: Ctx): Promise<readonly string[]>;
}

/** Opens stores. The default export of a store package. */
export type StorePlugin<Input = unknown, Output = unknown> = PluginBase<"store", Store, Context, Input, Output>;
/** Opens a queue. The default export of a queue package. */
export type QueuePlugin<Input = unknown, Output = unknown> = PluginBase<"queue", Queue, QueueContext, Input, Output>;
/** Opens a registry. The default export of a registry package. */
export type RegistryPlugin<Input = unknown, Output = unknown> = PluginBase<
  "registry",
  Registry,
  Context,
  Input,
  Output
>;

/** A plugin whose options are not known by type. */
// oxlint-disable-next-line no-explicit-any -- options are contravariant in open(): only `any` takes every plugin
export type AnyPlugin = StorePlugin<any, any> | QueuePlugin<any, any> | RegistryPlugin<any, any>;

type Definition<P extends { kind: unknown; contract: unknown }> = Omit<P, "kind" | "contract">;

/** Makes a store plugin. */
export function defineStore<I, O>(definition: Definition<StorePlugin<I, O>>): StorePlugin<I, O> {
  return { ...definition, kind: "store", contract: CONTRACT };
}

/** Makes a queue plugin. */
export function defineQueue<I, O>(definition: Definition<QueuePlugin<I, O>>): QueuePlugin<I, O> {
  return { ...definition, kind: "queue", contract: CONTRACT };
}

/** Makes a registry plugin. */
export function defineRegistry<I, O>(definition: Definition<RegistryPlugin<I, O>>): RegistryPlugin<I, O> {
  return { ...definition, kind: "registry", contract: CONTRACT };
}
