import { expect, test } from "vitest";
import { collect } from "./collect.ts";
import { QueuePlace } from "./queue-place.ts";

function entry(n: number): { imageId: string; location: { uri: string } } {
  return { imageId: `image-${n}`, location: { uri: `file:///${n}` } };
}

test("what many add at the same time, over and over, shares commits", async () => {
  await using place = new QueuePlace();
  const queue = await place.open();
  const seen = new Set<unknown>();
  await Promise.all(
    Array.from({ length: 20 }, async (_, adder) => {
      for (let n = 0; n < 5; n++) {
        await queue.add([entry(adder * 5 + n)]);
        seen.add(place.sql("SELECT count(*) AS n FROM entries")[0]?.["n"]);
      }
    }),
  );
  expect([...seen]).toEqual([20, 40, 60, 80, 100]);
});

test("what is added one by one is counted, listed and handed out in order at any time, though it is put in order many at once", async () => {
  await using place = new QueuePlace();
  const queue = await place.open();
  const now = place.clock.now().getTime();
  const unfiled: unknown[] = [];
  // Each is due before the one that came last.
  for (let n = 1; n <= 450; n++) {
    await queue.add([{ ...entry(n), dueAt: new Date(now - n) }]);
    const [row] = place.sql("SELECT (SELECT count(*) FROM entries) - (SELECT count(*) FROM due) AS n");
    unfiled.push(row?.["n"]);
    if (n % 150 !== 0) continue;
    expect(await queue.stats()).toMatchObject({ waiting: n, due: n, oldestDueAt: new Date(now - n) });
    const listed = await collect(queue);
    expect(listed.map(({ imageId }) => imageId)).toEqual(Array.from({ length: n }, (_, i) => `image-${n - i}`));
  }
  expect(Math.max(...unfiled.map(Number))).toBe(200);
  expect(unfiled).toContain(0);
  const leased = await queue.lease({ limit: 2, leaseMs: 1000 });
  expect(leased.map(({ imageId }) => imageId)).toEqual(["image-450", "image-449"]);
  expect(await queue.stats()).toMatchObject({ waiting: 448, due: 448, leased: 2 });
});
