import { createMemoryRegistry, type MemoryRegistry } from "@scrubber/core/memory";
import { ScrubberError } from "@scrubber/core";
import { describe, expect, test } from "vitest";
import { createPassWorld, type PassWorld, type PassWorldOptions } from "./pass-world.ts";

/** Images `i0`, `i1`, ... that wait for deletion, each with two locations in the store, the registry and the queue. */
function pendingImages(
  count: number,
  supports: { readonly locationStatus: boolean },
  options: PassWorldOptions = {},
): PassWorld & { readonly registry: MemoryRegistry } {
  const registry = createMemoryRegistry({ supports, now: () => new Date("2026-01-01T00:00:00Z") });
  const world = createPassWorld({ registry, ...options });
  for (let i = 0; i < count; i++) {
    const locations = ["a", "b"].map((name) => ({ uri: `memory://group/i${i}${name}`, status: "pending" as const }));
    registry.seed({ id: `i${i}`, status: "pending", locations });
    for (const { uri } of locations) world.store.put(uri, { size: 2 });
    world.queue.seed(locations.map(({ uri }) => ({ imageId: `i${i}`, location: { uri } })));
  }
  return { ...world, registry };
}

async function statusOf(registry: MemoryRegistry, id: string): Promise<string | undefined> {
  return (await registry.images([id])).get(id)?.status;
}

describe.each([{ locationStatus: true }, { locationStatus: false }])(
  "recording in a registry (locations have a status: $locationStatus)",
  (supports) => {
    test("an image is called deleted when every location of it is gone", async () => {
      const { clock, pass, registry, events } = pendingImages(3, supports);
      expect(await clock.until(pass().run({}))).toMatchObject({ leased: 6, deleted: 6, images: 3 });
      for (const id of ["i0", "i1", "i2"]) expect(await statusOf(registry, id)).toBe("deleted");
      expect(events.filter(({ type }) => type === "image.deleted")).toHaveLength(3);
    });

    test.each([
      ["denied", (world: PassWorld) => world.store.faults.denied.set("group/i0a", "no")],
      ["held", (world: PassWorld) => world.store.faults.held.set("group/i0a", undefined)],
      ["unknown", (world: PassWorld) => world.store.faults.unknown.set("group/i0a", "?")],
      ["changed", (world: PassWorld) => world.store.put("memory://group/i0a", { modifiedAt: new Date("2027-01-01") })],
      ["throttled", (world: PassWorld) => world.store.faults.throttled.add("group/i0a")],
    ] as const)("an image of which one location is %s is not called deleted", async (_, spoil) => {
      const world = pendingImages(2, supports);
      spoil(world);
      expect(await world.clock.until(world.pass().run({}))).toMatchObject({ deleted: 3, images: 1 });
      expect(await statusOf(world.registry, "i0")).toBe("pending");
      expect(await statusOf(world.registry, "i1")).toBe("deleted");
    });

    test("an image of which one location is kept because it lives is not called deleted", async () => {
      const world = pendingImages(1, supports, {
        batch: 1,
        admit: (batch) =>
          batch.map(({ target }) =>
            target.key === "group/i0a" ? { kind: "alive", reason: "its row is active" } : { kind: "delete" },
          ),
      });
      expect(await world.clock.until(world.pass().run({}))).toMatchObject({ deleted: 1, kept: 1, images: 0 });
      expect(await statusOf(world.registry, "i0")).toBe("pending");
    });

    test("the row of a location that a live image owns too is the one that was found, however the entry spells it", async () => {
      const registry = createMemoryRegistry({ supports, now: () => new Date("2026-01-01T00:00:00Z") });
      registry.seed({ id: "i", status: "pending", locations: [{ uri: "memory://group/a", status: "pending" }] });
      const ref = (await registry.images(["i"])).get("i")?.locations[0]?.ref;
      const world = createPassWorld({ registry, admit: () => [{ kind: "shared", with: "other", ref }] });
      world.queue.seed([{ imageId: "i", location: { uri: "memory://user:password@group/a" } }]);
      expect(await world.clock.until(world.pass().run({}))).toMatchObject({ kept: 1, images: 1 });
      expect(await statusOf(registry, "i")).toBe("deleted");
    });

    test("a location that a live image owns too counts as gone: its image is called deleted, its data stays", async () => {
      const world = pendingImages(1, supports, {
        admit: (batch) =>
          batch.map(({ target }) =>
            target.key === "group/i0a" ? { kind: "shared", with: "other" } : { kind: "delete" },
          ),
      });
      expect(await world.clock.until(world.pass().run({}))).toMatchObject({ deleted: 1, kept: 1, images: 1 });
      expect(world.store.has("memory://group/i0a")).toBe(true);
      expect(await statusOf(world.registry, "i0")).toBe("deleted");
      expect(world.receipts).toContainEqual(
        expect.objectContaining({ imageId: "i0", outcome: "kept", note: "shared with other" }),
      );
    });

    test("a registry that fails when it is told: nothing is called deleted, and the run ends", async () => {
      const { clock, pass, registry, events, queue } = pendingImages(3, supports);
      registry.faults.set("recordDeleted", { kind: "fail" });
      const summary = await clock.until(pass().run({})).catch((error: unknown) => error);
      expect(events).toContainEqual(expect.objectContaining({ type: "outage", of: "registry" }));
      for (const id of ["i0", "i1", "i2"]) expect(await statusOf(registry, id)).toBe("pending");
      // Where the queue is told first, what is left is for the sweep to mend.
      const told = supports.locationStatus ? { code: "SCRUBBER_REGISTRY_UNAVAILABLE" } : { deleted: 6, images: 0 };
      expect(summary).toMatchObject(told);
      registry.faults.delete("recordDeleted");
      const left = supports.locationStatus ? 6 : 0;
      expect(await queue.stats()).toMatchObject({ waiting: left, leased: 0 });
      expect(await clock.until(pass().run({}))).toMatchObject({ absent: left, images: left / 2 });
    });
  },
);

test("what ends after the registry has failed stays queued too: it was not told of it", async () => {
  const limits = { batch: 1, concurrency: 2 };
  const { clock, pass, registry, events, queue, store } = pendingImages(1, { locationStatus: true }, { limits });
  registry.faults.set("recordDeleted", { kind: "fail" });
  const plain = store.delete.bind(store);
  const hasFailed = (): boolean => events.some((event) => event.type === "outage" && event.of === "registry");
  store.delete = async (targets, call) => {
    if (targets[0]?.key === "group/i0b") while (!hasFailed()) await new Promise(setImmediate);
    return plain(targets, call);
  };
  await expect(clock.until(pass().run({}))).rejects.toMatchObject({ code: "SCRUBBER_REGISTRY_UNAVAILABLE" });
  expect(store.objects.size).toBe(0);
  expect(await queue.stats()).toMatchObject({ waiting: 2, leased: 0 });
});

describe("receipts", () => {
  test("there is one for each location that ended, and none for what waits", async () => {
    const { store, queue, clock, pass, receipts } = createPassWorld({
      admit: (batch) => batch.map(() => ({ kind: "delete", note: "references: not listed" })),
    });
    store.put("memory://group/gone", { size: 5 });
    store.faults.denied.set("group/denied", "no");
    queue.seed([
      { imageId: "1", location: { uri: "memory://user:secret@group/gone" } },
      { imageId: "2", location: { uri: "memory://group/absent" } },
      { imageId: "3", location: { uri: "memory://group/denied" } },
      { imageId: "4", location: { uri: "gopher://nowhere" } },
    ]);
    await clock.until(pass().run({}));
    expect(Object.fromEntries(receipts.map(({ imageId, outcome }) => [imageId, outcome]))).toEqual({
      1: "deleted",
      2: "absent",
      4: "setAside",
    });
    expect(receipts).toHaveLength(3);
    expect(receipts.find(({ imageId }) => imageId === "1")).toMatchObject({
      at: "2026-01-01T00:00:00.000Z",
      imageId: "1",
      uri: "memory://***@group/gone",
      store: "memory",
      key: "group/gone",
      outcome: "deleted",
      bytes: 5,
      requestedAt: "2026-01-01T00:00:00.000Z",
      note: expect.stringContaining("references: not listed"),
    });
  });

  test("come before the settlement: where they cannot be written, nothing leaves the queue, and the run rejects", async () => {
    const { clock, queue, pass, receiptLog, events } = createPassWorld();
    queue.seed([{ imageId: "1", location: { uri: "memory://group/a" } }]);
    const plain = receiptLog.append.bind(receiptLog);
    receiptLog.append = () => Promise.reject(new ScrubberError("SCRUBBER_RECEIPTS_UNAVAILABLE", "the disk is full"));
    await expect(clock.until(pass().run({}))).rejects.toMatchObject({ code: "SCRUBBER_RECEIPTS_UNAVAILABLE" });
    expect(events).toContainEqual(expect.objectContaining({ type: "outage", of: "receipts" }));
    expect(await queue.stats()).toMatchObject({ waiting: 1, leased: 0 });
    receiptLog.append = plain;
    expect(await clock.until(pass().run({}))).toMatchObject({ absent: 1 });
  });
});
