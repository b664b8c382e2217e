import { createCipher } from "@scrubber/core";
import { expect, test } from "vitest";
import { QueuePlace } from "./queue-place.ts";

const FIRST = "0123456789abcdef";
const SECOND = "fedcba9876543210";

test("a thousand locations are found in one statement, by what they are and not by how they are sealed", async () => {
  await using place = new QueuePlace();
  const all = Array.from({ length: 1000 }, (_, n) => ({
    imageId: `image-${n % 400}`,
    location: { uri: `m:${n}`, ...(n % 3 === 0 ? { store: "fast" } : {}) },
  }));
  const queue = await place.open({ cipher: createCipher([FIRST]) });
  await queue.add(all.filter((_, n) => n % 2 === 0));
  const expected = all.map((_, n) => (n % 2 === 0 ? "waiting" : undefined));
  expect(await queue.statesOf(all)).toEqual(expected);
  const rotated = await place.open({ cipher: createCipher([SECOND, FIRST]) });
  expect(await rotated.statesOf(all)).toEqual(expected);
});

test("an entry that is gone is not found by the digest that it left behind, nor is the one that was given its place", async () => {
  await using place = new QueuePlace();
  const queue = await place.open();
  const [a, b] = ["a", "b"].map((name) => ({ imageId: name, location: { uri: `m:${name}` } }));
  if (a === undefined || b === undefined) throw new TypeError("there are two");
  await queue.add([a]);
  const [entry] = place.sql("SELECT id, hex(digest) AS digest FROM entries");
  const leased = await queue.lease({ limit: 1, leaseMs: 1000 });
  await queue.settle(leased.map(({ id, token }) => ({ id, token, kind: "done" })));
  place.sql("INSERT OR REPLACE INTO digests VALUES (unhex(?), ?)", String(entry?.["digest"]), Number(entry?.["id"]));
  expect(await queue.statesOf([a, b])).toEqual([undefined, undefined]);
  await queue.add([b]);
  const [next] = place.sql("SELECT id FROM entries");
  place.sql("UPDATE digests SET id = ? WHERE digest = unhex(?)", Number(next?.["id"]), String(entry?.["digest"]));
  expect(await queue.statesOf([a, b])).toEqual([undefined, "waiting"]);
});
