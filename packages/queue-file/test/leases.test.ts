import { expect, test } from "vitest";
import { collect } from "./collect.ts";
import { QueuePlace } from "./queue-place.ts";

function entry(imageId: string): { imageId: string; location: { uri: string } } {
  return { imageId, location: { uri: `file:///${imageId}` } };
}

test("each lease runs out at its own time", async () => {
  await using place = new QueuePlace();
  const queue = await place.open();
  await queue.add(["a", "b", "c"].map(entry));
  await queue.lease({ limit: 1, leaseMs: 10_000 });
  await queue.lease({ limit: 1, leaseMs: 20_000 });
  await queue.lease({ limit: 1, leaseMs: 30_000 });
  for (const imageId of ["a", "b", "c"]) {
    place.clock.advance(9999);
    expect(await queue.lease({ limit: 10, leaseMs: 600_000 })).toEqual([]);
    place.clock.advance(1);
    expect(await queue.lease({ limit: 10, leaseMs: 600_000 })).toMatchObject([{ imageId }]);
  }
});

test("what is settled by whoever held it last, after its lease ran out, is due no more", async () => {
  await using place = new QueuePlace();
  const queue = await place.open();
  const now = place.clock.now().getTime();
  await queue.add(["done", "later"].map(entry));
  const [done, later] = await queue.lease({ limit: 2, leaseMs: 10_000 });
  if (done === undefined || later === undefined) throw new TypeError("there are two");
  place.clock.advance(10_000);
  // Both are due again; but what is due before them is handed out.
  await queue.add([{ ...entry("first"), dueAt: new Date(now - 1) }]);
  expect(await queue.lease({ limit: 1, leaseMs: 3_600_000 })).toMatchObject([{ imageId: "first" }]);
  const visibleAt = new Date(now + 60_000);
  expect(
    await queue.settle([
      { kind: "done", id: done.id, token: done.token },
      { kind: "retry", id: later.id, token: later.token, visibleAt, error: "later" },
    ]),
  ).toEqual(["settled", "settled"]);
  expect((await collect(queue)).map(({ imageId }) => imageId)).toEqual(["first", "later"]);
  expect(await queue.lease({ limit: 10, leaseMs: 10_000 })).toEqual([]);
  expect(await queue.stats()).toMatchObject({ waiting: 1, leased: 1 });
  place.clock.advance(50_000);
  expect(await queue.lease({ limit: 10, leaseMs: 10_000 })).toMatchObject([{ imageId: "later", attempts: 1 }]);
});

test("of very many leases that run out at once, one call makes a part due again, and the next ones the rest", async () => {
  await using place = new QueuePlace();
  const queue = await place.open();
  const many = 25_000;
  await queue.add(Array.from({ length: many }, (_, i) => entry(String(i))));
  expect(await queue.lease({ limit: many, leaseMs: 10_000 })).toHaveLength(many);
  place.clock.advance(10_000);
  expect(await queue.stats()).toMatchObject({ waiting: many, due: many, leased: 0 });
  const again = await queue.lease({ limit: many, leaseMs: 10_000 });
  expect(again.length).toBeLessThan(many);
  const rest = await queue.lease({ limit: many, leaseMs: 10_000 });
  expect(new Set([...again, ...rest].map(({ id }) => id)).size).toBe(many);
});
