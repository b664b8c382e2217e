import { describe, test } from "vitest";
import type { Context } from "../src/index.ts";
import { testPlugin, testQueue, testRegistry, testStore, type Runner } from "../src/conformance/index.ts";
import { memoryQueue, memoryRegistry, memoryStore } from "../src/memory/index.ts";
import { memoryQueueHarness } from "./harness/memory-queue.ts";
import { memoryRegistryHarness } from "./harness/memory-registry.ts";
import { memoryStoreHarness } from "./harness/memory-store.ts";

const runner: Runner = { describe, test };

testQueue(runner, memoryQueueHarness());
testStore(runner, memoryStoreHarness());
testRegistry(runner, memoryRegistryHarness());

describe("every flag of supports is kept both ways", () => {
  testQueue(runner, memoryQueueHarness({ add: false, lease: false }));
  testStore(runner, memoryStoreHarness({ identity: false, holds: false, versions: false, bytes: false }));
  testRegistry(
    runner,
    memoryRegistryHarness({ references: false, restore: false, locationStatus: false, manage: false }),
  );
});

testPlugin(runner, {
  name: "memory queue",
  plugin: memoryQueue,
  options: () => Promise.resolve({ supports: { add: true } }),
  refused: [
    { options: { supports: { ad: true } }, names: "supports" },
    { options: [], names: "object" },
  ],
});
testPlugin(runner, {
  name: "memory store",
  plugin: memoryStore,
  options: () => Promise.resolve({ groups: ["kit"], limits: { batch: 10 } }),
  refused: [
    { options: { limits: { batch: 0 } }, names: "limits" },
    { options: { groups: "kit" }, names: "groups" },
    { options: { scheme: "" }, names: "scheme" },
  ],
});
testPlugin(runner, {
  name: "memory registry",
  plugin: memoryRegistry,
  options: () => Promise.resolve(undefined),
  refused: [{ options: { supports: 1 }, names: "supports" }],
});

describe("a plugin may have any path resolved, an absolute one too", () => {
  testPlugin(runner, {
    name: "memory store, with a path",
    plugin: {
      ...memoryStore,
      open: (options: Parameters<typeof memoryStore.open>[0], context: Context) =>
        memoryStore.open(options, { ...context, id: context.resolvePath("/absolute") }),
    },
    options: () => Promise.resolve({ groups: ["kit"] }),
    refused: [{ options: { groups: "kit" }, names: "groups" }],
  });
});
