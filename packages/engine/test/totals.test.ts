import { createMemoryQueue, createMemoryRegistry } from "@scrubber/core/memory";
import { expect, test } from "vitest";
import type { RunSummary } from "../src/index.ts";
import { RunningTotals, totalsIn } from "../src/totals.ts";
import { slowDown } from "./pass-world.ts";
import { createWorld, entriesOf, quiet, TestClock } from "./world.ts";

const NONE = { deleted: 0, absent: 0, marker: 0, kept: 0, retried: 0, setAside: 0, bytes: 0 };

test("what every run on a queue has done is added up by store, whatever process it was in", async () => {
  const clock = new TestClock();
  const queue = createMemoryQueue({ now: clock.now });
  const run = async (images: readonly string[]): Promise<RunSummary> => {
    const world = await createWorld({
      clock,
      queue,
      stores: { memory: {}, other: {} },
      registry: () => createMemoryRegistry({ now: clock.now }),
      sweep: false,
      scrub: { unknownImage: "delete" },
    });
    for (const image of images) world.stores["memory"]!.put(`memory://group/${image}`, { size: 1000 });
    await world.scrubber.add([
      ...images.map((imageId) => ({ imageId, location: { uri: `memory://group/${imageId}` } })),
      ...images.map((imageId) => ({ imageId, location: { uri: `other://group/${imageId}` } })),
      { imageId: `none-${images[0]}`, location: { uri: "elsewhere://x" } },
    ]);
    return clock.until(world.scrubber.runOnce());
  };
  await using before = await createWorld({ clock, queue });
  expect((await before.scrubber.status()).totals).toBeNull();
  await run(["a", "b"]);
  clock.advance(86_400_000);
  await run(["c"]);
  expect((await before.scrubber.status()).totals).toEqual({
    since: new Date("2026-01-01T00:00:00Z"),
    images: 0,
    stores: {
      memory: { ...NONE, deleted: 3, bytes: 3000 },
      other: { ...NONE, absent: 3 },
      "": { ...NONE, setAside: 2 },
    },
  });
});

test("a long run shows how far it is while it goes on, every 5 s", async () => {
  await using world = await createWorld({ stores: { memory: { limits: { batch: 10, concurrency: 1 } } } });
  const { clock, scrubber } = world;
  slowDown(world.stores["memory"]!, clock, 2000);
  await scrubber.add(entriesOf(3000));
  const run = scrubber.runOnce();
  run.catch(() => {});
  for (let second = 0; second < 20; second++) {
    await quiet();
    clock.advance(1000);
  }
  const { totals, stores } = await scrubber.status();
  expect(totals?.stores["memory"]?.absent).toBeGreaterThanOrEqual(50);
  expect(stores["memory"]).toMatchObject({ health: "ok" });
  await clock.until(run);
  expect((await scrubber.status()).totals?.stores["memory"]?.absent).toBe(3000);
});

test("what could not be written is written with what comes next", async () => {
  const queue = createMemoryQueue();
  const totals = new RunningTotals(queue, () => new Date(0));
  const counts = { deleted: 1, absent: 0, marker: 0, kept: 0, held: 9, retried: 0, released: 9, setAside: 0 };
  totals.listen({ type: "batch.settled", store: "s", group: "g", counts, bytes: 5, ms: 1 });
  totals.listen({ type: "image.deleted", imageId: "i" });
  const plain = queue.setNote.bind(queue);
  queue.setNote = () => {
    totals.listen({ type: "batch.settled", store: "s", group: "g", counts, bytes: 5, ms: 1 });
    return Promise.reject(new Error("down"));
  };
  await expect(totals.save()).rejects.toThrow("down");
  queue.setNote = plain;
  await totals.save();
  await totals.save();
  expect(totalsIn(await queue.notes())).toEqual({
    since: new Date(0),
    images: 1,
    stores: { s: { ...NONE, deleted: 2, bytes: 10 } },
  });
});
