/**
 * Queue, store and registry in memory: to develop against and to test with. They keep every promise of the contracts but durability,
 * count their calls, and go wrong as a test wants.
 *
 * @packageDocumentation
 */
export { createClock, type Clock } from "./clock.ts";
export type { Fault } from "./calls.ts";
export { createMemoryQueue, type MemoryQueue, type MemoryQueueOptions, type QueueCall } from "./queue.ts";
export type { MemoryImage } from "./registry-rows.ts";
export {
  createMemoryRegistry,
  type MemoryRegistry,
  type MemoryRegistryOptions,
  type RegistryCall,
} from "./registry.ts";
export {
  createMemoryStore,
  type MemoryStore,
  type MemoryStoreFaults,
  type MemoryStoreOptions,
  type MemoryVersion,
  type StoreCall,
} from "./store.ts";
export type { MemoryTarget } from "./store-target.ts";
export {
  memoryQueue,
  memoryRegistry,
  memoryStore,
  type MemoryQueuePluginOptions,
  type MemoryRegistryPluginOptions,
  type MemoryStorePluginOptions,
} from "./plugins.ts";
