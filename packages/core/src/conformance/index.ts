/**
 * The test kit: what every store, queue, registry and plugin must do, as tests that run on any backend.
 *
 * @packageDocumentation
 */
export type { Case } from "./case.ts";
export * from "./harness.ts";
export { oddNames } from "./odd-names.ts";
export { pluginCases, testPlugin, type PluginCase } from "./plugin.ts";
export { queueModel, type FastCheck, type ModelOptions } from "./queue-model.ts";
export { queueCases, testQueue } from "./queue.ts";
export { registryCases, testRegistry } from "./registry.ts";
export { storeCases, testStore } from "./store.ts";
