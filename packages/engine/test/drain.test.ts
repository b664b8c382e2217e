import { createMemoryRegistry, type MemoryQueue } from "@scrubber/core/memory";
import { describe, expect, test } from "vitest";
import { createPassWorld } from "./pass-world.ts";
import { createWorld, entriesOf, quiet, sumOf, type World } from "./world.ts";

/** Half a minute to drain, 5 s for a store to come back, 10 s to hand back. */
const HARD_END_MS = 45_000;

/** The events of one type. */
const of = (events: readonly { readonly type: string }[], type: string): readonly object[] =>
  events.filter((event) => event.type === type);

describe("a plugin of strange behaviour", () => {
  test("that breaks the way into the lanes ends the run: all that was leased is handed back and counted, no timer stays", async () => {
    const { clock, queue, store, pass, events } = createPassWorld();
    const plain = store.target.bind(store);
    store.target = (of) => {
      const target = plain(of);
      let reads = 0;
      return Object.defineProperty({ ...target!, group: "" }, "group", {
        get: () => {
          if (++reads > 1 && of.location.uri.endsWith("7")) throw new Error("with s3cret");
          return "group";
        },
      });
    };
    queue.seed(entriesOf(10));
    const failed = await clock.until(pass().run({})).catch((error: unknown) => error);
    expect(String(failed)).toMatch(/nobody foresaw/);
    expect(String(failed)).not.toContain("s3cret");
    expect(await queue.stats()).toMatchObject({ waiting: 10, leased: 0 });
    expect(of(events, "run.finished")).toMatchObject([{ summary: { leased: 10, released: 10 } }]);
    expect(clock.timers).toBe(0);
  });

  test("or what else breaks while answers are judged, ends the run in the same way", async () => {
    const broken = (): never => {
      throw new TypeError("broken");
    };
    const { clock, queue, store, pass } = createPassWorld({ random: broken, limits: { batch: 2, concurrency: 1 } });
    queue.seed(entriesOf(5));
    store.delete = (targets) => Promise.resolve(targets.map(() => ({ kind: "unknown", reason: "?" })));
    await expect(clock.until(pass().run({}))).rejects.toThrow(/nobody foresaw \(TypeError\)/);
    expect(await queue.stats()).toMatchObject({ waiting: 5, leased: 0 });
    expect({ ms: clock.monotonic(), timers: clock.timers }).toEqual({ ms: 0, timers: 0 });
  });

  test("that hands out a location without a URI fails that entry alone", async () => {
    const { clock, queue, pass } = createPassWorld();
    queue.seed(entriesOf(3));
    const plain = queue.lease.bind(queue);
    queue.lease = async (request) =>
      (await plain(request)).map((entry) =>
        entry.imageId.endsWith("-1") ? { ...entry, location: {} as never } : entry,
      );
    expect(await clock.until(pass().run({}))).toMatchObject({ leased: 3, absent: 2, setAside: 1 });
  });

  test.each([
    ["a hold until no date", { kind: "held", until: "tomorrow", reason: "a hold" }],
    ["a hold until no time", { kind: "held", until: new Date(Number.NaN), reason: "a hold" }],
    ["bytes that are no number", { kind: "deleted", bytes: "12" }],
    ["patience without an end", { kind: "throttled", retryAfterMs: Number.POSITIVE_INFINITY }],
    ["no reason", { kind: "denied" }],
  ])(
    "that answers with %s has not answered for that location: it is tried again, its neighbours are done",
    async (_, outcome) => {
      const { clock, queue, store, pass } = createPassWorld();
      queue.seed(entriesOf(3));
      const plain = store.delete.bind(store);
      store.delete = async (targets, call) =>
        (await plain(targets, call)).map((own, at) => (at === 1 ? (outcome as never) : own));
      expect(await clock.until(pass().run({}))).toMatchObject({ leased: 3, absent: 2, retried: 1, bytes: 0 });
    },
  );
});

describe("a stop", () => {
  test("has a hard end: where the queue settles nothing any more, what is leased is given up, counted and said, and renewed no longer", async () => {
    const { clock, queue, pass, events } = createPassWorld();
    queue.seed(entriesOf(5));
    queue.settle = () => new Promise(() => {});
    let renewed = 0;
    const plain = queue.renew.bind(queue);
    queue.renew = (leases, ms) => {
      renewed += 1;
      return plain(leases, ms);
    };
    const stop = new AbortController();
    const run = pass().run({ signal: stop.signal });
    await quiet();
    stop.abort();
    const summary = await clock.until(run, () => clock.monotonic() <= HARD_END_MS);
    expect(clock.monotonic()).toBe(HARD_END_MS);
    expect(summary).toMatchObject({ leased: 5, released: 5 });
    expect(of(events, "daemon.gaveUp")).toMatchObject([{ leased: 5 }]);
    expect(clock.timers).toBe(0);
    clock.advance(600_000);
    expect(renewed).toBe(0);
    expect(await queue.stats()).toMatchObject({ waiting: 5, leased: 0 });
  });

  test("at once has one, too", async () => {
    const { clock, queue, pass, events } = createPassWorld();
    queue.seed(entriesOf(5));
    queue.settle = () => new Promise(() => {});
    const stopNow = new AbortController();
    const run = pass().run({ stopNow: stopNow.signal });
    await quiet();
    stopNow.abort();
    const summary = await clock.until(run, () => clock.monotonic() <= HARD_END_MS);
    expect(clock.monotonic()).toBe(HARD_END_MS - 30_000);
    expect(sumOf(summary)).toBe(5);
    expect(of(events, "daemon.gaveUp")).toHaveLength(1);
  });

  test("while the queue hangs over a lease ends, too; what it hands out later is neither touched nor held", async () => {
    const { clock, queue, store, pass, events } = createPassWorld();
    queue.seed(entriesOf(5));
    let answer: () => void = () => {};
    const plain = queue.lease.bind(queue);
    queue.lease = async (request) => {
      await new Promise<void>((resolve) => (answer = resolve));
      return plain(request);
    };
    const stop = new AbortController();
    const run = pass().run({ signal: stop.signal });
    await quiet();
    stop.abort();
    const inTime = (): boolean => clock.monotonic() <= HARD_END_MS;
    expect(await clock.until(run, inTime)).toMatchObject({ leased: 0 });
    expect(of(events, "daemon.gaveUp")).toMatchObject([{ leased: 0 }]);
    queue.settle = () => new Promise(() => {});
    answer();
    await quiet();
    expect(store.calls.delete).toBe(0);
    expect(clock.timers).toBe(0);
    clock.advance(600_000);
    expect(await queue.stats()).toMatchObject({ waiting: 5, leased: 0 });
  });

  test.each([
    ["the sweep", (world: World) => (world.scrubber.registry!.pendingLocations = () => new Promise(() => {}))],
    ["what is due next", (world: World) => hangAfterFirst(world.queue)],
  ])("of the daemon has one where a backend hangs over %s", async (_, hang) => {
    await using world = await createWorld({ registry: () => createMemoryRegistry() });
    const { clock, scrubber } = world;
    hang(world);
    const stop = new AbortController();
    const run = scrubber.runForever({ signal: stop.signal });
    await quiet();
    stop.abort();
    const inTime = (): boolean => clock.monotonic() <= HARD_END_MS + 1000;
    await expect(clock.until(run, inTime)).rejects.toMatchObject({ code: "SCRUBBER_ABORTED" });
  });

  test("closes what can be closed, and leaves what does not after 10 s", async () => {
    const logged: string[] = [];
    const log = { debug() {}, info() {}, warn: (message: string) => void logged.push(message), error() {} };
    const world = await createWorld({ surroundings: { log } });
    world.stores["memory"]![Symbol.asyncDispose] = () => new Promise(() => {});
    let closed = false;
    world.queue[Symbol.asyncDispose] = () => {
      closed = true;
      return Promise.resolve();
    };
    await world.clock.until(Promise.resolve(world.scrubber[Symbol.asyncDispose]()));
    expect({ closed, logged, ms: world.clock.monotonic() }).toEqual({
      closed: true,
      ms: 10_000,
      logged: ['the store "memory" did not close within 10 s and is left as it is'],
    });
  });
});

/** The first answer is for the pass; the next one, of when something is due, never comes. */
function hangAfterFirst(queue: MemoryQueue): void {
  const plain = queue.stats.bind(queue);
  let asked = 0;
  queue.stats = () => (asked++ === 0 ? plain() : new Promise(() => {}));
}
