import {
  createMemoryQueue,
  createMemoryRegistry,
  createMemoryStore,
  memoryQueue,
  memoryRegistry,
  memoryStore,
  type MemoryQueue,
  type MemoryRegistry,
  type MemoryStore,
} from "@scrubber/core/memory";
import { describe, expect, test } from "vitest";
import { createScrubber, type Scrubber } from "../src/index.ts";
import { createWorld, liveAt, pendingAt, type AdmissionWorld } from "./admission-world.ts";

const A = "memory://bucket/a";
const IN_FIRST = { uri: A, store: "first" };
const IN_SECOND = { uri: A, store: "second" };

/** Two stores over the same objects, as two configured ids over one bucket are. */
function twins(): { readonly first: MemoryStore; readonly second: MemoryStore } {
  const first = createMemoryStore();
  return { first, second: createMemoryStore({ sharing: first }) };
}

const createTwinWorld = (): AdmissionWorld => createWorld({ more: { ...twins() } });

describe("two configured stores over one place", () => {
  test("what a live image names through the one is not deleted through the other", async () => {
    const { first, second } = twins();
    const registry = createMemoryRegistry();
    first.put(A);
    registry.seed({ id: "alive", status: "live", locations: [{ ...IN_FIRST, status: "live" }] });
    registry.seed({ id: "dead", status: "pending", locations: [{ ...IN_SECOND, status: "pending" }] });
    await using scrubber = await createTwinScrubber(registry, first, second);
    await scrubber.add([{ imageId: "dead", location: IN_SECOND }]);
    expect(await scrubber.runOnce()).toMatchObject({ leased: 1, kept: 1, deleted: 0, images: 1 });
    expect(first.has(A)).toBe(true);
  });

  test("nor what it names through none of them, so that both may be meant", async () => {
    const world = createTwinWorld();
    world.seed("alive", "live", [liveAt(A)]);
    world.seed("dead", "pending", [pendingAt(A, { store: "second" })]);
    expect(await world.admit(["dead", IN_SECOND])).toEqual([{ kind: "shared", ref: 2, with: "alive" }]);
  });

  test("nor what its own image names through the other, and still needs", async () => {
    const world = createTwinWorld();
    world.seed("i", "live", [liveAt(A, { store: "first" }), pendingAt(A, { store: "second" })]);
    expect(await world.admit(["i", IN_SECOND])).toEqual([{ kind: "shared", ref: 2, with: "i" }]);
  });

  test("two entries of one object, each through its store, are each admitted with its own row, in whatever order", async () => {
    const world = createTwinWorld();
    world.seed("i", "live", [
      liveAt("memory://bucket/b"),
      pendingAt(A, { store: "first" }),
      pendingAt(A, { store: "second" }),
    ]);
    expect(await world.admit(["i", IN_SECOND], ["i", IN_FIRST])).toMatchObject([
      { kind: "delete", ref: 3 },
      { kind: "delete", ref: 2 },
    ]);
  });

  test("what two dead images name through one of them each is deleted once, and both are recorded", async () => {
    const { first, second } = twins();
    const registry = createMemoryRegistry();
    first.put(A);
    registry.seed({ id: "i", status: "pending", locations: [{ ...IN_FIRST, status: "pending" }] });
    registry.seed({ id: "j", status: "pending", locations: [{ ...IN_SECOND, status: "pending" }] });
    await using scrubber = await createTwinScrubber(registry, first, second);
    await scrubber.add([
      { imageId: "i", location: IN_FIRST },
      { imageId: "j", location: IN_SECOND },
    ]);
    expect(await scrubber.runOnce()).toMatchObject({ leased: 2, deleted: 1, absent: 1, images: 2 });
    expect(first.has(A)).toBe(false);
  });

  test("an image is not restored while what it names through the one is being deleted through the other", async () => {
    const { first, second } = twins();
    const queue = createMemoryQueue();
    const registry = createMemoryRegistry();
    first.put(A);
    registry.seed({ id: "i", status: "pending", locations: [{ ...IN_FIRST, status: "pending" }] });
    await using scrubber = await createTwinScrubber(registry, first, second, queue);
    await scrubber.add([{ imageId: "j", location: IN_SECOND }]);
    await queue.lease({ limit: 1, leaseMs: 60_000 });
    expect(await scrubber.restore("i")).toMatchObject({
      restored: false,
      reason: expect.stringContaining("the same data"),
    });
  });
});

function createTwinScrubber(
  registry: MemoryRegistry,
  first: MemoryStore,
  second: MemoryStore,
  queue: MemoryQueue = createMemoryQueue(),
): Promise<Scrubber> {
  return createScrubber({
    queue: { use: memoryQueue, with: { instance: queue } },
    registry: { use: memoryRegistry, with: { instance: registry } },
    stores: [
      { id: "first", use: memoryStore, with: { instance: first } },
      { id: "second", use: memoryStore, with: { instance: second } },
    ],
  });
}
