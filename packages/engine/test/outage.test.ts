import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ScrubberError } from "@scrubber/core";
import { describe, expect, onTestFinished, test } from "vitest";
import type { ScrubberEvent } from "../src/index.ts";
import { createWorld, entriesOf } from "./world.ts";

const types = (events: readonly ScrubberEvent[]): string[] => events.map(({ type }) => type);

describe("a backend that is down", () => {
  test("closes its lane with the fifth failure; its entries wait, uncounted, and others keep their pace", async () => {
    await using world = await createWorld({
      stores: { dead: { limits: { concurrency: 1 } }, live: { limits: { batch: 100 } } },
    });
    const { scrubber, queue, clock, stores, events } = world;
    stores["dead"]!.breakBackend();
    await scrubber.add(entriesOf(3000, "dead://group/d"));
    clock.advance(1);
    await scrubber.add(entriesOf(500, "live://group/l"));
    const summary = await clock.until(scrubber.runOnce());
    expect(summary).toMatchObject({ absent: 500, retried: 0, setAside: 0 });
    expect(stores["dead"]!.calls.delete).toBeLessThanOrEqual(6);
    expect(types(events).filter((type) => type === "lane.closed")).toHaveLength(1);
    let attempts = 0;
    for await (const entry of queue.entries()) attempts += entry.attempts;
    expect(attempts).toBe(0);
    expect(await queue.stats()).toMatchObject({ waiting: 3000, leased: 0 });
  });

  test("is tried with a few entries when its time comes, and works on once it answers", async () => {
    await using world = await createWorld();
    const { scrubber, clock, stores, events } = world;
    const repair = stores["memory"]!.breakBackend();
    await scrubber.add(entriesOf(2000));
    await clock.until(scrubber.runOnce());
    const before = stores["memory"]!.calls.delete;
    clock.advance(1000);
    await clock.until(scrubber.runOnce());
    expect(stores["memory"]!.calls.delete).toBe(before + 1);
    repair();
    clock.advance(2000);
    const summary = await clock.until(scrubber.runOnce());
    expect(summary.absent).toBeGreaterThanOrEqual(1990);
    expect(types(events)).toContain("lane.opened");
    clock.advance(60_000);
    await clock.until(scrubber.runOnce());
    expect(await world.queue.stats()).toMatchObject({ waiting: 0, leased: 0 });
  });

  test("is named by a run between two probes, with since when and why, if something of it was due; a run that leases nothing has not done all", async () => {
    await using world = await createWorld({ stores: { dead: {}, live: {} } });
    const { scrubber, clock, stores } = world;
    stores["dead"]!.breakBackend(new ScrubberError("SCRUBBER_STORE_UNAVAILABLE", "it is gone"));
    await scrubber.add([...entriesOf(50, "dead://group/d"), ...entriesOf(5, "live://group/l")]);
    const since = clock.now();
    const first = await clock.until(scrubber.runOnce());
    expect(first).toMatchObject({ absent: 5, untried: [{ store: "dead", group: "group", reason: "it is gone" }] });
    const between = await clock.until(scrubber.runOnce());
    expect(between).toMatchObject({ leased: 0, untried: [{ store: "dead", group: "group" }] });
    const [{ since: closedAt, triedAgainAt } = { since: new Date(0), triedAgainAt: new Date(0) }] =
      between.untried ?? [];
    expect(closedAt.getTime() - since.getTime()).toBeLessThan(10_000);
    expect(triedAgainAt.getTime()).toBeGreaterThan(clock.now().getTime());
    // Nothing of it waits any more, or a person has paused it: then it is nobody's concern.
    await scrubber.pause("dead");
    expect((await clock.until(scrubber.runOnce())).untried).toBeUndefined();
    await scrubber.resume("dead");
    for (let n = 0; n < 50; n++) await scrubber.restore(`dead://group/d-${n}`);
    expect((await clock.until(scrubber.runOnce())).untried).toBeUndefined();
  });

  test("stays closed for the next process, which learns of it from the queue", async () => {
    await using first = await createWorld();
    first.stores["memory"]!.breakBackend();
    await first.scrubber.add(entriesOf(50));
    await first.clock.until(first.scrubber.runOnce());
    await using second = await createWorld({ clock: first.clock, queue: first.queue });
    const summary = await first.clock.until(second.scrubber.runOnce());
    expect(second.stores["memory"]!.calls.delete).toBe(0);
    expect(summary.deleted + summary.absent).toBe(0);
    expect((await second.scrubber.status()).stores["memory"]).toMatchObject({ health: "down" });
    first.clock.advance(1000);
    expect(await first.clock.until(second.scrubber.runOnce())).toMatchObject({ absent: 50 });
    expect((await second.scrubber.status()).stores["memory"]).toMatchObject({ health: "ok" });
  });

  test("that fails now and then is tried again at once: nothing is released, nothing counted", async () => {
    await using world = await createWorld({ stores: { memory: { limits: { batch: 50, concurrency: 1 } } } });
    const { scrubber, clock, stores } = world;
    const store = stores["memory"]!;
    await scrubber.add(entriesOf(1000));
    const plain = store.delete.bind(store);
    let calls = 0;
    store.delete = (targets, call) =>
      ++calls % 3 === 0 ? Promise.reject(new ScrubberError("SCRUBBER_STORE_UNAVAILABLE", "cut")) : plain(targets, call);
    expect(await clock.until(scrubber.runOnce())).toMatchObject({
      leased: 1000,
      absent: 1000,
      released: 0,
      retried: 0,
    });
    expect(calls).toBeLessThanOrEqual(31);
  });

  test("that denies nine tenths of its batches for one reason is down, not each entry to blame", async () => {
    await using world = await createWorld();
    const { scrubber, queue, clock, stores, events } = world;
    stores["memory"]!.faults.denied.set("*", "signature does not match");
    await scrubber.add(entriesOf(500));
    const summary = await clock.until(scrubber.runOnce());
    expect(summary).toMatchObject({ released: 500, retried: 0 });
    expect(events).toContainEqual(
      expect.objectContaining({ type: "lane.closed", store: "memory", reason: "signature does not match" }),
    );
    expect(await queue.stats()).toMatchObject({ waiting: 500 });
  });

  test("does not stay closed for ever behind entries that are denied for good", async () => {
    await using world = await createWorld({ stores: { memory: { limits: { batch: 100, concurrency: 1 } } } });
    const { scrubber, clock, stores } = world;
    const bad = entriesOf(1000, "memory://group/bad");
    for (const { location } of bad)
      stores["memory"]!.faults.denied.set(location.uri.slice("memory://".length), "policy");
    await scrubber.add(bad);
    clock.advance(1);
    await scrubber.add(entriesOf(200, "memory://group/good"));
    let absent = 0;
    for (let wakeup = 0; wakeup < 60 && absent < 200; wakeup++) {
      absent += (await clock.until(scrubber.runOnce())).absent;
      clock.advance(61_000);
    }
    expect(absent).toBe(200);
  });

  test("a whole request that is throttled is tried again more slowly, and does not close the lane while others get through", async () => {
    await using world = await createWorld({ stores: { memory: { limits: { batch: 50, concurrency: 4 } } } });
    const { scrubber, clock, stores, events } = world;
    const store = stores["memory"]!;
    await scrubber.add(entriesOf(2000));
    const plain = store.delete.bind(store);
    let calls = 0;
    store.delete = (targets, call) =>
      ++calls % 4 === 0
        ? Promise.reject(new ScrubberError("SCRUBBER_STORE_THROTTLED", "SlowDown"))
        : plain(targets, call);
    const summary = await clock.until(scrubber.runOnce());
    expect(summary).toMatchObject({ absent: 2000, retried: 0, setAside: 0 });
    expect(types(events)).toContain("lane.paced");
    expect(types(events)).not.toContain("lane.closed");
  });
});

describe("a key that is throttled", () => {
  test("waits behind the others, does not close its lane, and is released in the end", async () => {
    await using world = await createWorld({ stores: { memory: { limits: { batch: 1, concurrency: 1 } } } });
    const { scrubber, clock, stores, events } = world;
    await scrubber.add(entriesOf(20));
    stores["memory"]!.faults.throttled.add("group/object0");
    expect(await clock.until(scrubber.runOnce())).toMatchObject({ leased: 20, absent: 19, released: 1, retried: 0 });
    expect(types(events)).not.toContain("lane.closed");
  });

  test("is done in the same run where the backend soon has patience again", async () => {
    await using world = await createWorld();
    const { scrubber, clock, stores } = world;
    await scrubber.add(entriesOf(20));
    stores["memory"]!.faults.throttled.add("group/object3");
    scrubber.on(({ type }) => {
      if (type === "lane.paced") stores["memory"]!.faults.throttled.clear();
    });
    expect(await clock.until(scrubber.runOnce())).toMatchObject({ leased: 20, absent: 20, released: 0 });
  });
});

describe("a poisoned batch", () => {
  test("is halved down to the poisonous entry: that one is tried again later, its neighbours are done", async () => {
    await using world = await createWorld({ stores: { memory: { limits: { concurrency: 1 } } } });
    const { scrubber, clock, stores } = world;
    await scrubber.add(entriesOf(1000));
    stores["memory"]!.faults.poisonous.add("group/object417");
    const summary = await clock.until(scrubber.runOnce());
    expect(summary).toMatchObject({ leased: 1000, absent: 999, retried: 1, released: 0 });
    expect(stores["memory"]!.calls.delete).toBeLessThanOrEqual(2 * 10 + 1);
  });
});

describe("a queue, registry or receipt log that is down", () => {
  test("a queue that does not answer at all: the run rejects, and nothing was deleted", async () => {
    await using world = await createWorld();
    await world.scrubber.add(entriesOf(10));
    const repair = world.queue.breakBackend();
    await expect(world.clock.until(world.scrubber.runOnce())).rejects.toMatchObject({
      code: "SCRUBBER_QUEUE_UNAVAILABLE",
    });
    expect(world.stores["memory"]!.calls.delete).toBe(0);
    expect(world.events).toContainEqual(expect.objectContaining({ type: "outage", of: "queue" }));
    repair();
    expect(await world.clock.until(world.scrubber.runOnce())).toMatchObject({ absent: 10 });
  });

  test("a queue that hangs is given up after two minutes", async () => {
    await using world = await createWorld();
    world.queue.faults.set("lease", { kind: "late", until: new Promise(() => {}) });
    const before = world.clock.monotonic();
    await expect(world.clock.until(world.scrubber.runOnce())).rejects.toMatchObject({
      code: "SCRUBBER_QUEUE_UNAVAILABLE",
    });
    expect(world.clock.monotonic() - before).toBe(120_000);
  });

  test("a queue that fails while entries are settled: the run stops without deleting more", async () => {
    await using world = await createWorld({
      scrub: { batch: 10 },
      stores: { memory: { limits: { batch: 10, concurrency: 1 } } },
    });
    await world.scrubber.add(entriesOf(1000));
    world.queue.faults.set("settle", { kind: "fail" });
    await expect(world.clock.until(world.scrubber.runOnce())).rejects.toMatchObject({
      code: "SCRUBBER_QUEUE_UNAVAILABLE",
    });
    expect(world.stores["memory"]!.calls.delete).toBeLessThanOrEqual(4);
  });

  test("a settlement that is stale is counted as released: whoever has the entry now counts it", async () => {
    await using world = await createWorld();
    const store = world.stores["memory"]!;
    const entries = entriesOf(5);
    for (const { location } of entries) store.put(location.uri, { size: 3 });
    await world.scrubber.add(entries);
    const plain = store.delete.bind(store);
    store.delete = async (targets, call) => {
      const outcomes = await plain(targets, call);
      store.delete = plain;
      await world.queue.add(entries.slice(0, 2));
      return outcomes;
    };
    const first = await world.clock.until(world.scrubber.runOnce());
    expect(first).toMatchObject({ leased: 5, deleted: 3, absent: 0, released: 2, bytes: 15 });
    world.clock.advance(600_000);
    const second = await world.clock.until(world.scrubber.runOnce());
    expect(second).toMatchObject({ leased: 2, absent: 2, released: 0, bytes: 0 });
  });
});

describe("receipts that cannot be written", () => {
  test("are met before anything is deleted; what is due waits, uncounted, and goes once they can be", async () => {
    const folder = await mkdtemp(join(tmpdir(), "outage-"));
    onTestFinished(() => rm(folder, { recursive: true, force: true }));
    await writeFile(join(folder, "receipts"), "in the way");
    await using world = await createWorld({ receipts: { directory: join(folder, "receipts") } });
    // Files take real time: the clock stands meanwhile.
    const { scrubber, stores, events, queue } = world;
    const uris = entriesOf(3).map(({ location }) => location.uri);
    for (const uri of uris) stores["memory"]!.put(uri);
    await scrubber.add(entriesOf(3));
    await expect(scrubber.runOnce()).rejects.toMatchObject({ code: "SCRUBBER_RECEIPTS_UNAVAILABLE" });
    expect(uris.map((uri) => stores["memory"]!.has(uri))).toEqual([true, true, true]);
    expect(stores["memory"]!.calls.delete).toBe(0);
    expect(events).toContainEqual(expect.objectContaining({ type: "outage", of: "receipts" }));
    expect(await queue.stats()).toMatchObject({ waiting: 3, leased: 0 });
    await rm(join(folder, "receipts"));
    expect(await scrubber.runOnce()).toMatchObject({ deleted: 3 });
  });
});
