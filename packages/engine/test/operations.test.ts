import { ScrubberError, type QueueEntry } from "@scrubber/core";
import { createMemoryRegistry } from "@scrubber/core/memory";
import { describe, expect, test } from "vitest";
import type { DryRunEntry, Scrubber } from "../src/index.ts";
import { oldestReady } from "../src/overdue.ts";
import { createWorld, entriesOf } from "./world.ts";

async function seen(scrubber: Scrubber): Promise<Record<string, DryRunEntry>> {
  const all: Record<string, DryRunEntry> = {};
  for await (const entry of scrubber.dryRun()) all[entry.imageId] = entry;
  return all;
}

describe("a dry run", () => {
  test("says how each due entry would end, and changes nothing", async () => {
    await using world = await createWorld({ scrub: { batch: 2 } });
    const { scrubber, queue, clock } = world;
    const store = world.stores["memory"]!;
    for (const name of ["there", "held", "newer"]) store.put(`memory://group/${name}`, { size: 9 });
    store.faults.held.set("group/held", undefined);
    store.faults.unknown.set("group/odd", "cannot tell");
    for (const name of ["there", "gone", "held", "newer", "odd"]) {
      queue.seed([{ imageId: name, location: { uri: `memory://user:secret@group/${name}` } }]);
    }
    queue.seed([{ imageId: "lost", location: { uri: "gopher://x" } }]);
    queue.addUnreadable("sealed");
    clock.advance(1);
    store.put("memory://group/newer");
    queue.seed([{ imageId: "later", location: { uri: "memory://group/later" }, dueAt: new Date("2027-01-01") }]);
    const found = await seen(scrubber);
    expect(Object.fromEntries(Object.values(found).map(({ imageId, would }) => [imageId, would]))).toEqual({
      there: "delete",
      gone: "absent",
      held: "hold",
      newer: "setAside",
      odd: "wait",
      lost: "setAside",
      sealed: "setAside",
    });
    expect(found["there"]).toMatchObject({ store: "memory", bytes: 9, uri: "memory://***@group/there" });
    expect(store.calls.delete).toBe(0);
    expect(queue.calls.lease).toBe(0);
    expect(store.objects.size).toBe(3);
  });

  test("shows what a live image keeps, and a store that is down as waiting", async () => {
    await using world = await createWorld({
      sweep: false,
      registry: ({ now }) => {
        const registry = createMemoryRegistry({ now });
        registry.seed({ id: "a", status: "live", locations: [{ uri: "memory://group/a", status: "live" }] });
        registry.seed({ id: "b", status: "pending", locations: [{ uri: "memory://group/b", status: "pending" }] });
        return registry;
      },
    });
    world.stores["memory"]!.breakBackend(new ScrubberError("SCRUBBER_STORE_UNAVAILABLE", "refused"));
    for (const id of ["a", "b"]) world.queue.seed([{ imageId: id, location: { uri: `memory://group/${id}` } }]);
    const found = await seen(world.scrubber);
    expect(found["a"]).toMatchObject({ would: "keep" });
    expect(found["b"]).toMatchObject({ would: "wait", reason: "refused" });
  });
});

describe("what a person does by hand", () => {
  test("retry brings set-aside entries back, of one image or of all", async () => {
    await using world = await createWorld();
    const { scrubber, queue, clock } = world;
    world.stores["memory"]!.faults.marker = "unasked";
    const entries = entriesOf(3);
    for (const { location } of entries) world.stores["memory"]!.put(location.uri);
    queue.seed(entries);
    expect(await clock.until(scrubber.runOnce())).toMatchObject({ setAside: 3 });
    world.stores["memory"]!.faults.marker = undefined;
    expect(await scrubber.retry({ imageId: entries[0]!.imageId })).toBe(1);
    expect(await clock.until(scrubber.runOnce())).toMatchObject({ leased: 1, deleted: 1 });
    expect(await scrubber.retry({})).toBe(2);
  });

  test("discard takes an image's set-aside entries out, without their data; its other entries stay", async () => {
    await using world = await createWorld();
    const { scrubber, queue, clock } = world;
    queue.seed([{ imageId: "x", location: { uri: "gopher://x/1" } }]);
    queue.seed([{ imageId: "y", location: { uri: "gopher://y/1" } }]);
    expect(await clock.until(scrubber.runOnce())).toMatchObject({ setAside: 2 });
    queue.seed([{ imageId: "x", location: { uri: "memory://group/x" }, dueAt: new Date("2026-06-01") }]);
    expect(await scrubber.discard("x", "the bucket was given away")).toBe(1);
    expect(await queue.stats()).toMatchObject({ waiting: 1, due: 0, leased: 0, setAside: 1 });
    expect(await scrubber.discard("x", "again")).toBe(0);
  });

  test("show tells all that is known of an image", async () => {
    await using world = await createWorld({
      registry: ({ now }) => {
        const registry = createMemoryRegistry({ now });
        registry.seed({ id: "x", status: "pending", locations: [{ uri: "memory://group/x", status: "pending" }] });
        return registry;
      },
    });
    await world.scrubber.add([{ imageId: "x", location: { uri: "memory://group/x" } }]);
    const { image, entries } = await world.scrubber.show("x");
    expect(image).toMatchObject({ id: "x", status: "pending" });
    expect(entries).toMatchObject([{ imageId: "x", state: "waiting" }]);
    expect(await world.scrubber.show("y")).toEqual({ image: undefined, entries: [] });
  });

  test("status tells what waits, how late it is, and how the stores do", async () => {
    await using world = await createWorld();
    world.queue.seed(entriesOf(2));
    world.clock.advance(90_000);
    expect(await world.scrubber.status()).toMatchObject({
      waiting: 2,
      due: 2,
      overdueSeconds: 90,
      readyOverdueSeconds: 90,
      paused: false,
      lastSweepAt: null,
      stores: { memory: { health: "unknown", perSecond: 0, lastError: null } },
    });
    await world.clock.until(world.scrubber.runOnce());
    expect(await world.scrubber.status()).toMatchObject({
      waiting: 0,
      overdueSeconds: 0,
      stores: { memory: { health: "ok", perSecond: 2 } },
    });
  });

  test("status tells how late the oldest is that could be tried now, without what a store holds or what waits for another try", async () => {
    await using world = await createWorld();
    const store = world.stores["memory"]!;
    const year = new Date(world.clock.now().getTime() + 365 * 86_400_000);
    const [held, retried, fresh] = ["held", "retried", "fresh"].map((name) => store.put(`memory://group/${name}`));
    store.faults.held.set("group/held", year);
    store.faults.unknown.set("group/retried", "it does not say");
    await world.scrubber.add([
      { imageId: "held", location: held! },
      { imageId: "retried", location: retried! },
    ]);
    await world.clock.until(world.scrubber.runOnce());
    world.clock.advance(10_000);
    expect(await world.scrubber.status()).toMatchObject({ due: 2, overdueSeconds: 10, readyOverdueSeconds: 0 });
    await world.scrubber.add([{ imageId: "fresh", location: fresh! }]);
    world.clock.advance(5000);
    expect(await world.scrubber.status()).toMatchObject({ due: 3, overdueSeconds: 15, readyOverdueSeconds: 5 });
    // The pause before the other try is over.
    world.clock.advance(60_000);
    expect(await world.scrubber.status()).toMatchObject({ due: 3, overdueSeconds: 75, readyOverdueSeconds: 75 });
  });

  test("status does not look through all that a store holds: past a hundred thousand it says how late the rest is at most", async () => {
    const now = new Date("2026-01-01T00:00:00Z");
    let seen = 0;
    const entries = async function* (): AsyncGenerator<QueueEntry> {
      for (;;) {
        seen++;
        const dueAt = new Date(now.getTime() - 1_000_000 + seen);
        yield {
          id: "",
          imageId: "i",
          state: "waiting",
          requestedAt: now,
          dueAt,
          visibleAt: new Date(4e12),
          attempts: 0,
          location: { uri: "u" },
        };
      }
    };
    const oldest = await oldestReady({ entries }, now);
    expect([seen, oldest]).toEqual([100_000, new Date(now.getTime() - 900_000)]);
  });

  test("probe asks every store; one that throws or hangs is a problem, not an error", async () => {
    await using world = await createWorld({ stores: { good: {}, bad: {}, mute: {} } });
    world.stores["bad"]!.probe = () => Promise.reject(new ScrubberError("SCRUBBER_STORE_UNAVAILABLE", "refused"));
    world.stores["mute"]!.probe = () => new Promise(() => {});
    const found = await world.clock.until(world.scrubber.probe({ write: false }));
    expect(found.get("good")).toMatchObject([{ level: "ok" }]);
    expect(found.get("bad")).toMatchObject([{ level: "problem", message: "refused" }]);
    expect(found.get("mute")).toMatchObject([
      { level: "problem", message: 'store "mute" did not answer within 120 s' },
    ]);
  });

  test("a sweep where there is nothing to sweep is refused", async () => {
    await using world = await createWorld();
    await expect(world.scrubber.sweep()).rejects.toMatchObject({ code: "SCRUBBER_UNSUPPORTED" });
  });
});

describe("events", () => {
  test("a listener that throws stops nothing, and can be taken away", async () => {
    const logged: string[] = [];
    const log = { debug() {}, info() {}, warn() {}, error: (message: string) => void logged.push(message) };
    await using world = await createWorld({ surroundings: { log } });
    const off = world.scrubber.on(() => {
      throw new Error("no");
    });
    world.queue.seed(entriesOf(3));
    expect(await world.clock.until(world.scrubber.runOnce())).toMatchObject({ absent: 3 });
    expect(logged.length).toBeGreaterThan(0);
    off();
    logged.length = 0;
    await world.clock.until(world.scrubber.runOnce());
    expect(logged).toEqual([]);
  });

  test("carry no secret of a location", async () => {
    await using world = await createWorld();
    const store = world.stores["memory"]!;
    for (const kind of ["a", "b", "c"]) store.put(`memory://group/${kind}`);
    store.faults.denied.set("group/a", "no");
    store.faults.held.set("group/b", undefined);
    store.faults.poisonous.add("group/c");
    world.queue.seed(
      [
        "memory://key:hunter2@group/a",
        "memory://key:hunter2@group/b",
        "memory://key:hunter2@group/c",
        "gopher://key:hunter2@x/d",
      ].map((uri) => ({ imageId: uri.slice(-1), location: { uri } })),
    );
    await world.clock.until(world.scrubber.runOnce());
    expect(world.events.filter(({ type }) => type === "entry.failed")).toHaveLength(4);
    expect(JSON.stringify(world.events)).not.toContain("hunter2");
    for await (const { error } of world.queue.entries()) expect(error).not.toContain("hunter2");
  });
});
