import { ScrubberError, type PendingLocation, type Registry } from "@scrubber/core";
import { createMemoryQueue } from "@scrubber/core/memory";
import { describe, expect, test } from "vitest";
import { liveAt, pendingAt, withReferences } from "./admission-world.ts";
import {
  DELAY,
  HOUR,
  clock,
  entries,
  events,
  queue,
  queued,
  registry,
  stamp,
  sweep,
  sweepOf,
  warnings,
} from "./sweep-world.ts";

describe("a sweep", () => {
  test("queues what waits for deletion, from the time when that was asked for", async () => {
    const deletedAt = new Date(clock.now().getTime() - HOUR);
    registry.seed({
      id: "i",
      status: "pending",
      deletedAt,
      locations: [pendingAt("m:a"), pendingAt("m:b", { store: "s" })],
    });
    registry.seed({ id: "j", status: "live", locations: [liveAt("m:c")] });
    expect(await sweep.run()).toEqual({ seen: 2, added: 2, present: 0, setAside: 0, finished: 0 });
    const dueAt = new Date(deletedAt.getTime() + DELAY);
    expect(await entries()).toMatchObject([
      { imageId: "i", location: { uri: "m:a" }, requestedAt: deletedAt, dueAt },
      { imageId: "i", location: { uri: "m:b", store: "s" }, requestedAt: deletedAt, dueAt },
    ]);
    expect(events).toEqual([
      { type: "sweep.finished", ms: expect.any(Number), summary: expect.objectContaining({ added: 2 }) },
    ]);
  });

  test("queues single locations of live images, and what is left of deleted ones (fault 15)", async () => {
    registry.seed({ id: "i", status: "live", locations: [liveAt("m:a"), pendingAt("m:b")] });
    registry.seed({ id: "j", status: "deleted", locations: [pendingAt("m:c")] });
    await sweep.run();
    expect(await queued()).toEqual(["i m:b", "j m:c"]);
  });

  test("adds the other location of an image of which one is queued", async () => {
    registry.seed({ id: "i", status: "pending", locations: [pendingAt("m:a"), pendingAt("m:b")] });
    await queue.add([{ imageId: "i", location: { uri: "m:a" } }]);
    expect(await sweep.run()).toMatchObject({ seen: 2, added: 1, present: 1 });
    expect(await queued()).toEqual(["i m:a", "i m:b"]);
  });

  test("takes a location for queued whether its store is named beside it or in its metadata", async () => {
    registry.seed({ id: "i", status: "pending", locations: [pendingAt("m:a", { store: "s" })] });
    await queue.add([{ imageId: "i", location: { uri: "m:a", metadata: { store: "s" } } }]);
    expect(await sweep.run()).toMatchObject({ added: 0, present: 1 });
    expect(queue.calls.add).toBe(1);
  });

  test("does not call back a lease that somebody holds", async () => {
    registry.seed({ id: "i", status: "pending", locations: [pendingAt("m:a"), pendingAt("m:b")] });
    const dueAt = clock.now();
    await queue.add([{ imageId: "i", location: { uri: "m:a" }, dueAt }]);
    const [leased] = await queue.lease({ limit: 1, leaseMs: HOUR });
    expect(leased).toBeDefined();
    await sweep.run();
    expect(await queue.settle([{ id: leased?.id ?? "", token: leased?.token ?? "", kind: "done" }])).toEqual([
      "settled",
    ]);
  });

  test("does not move an entry that came with a time of its own", async () => {
    const dueAt = new Date(clock.now().getTime() + 100 * DELAY);
    registry.seed({ id: "i", status: "pending", locations: [pendingAt("m:a")] });
    await queue.add([{ imageId: "i", location: { uri: "m:a" }, dueAt }]);
    await sweep.run();
    expect(await entries()).toMatchObject([{ dueAt }]);
  });

  test("counts what is set aside, and leaves it there", async () => {
    registry.seed({ id: "i", status: "pending", locations: [pendingAt("m:a")] });
    await queue.add([{ imageId: "i", location: { uri: "m:a" }, dueAt: clock.now() }]);
    const leased = await queue.lease({ limit: 1, leaseMs: HOUR });
    await queue.settle(leased.map(({ id, token }) => ({ id, token, kind: "setAside", error: "no" })));
    expect(await sweep.run()).toMatchObject({ added: 0, setAside: 1 });
    expect(await entries()).toMatchObject([{ state: "setAside", error: "no" }]);
  });

  test("goes through all pages, and through those that are empty (fault 11)", async () => {
    for (let n = 0; n < 2500; n++) registry.seed({ id: `i${n}`, status: "pending", locations: [pendingAt(`m:${n}`)] });
    expect(await sweep.run()).toMatchObject({ seen: 2500, added: 2500 });
    expect(await sweep.run()).toMatchObject({ seen: 2500, added: 0, present: 2500 });
    const sparse: Registry = {
      ...withReferences(registry, (after) => registry.references(after)),
      pendingLocations: (page) =>
        page.after === undefined ? Promise.resolve({ items: [], next: "ref:0" }) : registry.pendingLocations(page),
    };
    expect(await sweepOf(sparse).run()).toMatchObject({ seen: 2500, present: 2500 });
  });

  test("marks nothing as deleted that still has a location (fault 12)", async () => {
    registry.seed({ id: "i", status: "pending", locations: [pendingAt("m:a")] });
    await sweep.run();
    expect(registry.calls.recordDeleted).toBe(0);
    expect((await registry.images(["i"])).get("i")?.status).toBe("pending");
  });

  test("finishes pending images that have no location left, but for those of which the queue still has one", async () => {
    registry.seed({ id: "none", status: "pending", locations: [] });
    registry.seed({ id: "gone", status: "pending", locations: [{ uri: "m:a", status: "deleted" }] });
    registry.seed({ id: "queued", status: "pending", locations: [] });
    await queue.add([{ imageId: "queued", location: { uri: "m:b" } }]);
    expect(await sweep.run()).toEqual({ seen: 3, added: 0, present: 0, setAside: 0, finished: 2 });
    const images = await registry.images(["none", "gone", "queued"]);
    expect(Array.from(images.values(), ({ status }) => status)).toEqual(["deleted", "deleted", "pending"]);
    expect(events.filter(({ type }) => type === "image.deleted")).toHaveLength(2);
  });

  test("counts an image as finished only if the registry says so", async () => {
    registry.seed({ id: "i", status: "pending", locations: [] });
    const busy: Registry = {
      ...withReferences(registry, (after) => registry.references(after)),
      recordDeleted: (deletions) => {
        registry.setStatus("i", "live");
        return registry.recordDeleted(deletions);
      },
    };
    expect(await sweepOf(busy).run()).toMatchObject({ finished: 0 });
    expect(events.map(({ type }) => type)).toEqual(["sweep.finished"]);
  });

  test("reports locations that cannot be read, and is not held up by them", async () => {
    registry.seed({ id: "bad", status: "pending", locations: [pendingAt("sealed", { unreadable: true })] });
    registry.seed({ id: "ill\nnamed", status: "pending", locations: [pendingAt("m:x")] });
    registry.seed({ id: "good", status: "pending", locations: [pendingAt("m:a")] });
    expect(await sweep.run()).toMatchObject({ seen: 3, added: 1 });
    expect(await queued()).toEqual(["good m:a"]);
    expect(warnings()).toEqual([expect.stringMatching(/^2 locations .*"bad", "ill\\nnamed"/)]);
    expect(await stamp()).toBeDefined();
  });

  test("adds all but what the queue refuses", async () => {
    for (let n = 0; n < 100; n++) registry.seed({ id: `i${n}`, status: "pending", locations: [pendingAt(`m:${n}`)] });
    const add = queue.add.bind(queue);
    queue.add = async (batch) => {
      if (batch.some(({ imageId }) => imageId === "i77")) throw new ScrubberError("SCRUBBER_LOCATION_INVALID", "no");
      return add(batch);
    };
    expect(await sweep.run()).toMatchObject({ seen: 100, added: 99 });
    expect(warnings()).toEqual([expect.stringContaining('"i77"')]);
  });

  test("leaves its stamp when the work is done, and not before (fault 9)", async () => {
    registry.seed({ id: "i", status: "pending", locations: [pendingAt("m:a")] });
    const until = Promise.withResolvers<void>();
    queue.faults.set("add", { kind: "late", until: until.promise });
    const run = sweep.run();
    await expect.poll(() => queue.calls.add).toBe(1);
    expect(await stamp()).toBeUndefined();
    clock.advance(1234);
    until.resolve();
    await run;
    expect(await stamp()).toBe("2026-01-01T00:00:01.234Z");
  });

  test.each(["pendingLocations", "recordDeleted"] as const)(
    "fails, without a stamp, where the registry's %s fails (fault 13)",
    async (call) => {
      registry.seed({ id: "i", status: "pending", locations: [] });
      registry.faults.set(call, { kind: "fail" });
      await expect(sweep.run()).rejects.toMatchObject({ code: "SCRUBBER_REGISTRY_UNAVAILABLE" });
      expect(await stamp()).toBeUndefined();
      expect(events).toEqual([]);
    },
  );

  test.each(["add", "hasImages", "entries", "statesOf", "setNote"] as const)(
    "fails, without a stamp, where the queue's %s fails",
    async (call) => {
      if (call === "hasImages" || call === "entries") Object.defineProperty(queue, "statesOf", { value: undefined });
      registry.seed({ id: "i", status: "pending", locations: [pendingAt("m:a"), pendingAt("m:b")] });
      await queue.add([{ imageId: "i", location: { uri: "m:a" } }]);
      queue.faults.set(call, { kind: "fail" });
      await expect(sweep.run()).rejects.toMatchObject({ code: "SCRUBBER_QUEUE_UNAVAILABLE" });
      expect(await stamp()).toBeUndefined();
    },
  );

  test("does not follow a listing that does not move on", async () => {
    const endless: Registry = {
      ...withReferences(registry, (after) => registry.references(after)),
      pendingLocations: () => Promise.resolve({ items: [], next: "1" }),
    };
    await expect(sweepOf(endless).run()).rejects.toMatchObject({ code: "SCRUBBER_REGISTRY_ANSWER_INVALID" });
  });

  test("stops when it is told to, without a stamp", async () => {
    for (let n = 0; n < 2500; n++) registry.seed({ id: `i${n}`, status: "pending", locations: [pendingAt(`m:${n}`)] });
    const stop = new AbortController();
    const add = queue.add.bind(queue);
    queue.add = (batch) => {
      stop.abort();
      return add(batch);
    };
    await expect(sweep.run({ signal: stop.signal })).rejects.toMatchObject({ code: "SCRUBBER_ABORTED" });
    expect(await entries()).toHaveLength(1000);
    expect(await stamp()).toBeUndefined();
  });

  test("does no harm when two run at once", async () => {
    for (let n = 0; n < 3000; n++) registry.seed({ id: `i${n}`, status: "pending", locations: [pendingAt(`m:${n}`)] });
    registry.seed({ id: "none", status: "pending", locations: [] });
    const [one, other] = await Promise.all([sweep.run(), sweepOf(registry).run()]);
    expect(await entries()).toHaveLength(3000);
    expect(one.added + other.added).toBe(3000);
    expect(one.present + other.present).toBe(3000);
  });

  test("holds a page at a time, of 100,000 pending images", async () => {
    let waiting = 0;
    let most = 0;
    const total = 100_000;
    const endless: Registry = {
      ...withReferences(registry, (after) => registry.references(after)),
      pendingLocations: async ({ after = "0", limit }) => {
        const from = Number(after);
        waiting += limit;
        most = Math.max(most, waiting);
        const items = Array.from({ length: limit }, (_, n): PendingLocation => ({
          imageId: `i${from + n}`,
          imageStatus: "pending",
          requestedAt: clock.now(),
          location: { uri: `m:${from + n}` },
        }));
        return { items, ...(from + limit < total ? { next: String(from + limit) } : {}) };
      },
    };
    let added = 0;
    queue.add = async (batch) => {
      expect(batch.length).toBeLessThanOrEqual(1000);
      waiting -= batch.length;
      added += batch.length;
      return batch.map(() => "added");
    };
    expect(await sweepOf(endless).run()).toMatchObject({ seen: total, added: total });
    expect(added).toBe(total);
    expect(most).toBe(1000);
  });
});

describe("a sweep into a queue that tells no states of many at once", () => {
  test("finds what is queued image by image", async () => {
    for (let n = 0; n < 40; n++) {
      registry.seed({
        id: `i${n}`,
        status: "pending",
        locations: [pendingAt(`m:${n}`), pendingAt(`m:${n}`, { store: "s" })],
      });
      if (n % 2 === 0) await queue.add([{ imageId: `i${n}`, location: { uri: `m:${n}`, metadata: { store: "s" } } }]);
    }
    const [leased] = await queue.lease({ imageId: "i0", limit: 1, leaseMs: HOUR });
    await queue.settle([{ id: leased?.id ?? "", token: leased?.token ?? "", kind: "setAside", error: "no" }]);
    Object.defineProperty(queue, "statesOf", { value: undefined });
    expect(await sweep.run()).toMatchObject({ seen: 80, added: 60, present: 19, setAside: 1 });
    expect(queue.calls.statesOf).toBe(0);
  });
});

describe("a sweep from another queue", () => {
  test("queues its entries by the delay of this one, and changes nothing there", async () => {
    const from = createMemoryQueue({ now: () => clock.now(), delayMs: 7, supports: { add: false, lease: false } });
    const requestedAt = new Date(clock.now().getTime() - HOUR);
    from.seed(Array.from({ length: 2500 }, (_, n) => ({ imageId: `i${n}`, location: { uri: `m:${n}` }, requestedAt })));
    from.addUnreadable("bad");
    registry.breakBackend();
    expect(await sweepOf(registry, from).run()).toMatchObject({ seen: 2501, added: 2500 });
    expect(queue.calls.add).toBe(3);
    expect(await sweepOf(undefined, from).run()).toMatchObject({ seen: 2501, present: 2500 });
    expect((await entries())[0]).toMatchObject({ requestedAt, dueAt: new Date(requestedAt.getTime() + DELAY) });
    expect(warnings()[0]).toContain('"bad"');
    expect(await stamp()).toBeDefined();
  });

  test("fails where it cannot be read", async () => {
    const from = createMemoryQueue();
    from.breakBackend();
    await expect(sweepOf(registry, from).run()).rejects.toMatchObject({ code: "SCRUBBER_QUEUE_UNAVAILABLE" });
    expect(await stamp()).toBeUndefined();
  });
});
