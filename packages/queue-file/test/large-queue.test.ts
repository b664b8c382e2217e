import { expect, test } from "vitest";
import { QueuePlace } from "./queue-place.ts";

const MANY = 60_000;
const BATCH = 5000;

function entries(from: number, count: number): { imageId: string; location: { uri: string } }[] {
  return Array.from({ length: count }, (_, i) => ({
    imageId: `image-${from + i}`,
    location: { uri: `file:///${from + i}` },
  }));
}

test("in a large queue, where digests are taken out late, what is done is forgotten at once and can be added again, once", async () => {
  await using place = new QueuePlace();
  const queue = await place.open();
  for (let i = 0; i < MANY; i += BATCH) await queue.add(entries(i, BATCH));
  let mostLeft = 0;
  const done: string[] = [];
  const settleBatch = async (): Promise<void> => {
    const leased = await queue.lease({ limit: 1000, leaseMs: 60_000 });
    await queue.settle(leased.map(({ id, token }) => ({ kind: "done", id, token })));
    done.push(...leased.map(({ imageId }) => imageId));
    const [totals] = place.sql("SELECT removed, (SELECT count(*) FROM removed) AS rows FROM totals");
    expect(totals?.["rows"]).toBe(totals?.["removed"]);
    mostLeft = Math.max(mostLeft, Number(totals?.["removed"]));
  };
  await settleBatch();
  expect(await queue.hasImages(done)).toEqual(new Set());
  expect(new Set(await queue.add(entries(0, 1000)))).toEqual(new Set(["added"]));
  expect(new Set(await queue.add(entries(0, 1000)))).toEqual(new Set(["present"]));
  // So many at a time, for the size of the queue, go at once.
  const many = await queue.lease({ limit: 5000, leaseMs: 60_000 });
  await queue.settle(many.map(({ id, token }) => ({ kind: "done", id, token })));
  expect(place.sql("SELECT late, removed FROM totals")).toEqual([{ late: 0, removed: 1000 }]);
  for (let batch = 0; batch < 20; batch++) await settleBatch();
  // Some were taken out meanwhile, and what was added again was not among them.
  expect(mostLeft).toBeGreaterThan(0);
  const [left] = place.sql("SELECT removed FROM totals");
  expect(Number(left?.["removed"])).toBeLessThan(mostLeft);
  expect(new Set(await queue.add(entries(0, MANY)))).toEqual(new Set(["added", "present"]));
  expect(await queue.stats()).toMatchObject({ waiting: MANY });
  expect(place.sql("SELECT count(*) AS n FROM digests JOIN entries USING (id, digest)")).toEqual([{ n: MANY }]);
});
