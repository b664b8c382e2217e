import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { expect, test } from "vitest";
import { collect } from "./collect.ts";
import { QueuePlace } from "./queue-place.ts";

function entry(imageId: string): { imageId: string; location: { uri: string } } {
  return { imageId, location: { uri: `file:///${imageId}` } };
}

/** A queue as an older version left it. */
function writeOld(place: QueuePlace, version: number): void {
  mkdirSync(place.directory);
  const old = new DatabaseSync(join(place.directory, "queue.sqlite"));
  old.exec(readFileSync(new URL(`version-${version}.sql`, import.meta.url), "utf8"));
  old.close();
}

test.each([
  { version: 1, more: [], tokens: ["2", "3"], leasedUntil: [1_767_226_202_000, 1_767_226_202_000] },
  { version: 2, more: ["added since"], tokens: ["4", "7"], leasedUntil: [1_767_226_201_000, 1_767_226_201_000] },
])(
  "a queue of version $version is taken over as it is, and goes on: nothing is lost, and nothing is in it twice",
  async ({ version, more, tokens, leasedUntil }) => {
    await using place = new QueuePlace();
    writeOld(place, version);
    const queue = await place.open();
    const before = await collect(queue);
    expect(before.map(({ imageId, location, state, attempts }) => [imageId, location?.uri, state, attempts])).toEqual([
      ["failed", "file:///failed", "setAside", 0],
      ["paused", "file:///paused", "waiting", 1],
      ["first", "file:///first", "leased", 0],
      ["second", "file:///second", "leased", 0],
      ...more.map((name) => [name, `file:///${name}`, "waiting", 0]),
      ["waiting", "file:///waiting", "waiting", 0],
    ]);
    const leased = before.filter(({ state }) => state === "leased");
    expect(leased.map(({ visibleAt }) => visibleAt.getTime())).toEqual(leasedUntil);
    expect(await queue.stats()).toMatchObject({ waiting: 2 + more.length, leased: 2, setAside: 1 });
    // Known by their digests, but for what is done.
    const again = ["failed", "paused", "waiting", "done"].map(entry);
    expect(await queue.add(again)).toEqual(["setAside", "present", "present", "added"]);
    // What the old version has leased is held, and is settled by its token.
    expect(await queue.lease({ limit: 1, leaseMs: 60_000, imageId: "first" })).toEqual([]);
    const done = leased.map(({ id }, i) => ({ kind: "done" as const, id, token: tokens[i] ?? "" }));
    expect(await queue.settle([...done, ...done])).toEqual(["settled", "settled", "stale", "stale"]);
    expect(await queue.add(["first", "second"].map(entry))).toEqual(["added", "added"]);
    expect(await queue.stats()).toMatchObject({ waiting: 5 + more.length, leased: 0, setAside: 1 });
    expect(place.sql("SELECT max(id) AS last FROM entries")).toEqual([{ last: 9 + more.length }]);
    expect(place.sql("SELECT count(*) AS n FROM digests JOIN entries USING (id, digest)")).toEqual([
      { n: 6 + more.length },
    ]);
    // The newest token is a new one.
    const [{ token } = { token: "" }] = await queue.lease({ limit: 1, leaseMs: 60_000, imageId: "waiting" });
    expect(Number(token)).toBeGreaterThan(Number(tokens[1]));
  },
);

test.each([1, 2])(
  "what version %i leased, and nobody settled, is handed on when the lease has run out",
  async (version) => {
    await using place = new QueuePlace();
    writeOld(place, version);
    const queue = await place.open();
    place.clock.advance(3_600_000);
    const leased = await queue.lease({ limit: 10, leaseMs: 60_000 });
    expect(leased.map(({ imageId }) => imageId)).toEqual(expect.arrayContaining(["first", "second", "paused"]));
  },
);

test.each([1, 2])("a queue of version %i comes to have the very tables of a new one", async (version) => {
  await using place = new QueuePlace();
  await using fresh = new QueuePlace();
  writeOld(place, version);
  await place.open();
  await fresh.open();
  const tables = `SELECT m.type, m.name, c.name AS column, c.type AS holds, c."notnull", c.dflt_value, c.pk, iif(m.type = 'table', '', m.sql) AS sql
    FROM sqlite_schema AS m LEFT JOIN pragma_table_info(m.name) AS c ORDER BY m.type, m.name, c.cid`;
  expect(place.sql(tables)).toEqual(fresh.sql(tables));
  const versions =
    "SELECT version, user_version, application_id FROM totals, pragma_user_version, pragma_application_id";
  expect(place.sql(versions)).toEqual(fresh.sql(versions));
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
