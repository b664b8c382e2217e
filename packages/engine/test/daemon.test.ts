import { createMemoryRegistry } from "@scrubber/core/memory";
import { describe, expect, test } from "vitest";
import { slowDown } from "./pass-world.ts";
import { createWorld, entriesOf, quiet, type World } from "./world.ts";

/** The instants at which runs began, in seconds since the start. */
function runs(world: World): number[] {
  const began: number[] = [];
  world.scrubber.on((event) => {
    if (event.type === "run.started") began.push(world.clock.monotonic() / 1000);
  });
  return began;
}

/** Runs the daemon for so long, then stops it. */
async function runFor(world: World, ms: number, stopNow?: AbortSignal): Promise<void> {
  const stop = new AbortController();
  world.clock.after(ms, () => {
    stop.abort();
  });
  await world.clock.until(
    world.scrubber.runForever({ signal: stop.signal, ...(stopNow === undefined ? {} : { stopNow }) }),
  );
}

describe("the daemon", () => {
  test("works now and at every wake-up", async () => {
    await using world = await createWorld({ scrub: { wakeup: "60s" } });
    const began = runs(world);
    await runFor(world, 200_000);
    expect(began).toEqual([0, 60, 120, 180]);
  });

  test("wakes early for what comes due", async () => {
    await using world = await createWorld({ scrub: { wakeup: "300s", delay: "90s" } });
    await world.scrubber.add(entriesOf(3));
    const began = runs(world);
    await runFor(world, 100_000);
    expect(began).toEqual([0, 90]);
    expect(await world.queue.stats()).toMatchObject({ waiting: 0 });
  });

  test("wakes early for the end of a lease whose scrubber died", async () => {
    await using world = await createWorld({ scrub: { wakeup: "300s" } });
    await world.scrubber.add(entriesOf(1));
    await world.queue.lease({ limit: 1, leaseMs: 90_000 });
    const began = runs(world);
    await runFor(world, 100_000);
    expect(began).toEqual([0, 90]);
    expect(await world.queue.stats()).toMatchObject({ waiting: 0, leased: 0 });
  });

  test("tells until when it sleeps", async () => {
    await using world = await createWorld();
    await runFor(world, 1000);
    expect(world.events).toContainEqual({ type: "daemon.sleeping", until: new Date("2026-01-01T00:05:00Z") });
  });

  test("wakes to try a store that is down, 1 s, 2 s, 4 s later and so on", async () => {
    await using world = await createWorld();
    const store = world.stores["memory"]!;
    await world.scrubber.add(entriesOf(500));
    const triedAt: number[] = [];
    const repair = store.breakBackend();
    const plain = store.delete.bind(store);
    store.delete = (targets, call) => {
      triedAt.push(Math.round(world.clock.monotonic() / 1000));
      return plain(targets, call);
    };
    world.clock.after(40_000, repair);
    await runFor(world, 130_000);
    const [closedAt = 0] = triedAt.slice(4);
    expect(triedAt.slice(5, 10).map((at) => at - closedAt)).toEqual([1, 3, 7, 15, 31]);
    expect(await world.queue.stats()).toMatchObject({ waiting: 0, leased: 0 });
  });

  test("never overlaps itself: a pass that takes longer than a wake-up is followed by the next", async () => {
    await using world = await createWorld({ scrub: { wakeup: "10s" } });
    slowDown(world.stores["memory"]!, world.clock, 25_000);
    await world.scrubber.add(entriesOf(10));
    const open: number[] = [];
    let running = 0;
    world.scrubber.on(({ type }) => {
      if (type === "run.started") open.push(++running);
      if (type === "run.finished") running -= 1;
    });
    await runFor(world, 60_000);
    expect(Math.max(...open)).toBe(1);
  });

  test("goes on after an outage of the queue, trying again after 1 s, 2 s and so on", async () => {
    await using world = await createWorld();
    const repair = world.queue.breakBackend();
    await quiet();
    world.clock.after(10_000, repair);
    await runFor(world, 20_000);
    expect(world.events.filter(({ type }) => type === "outage").length).toBeGreaterThanOrEqual(4);
    expect(world.events.filter(({ type }) => type === "run.finished").length).toBeGreaterThanOrEqual(5);
  });

  test("drains when it is told to stop: what runs is finished, what waits is handed back", async () => {
    await using world = await createWorld({ stores: { memory: { limits: { batch: 10, concurrency: 1 } } } });
    slowDown(world.stores["memory"]!, world.clock, 20_000);
    await world.scrubber.add(entriesOf(100));
    await runFor(world, 5000);
    expect(world.clock.monotonic()).toBe(20_000);
    expect(world.events).toContainEqual({ type: "daemon.draining", leased: 100 });
    expect(await world.queue.stats()).toMatchObject({ waiting: 90, leased: 0 });
  });

  test("stops at once on the second signal", async () => {
    await using world = await createWorld({ stores: { memory: { limits: { batch: 10, concurrency: 1 } } } });
    slowDown(world.stores["memory"]!, world.clock, 20_000);
    await world.scrubber.add(entriesOf(100));
    const stopNow = new AbortController();
    world.clock.after(6000, () => {
      stopNow.abort();
    });
    await runFor(world, 5000, stopNow.signal);
    expect(world.clock.monotonic()).toBe(6000);
    expect((await world.queue.stats()).leased).toBe(0);
  });

  test("sweeps when it is time, and stamps when that was", async () => {
    await using world = await createWorld({
      sweep: { every: "1h" },
      registry: ({ now }) => createMemoryRegistry({ now }),
    });
    await runFor(world, 7_300_000);
    expect(world.events.filter(({ type }) => type === "sweep.finished")).toHaveLength(3);
    expect((await world.scrubber.status()).lastSweepAt).toEqual(new Date("2026-01-01T02:00:00Z"));
  });

  test("refuses a second run beside the one under way", async () => {
    await using world = await createWorld();
    slowDown(world.stores["memory"]!, world.clock, 20_000);
    await world.scrubber.add(entriesOf(1));
    const first = world.scrubber.runOnce();
    await expect(world.scrubber.runOnce()).rejects.toMatchObject({ code: "SCRUBBER_ALREADY_RUNNING" });
    await world.clock.until(first);
  });

  test("closing while it runs hands everything back first", async () => {
    const world = await createWorld({ stores: { memory: { limits: { batch: 10, concurrency: 1 } } } });
    slowDown(world.stores["memory"]!, world.clock, 20_000);
    await world.scrubber.add(entriesOf(100));
    const run = world.scrubber.runOnce();
    await quiet();
    await world.clock.until(Promise.resolve(world.scrubber[Symbol.asyncDispose]()));
    expect(await run).toMatchObject({ leased: 100, absent: 10, released: 90 });
  });
});
