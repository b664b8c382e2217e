import { ScrubberError } from "@scrubber/core";
import { describe, expect, test } from "vitest";
import { slowDown } from "./pass-world.ts";
import { createWorld, entriesOf } from "./world.ts";

describe("lanes", () => {
  test("50,000 entries of a dead store in front of 1,000 of a live one: the live ones are done in the first run, the next leaves the dead ones alone", async () => {
    await using world = await createWorld({ stores: { dead: {}, live: {} } });
    const { scrubber, queue, clock, stores } = world;
    stores["dead"]!.breakBackend();
    queue.seed(entriesOf(50_000, "dead://group/d"));
    clock.advance(1);
    queue.seed(entriesOf(1000, "live://group/l"));
    expect(await clock.until(scrubber.runOnce())).toMatchObject({ absent: 1000, retried: 0, setAside: 0 });
    const leases = queue.calls.lease;
    clock.advance(300_000);
    queue.seed(entriesOf(1000, "live://group/m"));
    const second = await clock.until(scrubber.runOnce());
    expect(second).toMatchObject({ absent: 1000 });
    // The dead store is tried with a few entries; the others are not even leased.
    expect(second.leased).toBeLessThanOrEqual(1100);
    expect(queue.calls.lease - leases).toBeLessThanOrEqual(8);
  });

  test("a store that is slow does not hold up another: its entries are handed back until it has room", async () => {
    await using world = await createWorld({
      scrub: { batch: 100 },
      stores: { slow: { limits: { batch: 10, concurrency: 1 } }, live: {} },
    });
    const { scrubber, queue, clock, stores, events } = world;
    const plain = stores["slow"]!.delete.bind(stores["slow"]!);
    stores["slow"]!.delete = async (targets, call) => {
      await new Promise<void>((resolve) => {
        clock.after(30_000, resolve);
      });
      return plain(targets, call);
    };
    queue.seed(entriesOf(2000, "slow://group/s"));
    clock.advance(1);
    queue.seed(entriesOf(300, "live://group/l"));
    const doneAt: number[] = [];
    let live = 0;
    scrubber.on((event) => {
      if (event.type !== "batch.settled" || event.store !== "live") return;
      live += event.counts.absent;
      doneAt.push(clock.monotonic());
    });
    const summary = await clock.until(scrubber.runOnce());
    expect(live).toBe(300);
    expect(doneAt.at(-1)).toBeLessThan(30_000);
    // What was handed back for its place alone, and done later in the same run, is no outage: it counts once.
    expect(summary).toMatchObject({ leased: 2300, absent: 2300, retried: 0, released: 0 });
    expect(events.some(({ type }) => type === "lane.closed")).toBe(false);
  });

  test("a backend that refuses whole requests, of whatever size, above two a second is sent few and large ones", async () => {
    await using world = await createWorld({ stores: { memory: { limits: { batch: 1000, concurrency: 8 } } } });
    const { scrubber, queue, clock, stores } = world;
    const plain = stores["memory"]!.delete.bind(stores["memory"]!);
    let freeAt = 0;
    let requests = 0;
    stores["memory"]!.delete = async (targets, call) => {
      requests += 1;
      const now = clock.monotonic();
      await new Promise<void>((resolve) => void clock.after(60, resolve));
      if (now < freeAt) throw new ScrubberError("SCRUBBER_STORE_THROTTLED", "slow down");
      freeAt = now + 500;
      return plain(targets, call);
    };
    queue.seed(entriesOf(100_000));
    let absent = 0;
    while (absent < 100_000 && clock.monotonic() < 300_000) {
      absent += (await clock.until(scrubber.runOnce())).absent;
      clock.advance(1000);
    }
    expect(absent).toBe(100_000);
    // Who knew the limit would need 100 requests, and 50 s.
    expect(requests).toBeLessThan(200);
    expect(clock.monotonic()).toBeLessThan(150_000);
  });

  test("one store alone: nothing is leased twice, and not much more than it works on", async () => {
    await using world = await createWorld({ stores: { memory: { limits: { batch: 1000, concurrency: 2 } } } });
    const { scrubber, queue, clock } = world;
    queue.seed(entriesOf(20_000));
    let most = 0;
    const plain = queue.lease.bind(queue);
    queue.lease = async (request) => {
      const entries = await plain(request);
      most = Math.max(most, (await queue.stats()).leased);
      return entries;
    };
    const opened = await createWorld({ clock, queue });
    expect(await clock.until(opened.scrubber.runOnce())).toMatchObject({ leased: 20_000, absent: 20_000, released: 0 });
    expect(most).toBeLessThanOrEqual(5000);
    void scrubber;
  });

  test("a batch carries one group and distinct keys, and no more than the store takes", async () => {
    await using world = await createWorld({ stores: { memory: { limits: { batch: 7, concurrency: 3 } } } });
    const { scrubber, queue, clock, stores } = world;
    const store = stores["memory"]!;
    let running = 0;
    let most = 0;
    const plain = store.delete.bind(store);
    store.delete = async (targets, call) => {
      // The fake refuses two groups, a key twice and too many by a TypeError, which would end up as a retry.
      most = Math.max(most, ++running);
      await new Promise((resolve) => setImmediate(resolve));
      running -= 1;
      return plain(targets, call);
    };
    for (const group of ["a", "b", "c"]) queue.seed(entriesOf(50, `memory://${group}/o`));
    for (const group of ["A", "B", "C"]) queue.seed(entriesOf(50, `memory://${group}/o`));
    expect(await clock.until(scrubber.runOnce())).toMatchObject({ leased: 300, absent: 300, retried: 0 });
    expect(most).toBeLessThanOrEqual(9);
    expect(most).toBeGreaterThan(3);
  });

  test("while a call is under way, a batch is filled before the next call begins", async () => {
    await using world = await createWorld({ scrub: { batch: 300 } });
    const { scrubber, queue, clock, stores } = world;
    slowDown(stores["memory"]!, clock, 1000);
    queue.seed(entriesOf(3000));
    expect(await clock.until(scrubber.runOnce())).toMatchObject({ absent: 3000 });
    expect(stores["memory"]!.calls.delete).toBeLessThanOrEqual(5);
  });

  test("configured limits are ceilings below the store's own", async () => {
    await using world = await createWorld();
    const { queue, clock } = world;
    const { createScrubber } = await import("../src/index.ts");
    const { memoryQueue, memoryStore } = await import("@scrubber/core/memory");
    const store = world.stores["memory"]!;
    await using limited = await createScrubber(
      {
        queue: { use: memoryQueue, with: { instance: queue } },
        stores: [{ use: memoryStore, with: { instance: store }, limits: { batch: 5, concurrency: 1 } }],
      },
      { now: clock.now, timers: clock },
    );
    queue.seed(entriesOf(50));
    await clock.until(limited.runOnce());
    expect(store.calls.delete).toBe(10);
  });
});

describe("pausing", () => {
  test("one store: its entries wait, the others go on; resuming brings them back", async () => {
    await using world = await createWorld({ stores: { one: {}, two: {} } });
    const { scrubber, queue, clock, stores } = world;
    queue.seed(entriesOf(100, "one://group/o"));
    queue.seed(entriesOf(100, "two://group/t"));
    await scrubber.pause("one");
    // Nothing is wrong with a store that a person paused: its entries count as not taken at all.
    expect(await clock.until(scrubber.runOnce())).toMatchObject({ leased: 100, absent: 100, released: 0 });
    expect((await queue.stats()).waiting).toBe(100);
    expect(stores["one"]!.calls.delete).toBe(0);
    expect((await scrubber.status()).stores["one"]).toMatchObject({ health: "paused" });
    await scrubber.resume("one");
    expect(await clock.until(scrubber.runOnce())).toMatchObject({ absent: 100 });
    expect((await scrubber.status()).stores["one"]).toMatchObject({ health: "ok" });
  });

  test("everything: nothing is leased, in this process and in others on the queue", async () => {
    await using world = await createWorld();
    const { scrubber, queue, clock } = world;
    queue.seed(entriesOf(10));
    await scrubber.pause();
    expect(await scrubber.status()).toMatchObject({ paused: true, stores: { memory: { health: "paused" } } });
    await using other = await createWorld({ clock, queue });
    expect(await clock.until(other.scrubber.runOnce())).toMatchObject({ leased: 0 });
    expect(queue.calls.lease).toBe(0);
    await other.scrubber.resume();
    expect(await clock.until(scrubber.runOnce())).toMatchObject({ absent: 10 });
  });

  test("takes hold of a run that is under way", async () => {
    await using world = await createWorld({
      scrub: { batch: 10 },
      stores: { memory: { limits: { batch: 10, concurrency: 1 } } },
    });
    const { scrubber, queue, clock, stores } = world;
    const plain = stores["memory"]!.delete.bind(stores["memory"]!);
    stores["memory"]!.delete = async (targets, call) => {
      await new Promise<void>((resolve) => {
        clock.after(1000, resolve);
      });
      return plain(targets, call);
    };
    queue.seed(entriesOf(1000));
    const run = scrubber.runOnce();
    await clock.until(Promise.resolve());
    await scrubber.pause();
    const { absent } = await clock.until(run);
    expect(absent).toBeLessThan(200);
    expect((await queue.stats()).leased).toBe(0);
  });

  test("an unknown store is refused, naming those that there are", async () => {
    await using world = await createWorld();
    await expect(world.scrubber.pause("nowhere")).rejects.toMatchObject({
      code: "SCRUBBER_USAGE",
      hint: "The stores are: memory.",
    });
  });
});
