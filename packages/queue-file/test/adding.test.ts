import { expect, test } from "vitest";
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
