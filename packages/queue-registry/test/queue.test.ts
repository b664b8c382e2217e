import { isScrubberError, type Context, type QueueContext, type QueueEntry } from "@scrubber/core";
import { testPlugin, testQueue, type QueueUnderTest } from "@scrubber/core/conformance";
import { createMemoryRegistry, type MemoryRegistry } from "@scrubber/core/memory";
import { describe, expect, test } from "vitest";
import plugin, { type Options } from "../src/index.ts";

const silent: Context["log"] = { debug() {}, info() {}, warn() {}, error() {} };

async function open(delayMs = 0): Promise<QueueUnderTest & { readonly registry: MemoryRegistry }> {
  let time = Date.parse("2026-11-24T12:00:00Z");
  const now = (): Date => new Date(time);
  const registry = createMemoryRegistry({ now });
  const context = { id: "queue", log: silent, now, resolvePath: (path: string) => path, cipher: undefined };
  const queue = await plugin.open({}, { ...context, registry, delayMs });
  return {
    queue,
    registry,
    now,
    advance: (ms) => void (time += ms),
    async seed(entries) {
      for (const { imageId, location, requestedAt } of entries) {
        registry.seed({
          id: imageId,
          status: "pending",
          ...(requestedAt !== undefined && { deletedAt: requestedAt }),
          locations: [{ ...location, status: "pending" }],
        });
      }
    },
    async [Symbol.asyncDispose]() {
      await queue[Symbol.asyncDispose]();
      await registry[Symbol.asyncDispose]();
    },
  };
}

testQueue({ describe, test }, { name: "registry", open: (options) => open(options?.delayMs) });

testPlugin(
  { describe, test },
  {
    name: "queue-registry",
    plugin: {
      ...plugin,
      open: (options: unknown, context: QueueContext) =>
        plugin.open(options as Options, { ...context, registry: createMemoryRegistry() }),
    },
    options: async () => ({}),
    refused: [
      { options: { directory: "/x" }, names: "directory" },
      { options: 7, names: "" },
    ],
  },
);

async function list(entries: AsyncIterable<QueueEntry>): Promise<QueueEntry[]> {
  return await Array.fromAsync(entries);
}

describe("the registry as a queue", () => {
  test("shows what waits there, due after the delay, of active images too, and no live location", async () => {
    await using place = await open(60_000);
    const deletedAt = new Date("2026-11-24T11:59:30Z");
    place.registry.seed({
      id: "active",
      status: "live",
      deletedAt,
      locations: [
        { uri: "file:///live", status: "live" },
        { uri: "file:///removed", store: "fast", status: "pending" },
      ],
    });
    place.registry.seed({ id: "bare", status: "pending", locations: [] });
    place.registry.seed({ id: "live", status: "live", locations: [{ uri: "file:///other", status: "live" }] });
    expect(await list(place.queue.entries())).toEqual([
      {
        id: "2",
        imageId: "active",
        location: { uri: "file:///removed", store: "fast" },
        state: "waiting",
        requestedAt: deletedAt,
        dueAt: new Date("2026-11-24T12:00:30Z"),
        visibleAt: new Date("2026-11-24T12:00:30Z"),
        attempts: 0,
      },
    ]);
    expect(await place.queue.stats()).toEqual({
      waiting: 1,
      due: 0,
      leased: 0,
      setAside: 0,
      nextDueAt: new Date("2026-11-24T12:00:30Z"),
    });
    place.advance(30_000);
    expect(await place.queue.stats()).toMatchObject({ due: 1, oldestDueAt: new Date("2026-11-24T12:00:30Z") });
    expect(await place.queue.hasImages(["active", "bare", "live", "unknown"])).toEqual(new Set(["active"]));
  });

  test("tells when the next entry is due, and which is the oldest due, in whatever order the registry lists them", async () => {
    await using place = await open(60_000);
    for (const [id, seconds] of [
      ["a", -10],
      ["b", -40],
      ["c", -20],
      ["d", -70],
      ["e", -90],
      ["f", -80],
    ] as const) {
      const deletedAt = new Date(place.now().getTime() + seconds * 1000);
      place.registry.seed({
        id,
        status: "pending",
        deletedAt,
        locations: [{ uri: `file:///${id}`, status: "pending" }],
      });
    }
    const { waiting, due, oldestDueAt, nextDueAt } = await place.queue.stats();
    expect({ waiting, due, oldestDueAt, nextDueAt }).toEqual({
      waiting: 6,
      due: 3,
      oldestDueAt: new Date(place.now().getTime() - 30_000),
      nextDueAt: new Date(place.now().getTime() + 20_000),
    });
  });

  test("asks for an image before it reads the listing for it", async () => {
    await using place = await open();
    place.registry.seed({ id: "a", status: "pending", locations: [{ uri: "file:///a", status: "pending" }] });
    expect(await list(place.queue.entries({ imageId: "unknown" }))).toEqual([]);
    expect(place.registry.calls.pendingLocations).toBe(0);
    expect((await list(place.queue.entries({ imageId: "a" }))).length).toBe(1);
  });

  test("shows what cannot be read, with the reason", async () => {
    await using place = await open();
    place.registry.seed({ id: "a", status: "pending", locations: [{ uri: "", status: "pending", unreadable: true }] });
    expect(await list(place.queue.entries({ imageId: "a" }))).toMatchObject([{ unreadable: expect.any(String) }]);
  });

  test("answers for thousands of images at once", async () => {
    await using place = await open();
    const ids = Array.from({ length: 2500 }, (_, n) => `image-${n}`);
    for (const id of ids) {
      place.registry.seed({ id, status: "pending", locations: [{ uri: "file:///x", status: "pending" }] });
    }
    expect((await place.queue.hasImages([...ids, "unknown"])).size).toBe(2500);
  });

  test("a registry that does not answer is a failure, never an empty queue", async () => {
    await using place = await open();
    place.registry.breakBackend();
    for (const call of [
      () => place.queue.entries()[Symbol.asyncIterator]().next(),
      () => place.queue.stats(),
      () => place.queue.hasImages(["a"]),
    ]) {
      await expect(call()).rejects.toSatisfy((error) => isScrubberError(error, "SCRUBBER_REGISTRY_UNAVAILABLE"));
    }
  });

  test("what it refuses it refuses with a hint that names sweep.from", async () => {
    await using place = await open();
    await expect(place.queue.add([])).rejects.toMatchObject({
      code: "SCRUBBER_UNSUPPORTED",
      hint: expect.stringContaining("sweep.from"),
    });
  });

  test("closing it leaves the registry open", async () => {
    await using place = await open();
    await place.queue[Symbol.asyncDispose]();
    expect((await place.registry.images(["a"])).size).toBe(0);
  });

  test("without a registry it does not open", async () => {
    const context = { id: "queue", log: silent, now: () => new Date(), resolvePath: String, cipher: undefined };
    await expect(plugin.open({}, { ...context, registry: undefined, delayMs: 0 })).rejects.toSatisfy((error) =>
      isScrubberError(error, "SCRUBBER_CONFIG_INVALID"),
    );
  });
});
