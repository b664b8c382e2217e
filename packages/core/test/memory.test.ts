import { describe, expect, test } from "vitest";
import type { QueueContext, Store } from "../src/index.ts";
import {
  createClock,
  createMemoryQueue,
  createMemoryRegistry,
  createMemoryStore,
  memoryQueue,
  memoryRegistry,
  memoryStore,
  type MemoryStore,
  type MemoryTarget,
} from "../src/memory/index.ts";

const calm = { signal: new AbortController().signal };
const later = new Date(8.64e15);

function targets(store: MemoryStore, ...names: readonly string[]): readonly MemoryTarget[] {
  return names.flatMap((name) => {
    const target = store.target({ location: { uri: `memory://kit/${name}` }, requestedAt: later });
    return target === undefined ? [] : [target];
  });
}

function filled(...names: readonly string[]): MemoryStore {
  const store = createMemoryStore();
  for (const name of names) store.put(`memory://kit/${name}`);
  return store;
}

function context(delayMs = 0): QueueContext {
  const silent = (): void => {};
  return {
    id: "memory",
    log: { debug: silent, info: silent, warn: silent, error: silent },
    now: () => new Date(0),
    resolvePath: (path) => path,
    cipher: undefined,
    registry: undefined,
    delayMs,
  };
}

describe("faults of calls", () => {
  test("fail: it rejects, and nothing has happened", async () => {
    const queue = createMemoryQueue();
    queue.faults.set("add", { kind: "fail" });
    await expect(queue.add([{ imageId: "a", location: { uri: "a:/" } }])).rejects.toMatchObject({
      code: "SCRUBBER_QUEUE_UNAVAILABLE",
    });
    queue.faults.clear();
    expect(await queue.stats()).toMatchObject({ waiting: 0 });
  });

  test("lost: it does its work and rejects", async () => {
    const registry = createMemoryRegistry();
    registry.faults.set("addImage", { kind: "lost" });
    await expect(registry.addImage({ id: "a", locations: [] })).rejects.toMatchObject({
      code: "SCRUBBER_REGISTRY_UNAVAILABLE",
    });
    expect((await registry.images(["a"])).size).toBe(1);
  });

  test("late: the answer is as old as the question", async () => {
    const registry = createMemoryRegistry();
    registry.seed({ id: "a", status: "pending", locations: [] });
    const gate = Promise.withResolvers<void>();
    registry.faults.set("images", { kind: "late", until: gate.promise });
    const order: string[] = [];
    const answer = registry.images(["a"]).finally(() => order.push("answered"));
    registry.setStatus("a", "live");
    await new Promise((resolve) => {
      setImmediate(resolve);
    });
    order.push("let go");
    gate.resolve();
    expect((await answer).get("a")?.status).toBe("pending");
    expect(order).toEqual(["let go", "answered"]);
  });

  test("half: it answers half", async () => {
    const registry = createMemoryRegistry();
    for (const id of ["a", "b", "c", "d"]) {
      registry.seed({ id, status: "pending", locations: [{ uri: `x:/${id}`, status: "pending" }] });
    }
    for (const call of ["images", "pendingLocations", "references", "recordDeleted"] as const) {
      registry.faults.set(call, { kind: "half" });
    }
    expect((await registry.images(["a", "b", "c", "d"])).size).toBe(2);
    expect((await registry.pendingLocations({ limit: 10 })).items).toHaveLength(2);
    const references = [];
    for await (const batch of registry.references()) references.push(...batch);
    expect(references).toHaveLength(2);
    const deletions = ["a", "b", "c", "d"].map((imageId) => ({ imageId, locations: [{ uri: `x:/${imageId}` }] }));
    expect((await registry.recordDeleted(deletions)).size).toBe(2);
  });

  test("calls are counted, also those that fail, and everything is refused once it is closed", async () => {
    const store = filled("a");
    const mend = store.breakBackend(new Error("on purpose"));
    await expect(store.inspect(targets(store, "a"), calm)).rejects.toThrow("on purpose");
    mend();
    await store.inspect(targets(store, "a"), calm);
    expect(store.calls).toEqual({ delete: 0, inspect: 2, probe: 0 });
    await store[Symbol.asyncDispose]();
    await expect(store.inspect(targets(store, "a"), calm)).rejects.toThrow("closed");
    expect(await store.reopen().inspect(targets(store, "a"), calm)).toMatchObject([{ kind: "present" }]);
  });
});

describe("faults of the store", () => {
  test("single keys are throttled, denied, held, unknown or unanswered, and their neighbours are not", async () => {
    const store = filled("a", "b", "c", "d", "e", "f");
    store.faults.throttled.add("kit/a");
    store.faults.denied.set("kit/b", "not yours");
    store.faults.held.set("kit/c", new Date(5));
    store.faults.unknown.set("kit/d", "lost");
    store.faults.unanswered.add("kit/e");
    expect(await store.delete(targets(store, "a", "b", "c", "d", "e", "f"), calm)).toEqual([
      { kind: "throttled" },
      { kind: "denied", reason: "not yours" },
      { kind: "held", until: new Date(5), reason: "a hold protects it" },
      { kind: "unknown", reason: "lost" },
      { kind: "deleted", bytes: 1 },
    ]);
    expect([...store.objects.keys()]).toEqual(["kit/a", "kit/b", "kit/c", "kit/d"]);
  });

  test("a poisonous key rejects its batch, a missing group everything in it; nothing is deleted", async () => {
    const store = filled("a", "b");
    store.faults.poisonous.add("kit/b");
    await expect(store.delete(targets(store, "a", "b"), calm)).rejects.toMatchObject({
      code: "SCRUBBER_BATCH_REJECTED",
    });
    expect(await store.delete(targets(store, "a"), calm)).toMatchObject([{ kind: "deleted" }]);
    store.faults.missingGroups.add("kit");
    await expect(store.delete(targets(store, "a"), calm)).rejects.toMatchObject({
      code: "SCRUBBER_STORE_MISCONFIGURED",
    });
    expect(await store.probe({ ...calm, write: false })).toMatchObject([{ level: "problem" }]);
    expect(store.has("memory://kit/b")).toBe(true);
  });

  test("a marker frees nothing, and says whether it was asked for", async () => {
    const store = filled("a");
    store.faults.marker = "unasked";
    expect(await store.delete(targets(store, "a"), calm)).toEqual([{ kind: "marker", asked: false }]);
    store.faults.marker = "asked";
    expect(await store.delete(targets(store, "a"), calm)).toEqual([{ kind: "marker", asked: true }]);
  });

  test("a call that hangs answers what it did when it is aborted, and unknown for the rest", async () => {
    const store = filled("a", "b");
    store.faults.hangsAfter = 1;
    const controller = new AbortController();
    const answers = store.delete(targets(store, "a", "b"), { signal: controller.signal });
    controller.abort();
    expect(await answers).toMatchObject([{ kind: "deleted" }, { kind: "unknown" }]);
    expect(store.has("memory://kit/b")).toBe(true);
  });

  test("a mistake in the use of a store is a TypeError", async () => {
    const store = createMemoryStore({ limits: { batch: 2 } });
    const other = store.target({ location: { uri: "memory://other/a" }, requestedAt: later });
    const [a] = targets(store, "a");
    const wrong = [
      [],
      targets(store, "a", "b", "c"),
      targets(store, "a", "a"),
      [a, other].filter((t) => t !== undefined),
    ];
    for (const batch of wrong) await expect(store.delete(batch, calm)).rejects.toThrow(TypeError);
  });
});

describe("the plugins", () => {
  test("open what was made before, so that a test keeps a hand on it", async () => {
    const [queue, store, registry] = [createMemoryQueue(), createMemoryStore(), createMemoryRegistry()];
    expect(await memoryQueue.open({ instance: queue }, context())).toBe(queue);
    expect(await memoryStore.open({ instance: store }, context())).toBe(store);
    expect(await memoryRegistry.open({ instance: registry }, context())).toBe(registry);
  });

  test("a queue that is opened again with another delay moves its entries", async () => {
    const clock = createClock();
    const queue = createMemoryQueue(clock);
    await queue.add([{ imageId: "a", location: { uri: "a:/" } }]);
    await queue[Symbol.asyncDispose]();
    await memoryQueue.open({ instance: queue }, context(60_000));
    expect((await queue.stats()).nextDueAt).toEqual(new Date(clock.now().getTime() + 60_000));
  });

  test("take scheme, groups, limits, supports and the clock from options and context", async () => {
    const store: Store = await memoryStore.open(
      { scheme: "box", groups: ["kit"], limits: { batch: 3 }, supports: { bytes: false } },
      context(),
    );
    expect(store).toMatchObject({ schemes: ["box"], limits: { batch: 3, concurrency: 8 }, supports: { bytes: false } });
    const queue = await memoryQueue.open({}, context(5));
    await queue.add([{ imageId: "a", location: { uri: "a:/" } }]);
    expect((await queue.stats()).due).toBe(0);
    expect((await queue.stats()).nextDueAt).toEqual(new Date(5));
  });
});
