import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { expect, test } from "vitest";
import { collect } from "./collect.ts";
import { QueuePlace } from "./queue-place.ts";

function entry(imageId: string): { imageId: string; location: { uri: string } } {
  return { imageId, location: { uri: `file:///${imageId}` } };
}

test("a queue of version 1 is taken over as it is, and goes on: nothing is lost, and nothing is in it twice", async () => {
  await using place = new QueuePlace();
  mkdirSync(place.directory);
  const old = new DatabaseSync(join(place.directory, "queue.sqlite"));
  old.exec(readFileSync(new URL("version-1.sql", import.meta.url), "utf8"));
  old.close();
  const queue = await place.open();
  const before = await collect(queue);
  expect(before.map(({ imageId, location, attempts }) => [imageId, location?.uri, attempts])).toEqual([
    ["failed", "file:///failed", 0],
    ["paused", "file:///paused", 1],
    ["first", "file:///first", 0],
    ["second", "file:///second", 0],
    ["waiting", "file:///waiting", 0],
  ]);
  expect(await queue.stats()).toMatchObject({ setAside: 1 });
  // Known by their digests, but for what is done.
  const again = ["failed", "paused", "waiting", "done"].map(entry);
  expect(await queue.add(again)).toEqual(["setAside", "present", "present", "added"]);
  // What version 1 has leased is settled, whether its token is even or odd; the digest goes at once or is noted.
  expect(
    await queue.settle([
      { kind: "done", id: "4", token: "2" },
      { kind: "done", id: "5", token: "3" },
    ]),
  ).toEqual(["settled", "settled"]);
  expect(place.sql("SELECT id FROM digests ORDER BY id")).toEqual([2, 3, 5, 6, 7].map((id) => ({ id })));
  expect(place.sql("SELECT id FROM removed")).toEqual([{ id: 5 }]);
  expect(await queue.add(["first", "second"].map(entry))).toEqual(["added", "added"]);
  expect(place.sql("SELECT max(id) AS last FROM entries")).toEqual([{ last: 9 }]);
  expect(await collect(queue)).toHaveLength(6);
  expect(place.sql("SELECT count(*) AS n FROM digests JOIN entries USING (id, digest)")).toEqual([{ n: 6 }]);
  expect(place.sql("SELECT version, (SELECT user_version FROM pragma_user_version) AS file FROM totals")).toEqual([
    { version: 2, file: 2 },
  ]);
});

test("the counts are right after any mix of adding, settling and opening anew", async () => {
  await using place = new QueuePlace();
  let added = 0;
  let done = 0;
  for (let round = 0; round < 4; round++) {
    const queue = await place.open();
    const count = 15 + round * 17;
    const entries = Array.from({ length: count }, (_, i) => entry(`image-${added + i}`));
    expect(new Set(await queue.add(entries))).toEqual(new Set(["added"]));
    expect(new Set(await queue.add(entries))).toEqual(new Set(["present"]));
    added += count;
    expect(await queue.stats()).toMatchObject({ waiting: added - done });
    const leased = await queue.lease({ limit: 10, leaseMs: 60_000 });
    // The newest entries of all among them, so that their ids would be the next ones if they were given again.
    const newest = (await collect(queue)).at(-1);
    const byImage = await queue.lease({ limit: 1, leaseMs: 60_000, imageId: newest?.imageId ?? "" });
    const settlements = [...leased, ...byImage].map(({ id, token }) => ({ kind: "done" as const, id, token }));
    expect(new Set(await queue.settle(settlements))).toEqual(new Set(["settled"]));
    done += settlements.length;
    expect(await queue.stats()).toMatchObject({ waiting: added - done });
    await queue[Symbol.asyncDispose]();
  }
  const [{ last } = {}] = place.sql("SELECT last_id AS last FROM totals");
  expect(last).toBe(added);
});

test("of entries that come together, of which some are there and some twice, each is taken in once", async () => {
  await using place = new QueuePlace();
  const queue = await place.open();
  const all = Array.from({ length: 60 }, (_, i) => entry(`image-${i}`));
  expect(await queue.add(all.slice(30, 33))).toEqual(["added", "added", "added"]);
  const twice = [...all.slice(0, 10), ...all.slice(0, 10), ...all.slice(10)];
  const expected = twice.map((_, i) => ((i >= 10 && i < 20) || (i >= 40 && i < 43) ? "present" : "added"));
  expect(await queue.add(twice)).toEqual(expected);
  expect(await queue.stats()).toMatchObject({ waiting: 60 });
  expect(place.sql("SELECT count(*) AS n, max(id) AS last FROM entries")).toEqual([{ n: 60, last: 60 }]);
  expect(place.sql("SELECT count(*) AS n FROM digests JOIN entries USING (id, digest)")).toEqual([{ n: 60 }]);
  expect(place.sql("SELECT count(*) AS n FROM digests")).toEqual([{ n: 60 }]);
});
