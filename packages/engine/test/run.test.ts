import { describe, expect, test } from "vitest";
import { createWorld, entriesOf } from "./world.ts";

const NOTHING = {
  leased: 0,
  deleted: 0,
  absent: 0,
  marker: 0,
  kept: 0,
  held: 0,
  retried: 0,
  released: 0,
  setAside: 0,
  images: 0,
  bytes: 0,
};

describe("a run", () => {
  test("deletes what is due, in batches, and empties the queue", async () => {
    await using world = await createWorld({ stores: { memory: { limits: { batch: 100 } } } });
    const { scrubber, queue, clock } = world;
    const store = world.stores["memory"]!;
    const entries = entriesOf(2500);
    for (const { location } of entries) store.put(location.uri, { size: 10 });
    await scrubber.add(entries);
    clock.advance(1000);
    const summary = await clock.until(scrubber.runOnce());
    expect(summary).toMatchObject({ ...NOTHING, leased: 2500, deleted: 2500, bytes: 25_000 });
    expect(store.objects.size).toBe(0);
    expect(store.calls.delete).toBeLessThanOrEqual(25 + 3);
    expect(await queue.stats()).toMatchObject({ waiting: 0, leased: 0, setAside: 0 });
  });

  test("of what is not due yet touches nothing", async () => {
    await using world = await createWorld({ scrub: { delay: "1h" } });
    const { scrubber, clock } = world;
    const store = world.stores["memory"]!;
    store.put("memory://group/a");
    await scrubber.add([{ imageId: "a", location: { uri: "memory://group/a" } }]);
    clock.advance(3_599_999);
    expect(await clock.until(scrubber.runOnce())).toMatchObject(NOTHING);
    expect(store.calls.delete).toBe(0);
    clock.advance(1);
    expect(await clock.until(scrubber.runOnce())).toMatchObject({ leased: 1, deleted: 1 });
  });
});
