import { createMemoryQueue, createMemoryRegistry, createMemoryStore } from "@scrubber/core/memory";
import { expect, test } from "vitest";
import { createRestore } from "../src/restore.ts";
import { Router } from "../src/routing.ts";
import { createWorld, pendingAt, withReferences } from "./admission-world.ts";

const SECRET = "https://user:hunter2@registry.example.com";

test("what a registry throws in words of its own is not passed on: they may hold a credential", async () => {
  const world = createWorld({
    wrap: (registry) => ({
      ...withReferences(registry, (after) => registry.references(after)),
      images: () => Promise.reject(new Error(`cannot reach ${SECRET}`)),
    }),
  });
  world.seed("i", "pending", [pendingAt("memory://bucket/a")]);
  const failed = await world.admit(["i", "memory://bucket/a"]).catch((error: unknown) => error);
  expect(failed).toMatchObject({ code: "SCRUBBER_REGISTRY_UNAVAILABLE" });
  expect(String(failed)).not.toContain("hunter2");
});

test("nor is what a log of receipts throws while an image is restored", async () => {
  const store = createMemoryStore();
  const registry = createMemoryRegistry();
  const stores = [{ id: "memory", store, limits: store.limits }];
  store.put("memory://bucket/a");
  registry.seed({ id: "i", status: "pending", locations: [pendingAt("memory://bucket/a")], deletedAt: new Date() });
  const restored = await createRestore({
    registry,
    queue: createMemoryQueue(),
    stores,
    route: new Router(stores).route,
    receipts: {
      append: () => Promise.reject(new Error(`cannot write to ${SECRET}`)),
      head: () => undefined,
      ready: () => Promise.resolve(),
      [Symbol.asyncDispose]: () => Promise.resolve(),
    },
    now: () => new Date(),
    patienceMs: 0,
  }).restore("i");
  expect(restored.restored).toBe(true);
  expect(restored.reason).toContain("still queued");
  expect(restored.reason).not.toContain("hunter2");
});
