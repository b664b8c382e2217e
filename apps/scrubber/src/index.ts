/**
 * What a `scrubber.config.ts` needs: the type of the configuration, in which `use` may be a package's name as well as the plugin itself.
 *
 * @packageDocumentation
 */
import type { QueuePlugin, RegistryPlugin, StorePlugin } from "@scrubber/core";
import type { Config as EngineConfig } from "@scrubber/engine";

/** A plugin, or the package (or path) that exports it, and its options. */
interface NamedUse<P> {
  readonly use: string | P;
  readonly with?: unknown;
}

/** The configuration as a file has it; docs/configuration.md describes each key. */
export interface Config extends Omit<EngineConfig, "queue" | "registry" | "sweep" | "stores"> {
  readonly queue: NamedUse<QueuePlugin>;
  readonly registry?: NamedUse<RegistryPlugin>;
  readonly sweep?: false | { readonly every?: string; readonly from?: NamedUse<QueuePlugin> };
  readonly stores: readonly (NamedUse<StorePlugin> & Omit<EngineConfig["stores"][number], "use" | "with">)[];
}

/** The identity, with types: `export default defineConfig({ ... })`. */
export function defineConfig(config: Config): Config {
  return config;
}
