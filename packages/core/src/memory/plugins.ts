import { defineQueue, defineRegistry, defineStore } from "../plugin.ts";
import type { QueuePlugin, RegistryPlugin, StorePlugin } from "../plugin.ts";
import { counts, flags, object, optionsSchema, text, texts } from "./options.ts";
import { createMemoryQueue, type MemoryQueue, type MemoryQueueOptions } from "./queue.ts";
import { createMemoryRegistry, type MemoryRegistry, type MemoryRegistryOptions } from "./registry.ts";
import { createMemoryStore, type MemoryStore, type MemoryStoreOptions } from "./store.ts";

/** Options of {@link memoryQueue}. */
export type MemoryQueuePluginOptions = Pick<MemoryQueueOptions, "supports"> & {
  /** One that was made before, for tests that keep a hand on it: opened again with the configured delay; the other options are its own. */
  readonly instance?: MemoryQueue;
};

/** A queue in memory, as a plugin: what is in it is lost with the process. */
export const memoryQueue: QueuePlugin<MemoryQueuePluginOptions | undefined, MemoryQueuePluginOptions> = defineQueue({
  name: "memory",
  options: optionsSchema<MemoryQueuePluginOptions>({
    instance: object,
    supports: flags("add", "lease", "durable", "shared"),
  }),
  open: ({ instance, ...options }, context) =>
    Promise.resolve(
      instance?.reopen(context.delayMs) ??
        createMemoryQueue({ ...options, now: () => context.now(), delayMs: context.delayMs }),
    ),
});

/** Options of {@link memoryStore}. */
export type MemoryStorePluginOptions = Omit<MemoryStoreOptions, "now"> & {
  /** One that was made before, for tests that keep a hand on it: opened as it is; the other options are its own. */
  readonly instance?: MemoryStore;
};

/** A store in memory, as a plugin. */
export const memoryStore: StorePlugin<MemoryStorePluginOptions | undefined, MemoryStorePluginOptions> = defineStore({
  name: "memory",
  options: optionsSchema<MemoryStorePluginOptions>({
    instance: object,
    scheme: text,
    groups: texts,
    supports: flags("identity", "holds", "versions", "bytes"),
    limits: counts("batch", "concurrency"),
    sharing: object,
  }),
  open: ({ instance, ...options }, context) =>
    Promise.resolve(instance?.reopen() ?? createMemoryStore({ ...options, now: () => context.now() })),
});

/** Options of {@link memoryRegistry}. */
export type MemoryRegistryPluginOptions = Pick<MemoryRegistryOptions, "supports"> & {
  /** One that was made before, for tests that keep a hand on it: opened as it is; the other options are its own. */
  readonly instance?: MemoryRegistry;
};

/** A registry in memory, as a plugin. */
export const memoryRegistry: RegistryPlugin<MemoryRegistryPluginOptions | undefined, MemoryRegistryPluginOptions> =
  defineRegistry({
    name: "memory",
    options: optionsSchema<MemoryRegistryPluginOptions>({
      instance: object,
      supports: flags("references", "restore", "locationStatus", "manage"),
    }),
    open: ({ instance, ...options }, context) =>
      Promise.resolve(instance?.reopen() ?? createMemoryRegistry({ ...options, now: () => context.now() })),
  });
