import { createMemoryRegistry } from "@scrubber/core/memory";
import { describe, expect, test } from "vitest";
import type { RunSummary } from "../src/index.ts";
import { createWorld, entriesOf, sumOf } from "./world.ts";

async function row(
  prepare: (world: Awaited<ReturnType<typeof createWorld>>) => void,
  options: Parameters<typeof createWorld>[0] = {},
): Promise<{ summary: RunSummary; world: Awaited<ReturnType<typeof createWorld>> }> {
  const world = await createWorld(options);
  world.stores["memory"]!.put("memory://group/object", { size: 7 });
  await world.scrubber.add([{ imageId: "image", location: { uri: "memory://group/object" } }]);
  world.clock.advance(1000);
  prepare(world);
  const summary = await world.clock.until(world.scrubber.runOnce());
  expect(summary.leased).toBe(sumOf(summary));
  return { summary, world };
}

async function stateOf(world: Awaited<ReturnType<typeof createWorld>>): Promise<{
  state: string | undefined;
  attempts: number | undefined;
  error: string | undefined;
  inMs: number | undefined;
}> {
  for await (const { state, attempts, error, visibleAt } of world.queue.entries()) {
    return { state, attempts, error, inMs: visibleAt.getTime() - world.clock.now().getTime() };
  }
  return { state: undefined, attempts: undefined, error: undefined, inMs: undefined };
}

describe("what becomes of an entry in a run", () => {
  test("deleted: leaves the queue, its bytes are counted", async () => {
    const { summary, world } = await row(() => {});
    expect(summary).toMatchObject({ leased: 1, deleted: 1, bytes: 7 });
    expect((await stateOf(world)).state).toBeUndefined();
  });

  test("absent: leaves the queue", async () => {
    const { summary, world } = await row(({ stores }) => stores["memory"]!.objects.clear());
    expect(summary).toMatchObject({ leased: 1, absent: 1, bytes: 0 });
    expect((await stateOf(world)).state).toBeUndefined();
  });

  test("a marker that was asked for: leaves the queue", async () => {
    const { summary, world } = await row(({ stores }) => (stores["memory"]!.faults.marker = "asked"));
    expect(summary).toMatchObject({ leased: 1, marker: 1 });
    expect((await stateOf(world)).state).toBeUndefined();
  });

  test("a marker that nobody asked for: set aside", async () => {
    const { summary, world } = await row(({ stores }) => (stores["memory"]!.faults.marker = "unasked"));
    expect(summary).toMatchObject({ leased: 1, setAside: 1, marker: 0 });
    expect(await stateOf(world)).toMatchObject({ state: "setAside" });
  });

  test("held: waits until the hold ends, uncounted", async () => {
    const { summary, world } = await row(({ stores, clock }) =>
      stores["memory"]!.faults.held.set("group/object", new Date(clock.now().getTime() + 3_600_000)),
    );
    expect(summary).toMatchObject({ leased: 1, held: 1 });
    expect(await stateOf(world)).toMatchObject({ state: "waiting", attempts: 0, inMs: 3_600_000 });
  });

  test("changed: set aside at once, untouched", async () => {
    const { summary, world } = await row(({ stores, clock }) => {
      clock.advance(1);
      stores["memory"]!.put("memory://group/object");
    });
    expect(summary).toMatchObject({ leased: 1, setAside: 1 });
    expect(await stateOf(world)).toMatchObject({ state: "setAside" });
    expect(world.stores["memory"]!.has("memory://group/object")).toBe(true);
  });

  test("unreadable: set aside at once", async () => {
    const world = await createWorld();
    world.queue.addUnreadable("sealed", "no key opens it");
    const summary = await world.clock.until(world.scrubber.runOnce());
    expect(summary).toMatchObject({ leased: 1, setAside: 1 });
    expect(await stateOf(world)).toMatchObject({ state: "setAside", error: "it cannot be read: no key opens it" });
  });

  test("unroutable and invalid: set aside at once, saying who was asked", async () => {
    const world = await createWorld();
    await world.scrubber.add([
      { imageId: "a", location: { uri: "gopher://host/a" } },
      { imageId: "b", location: { uri: "memory://group/a%ZZ" } },
      { imageId: "c", location: { uri: "memory://group/c", store: "other" } },
      { imageId: "d", location: { uri: "memory://group/d", metadata: { backend: "memory" } } },
      { imageId: "e", location: { uri: "memory://group/\ufffd" } },
    ]);
    world.stores["memory"]!.put("memory://group/\ufffd");
    const summary = await world.clock.until(world.scrubber.runOnce());
    expect(summary).toMatchObject({ leased: 5, setAside: 4, absent: 1 });
    expect(world.stores["memory"]!.has("memory://group/\ufffd")).toBe(true);
    const errors: Record<string, string | undefined> = {};
    for await (const { imageId, error } of world.queue.entries()) errors[imageId] = error;
    expect(errors["a"]).toBe('no configured store answers for "gopher:"');
    expect(errors["b"]).toContain('store "memory" refuses it');
    expect(errors["c"]).toBe('it names the store "other", which is not configured');
    expect(errors["e"]).toContain("U+FFFD");
  });

  test("of several stores with one scheme, the one that is named or that alone takes it; else set aside, naming all", async () => {
    const world = await createWorld({
      stores: {
        a: { scheme: "memory", groups: ["shared", "only-a"] },
        b: { scheme: "memory", groups: ["shared"] },
      },
    });
    await world.scrubber.add([
      { imageId: "both", location: { uri: "memory://shared/x" } },
      { imageId: "named", location: { uri: "memory://shared/x", store: "b" } },
      { imageId: "one", location: { uri: "memory://only-a/x" } },
      { imageId: "none", location: { uri: "memory://elsewhere/x" } },
    ]);
    const summary = await world.clock.until(world.scrubber.runOnce());
    expect(summary).toMatchObject({ leased: 4, absent: 2, setAside: 2 });
    expect([world.stores["a"]!.calls.delete, world.stores["b"]!.calls.delete]).toEqual([1, 1]);
    const errors: Record<string, string | undefined> = {};
    for await (const { imageId, error } of world.queue.entries()) errors[imageId] = error;
    expect(errors["both"]).toBe('several stores take it: "a", "b"');
    expect(errors["none"]).toContain("refuses it");
  });

  test("an unknown image: set aside", async () => {
    const { summary } = await row(() => {}, {
      registry: ({ now }) => createMemoryRegistry({ now }),
      sweep: false,
    });
    expect(summary).toMatchObject({ leased: 1, setAside: 1 });
  });

  test("an image that is live: kept, nothing is deleted", async () => {
    const { summary, world } = await row(() => {}, {
      sweep: false,
      registry: ({ now }) => {
        const registry = createMemoryRegistry({ now });
        registry.seed({ id: "image", status: "live", locations: [{ uri: "memory://group/object", status: "live" }] });
        return registry;
      },
    });
    expect(summary).toMatchObject({ leased: 1, kept: 1, images: 0 });
    expect(world.stores["memory"]!.has("memory://group/object")).toBe(true);
    expect((await stateOf(world)).state).toBeUndefined();
  });

  test("denied: tried again later, counted", async () => {
    const { summary, world } = await row(({ stores }) => stores["memory"]!.faults.denied.set("*", "no"));
    expect(summary).toMatchObject({ leased: 1, retried: 1 });
    expect(await stateOf(world)).toMatchObject({ state: "waiting", attempts: 1, error: "no" });
  });

  test("unknown: tried again later, counted, and set aside after maxAttempts", async () => {
    const { summary, world } = await row(
      ({ stores }) => stores["memory"]!.faults.unknown.set("group/object", "no answer"),
      { scrub: { maxAttempts: 2 } },
    );
    expect(summary).toMatchObject({ leased: 1, retried: 1 });
    world.clock.advance(3_600_000);
    const second = await world.clock.until(world.scrubber.runOnce());
    expect(second).toMatchObject({ leased: 1, setAside: 1, retried: 0 });
    expect(await stateOf(world)).toMatchObject({ state: "setAside", error: "no answer" });
  });

  test("a call that does not answer within two minutes: unknown, counted", async () => {
    const { summary, world } = await row(({ stores }) => (stores["memory"]!.faults.hangsAfter = 0));
    expect(summary).toMatchObject({ leased: 1, retried: 1 });
    expect(summary.seconds).toBeGreaterThanOrEqual(120);
    expect(await stateOf(world)).toMatchObject({ state: "waiting", attempts: 1 });
  });

  test("throttled: released, uncounted", async () => {
    const { summary, world } = await row(({ stores }) => stores["memory"]!.faults.throttled.add("group/object"));
    expect(summary).toMatchObject({ leased: 1, released: 1 });
    expect(await stateOf(world)).toMatchObject({ state: "waiting", attempts: 0 });
  });

  test("an environment failure: released, uncounted", async () => {
    const { summary, world } = await row(({ stores }) => stores["memory"]!.breakBackend());
    expect(summary).toMatchObject({ leased: 1, released: 1 });
    expect(await stateOf(world)).toMatchObject({ state: "waiting", attempts: 0 });
  });

  test("two entries of one object: one deletion, two answers", async () => {
    const { summary, world } = await row(
      ({ queue }) =>
        queue.seed([
          { imageId: "other", location: { uri: "memory://GROUP/object" } },
          { imageId: "third", location: { uri: "memory://user:secret@group/object" } },
        ]),
      {},
    );
    expect(summary).toMatchObject({ leased: 3, deleted: 3, bytes: 7 });
    expect(world.stores["memory"]!.calls.delete).toBe(1);
  });

  test("that one entry's object has changed says nothing of another entry of the same object", async () => {
    const { summary } = await row(({ stores, queue, clock }) => {
      clock.advance(1);
      stores["memory"]!.put("memory://group/object");
      clock.advance(1);
      queue.seed([{ imageId: "later", location: { uri: "memory://GROUP/object" } }]);
    });
    expect(summary).toMatchObject({ leased: 2, setAside: 1, deleted: 1 });
  });

  test("that one entry is denied says nothing of another entry of the same object, which may come with credentials of its own", async () => {
    const { summary, world } = await row(({ stores, queue, clock }) => {
      clock.advance(1);
      queue.seed([{ imageId: "other", location: { uri: "memory://user:secret@group/object" } }]);
      const store = stores["memory"]!;
      const plain = store.delete.bind(store);
      store.delete = async (targets, call) =>
        targets.some(({ location }) => location.uri.includes("secret"))
          ? plain(targets, call)
          : targets.map(() => ({ kind: "denied", reason: "wrong credentials" }));
    });
    expect(summary).toMatchObject({ leased: 2, retried: 1, deleted: 1 });
    expect(await stateOf(world)).toMatchObject({ state: "waiting", attempts: 1, error: "wrong credentials" });
  });

  test("a store that answers fewer than it was asked: all unknown, nothing is called deleted", async () => {
    const world = await createWorld();
    const entries = entriesOf(3);
    await world.scrubber.add(entries);
    world.stores["memory"]!.faults.unanswered.add("group/object1");
    const summary = await world.clock.until(world.scrubber.runOnce());
    expect(summary).toMatchObject({ leased: 3, retried: 3, deleted: 0, absent: 0 });
  });
});
