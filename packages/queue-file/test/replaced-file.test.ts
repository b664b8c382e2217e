import { chmodSync, renameSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { describe, expect, test } from "vitest";
import { Database } from "../src/database.ts";
import { uris } from "./collect.ts";
import { QueuePlace } from "./queue-place.ts";

const FILES = ["queue.sqlite", "queue.sqlite-wal", "queue.sqlite-shm"] as const;
const MOVED = { code: "SCRUBBER_QUEUE_UNAVAILABLE", message: expect.stringContaining("moved away or replaced") };

function entry(name: string): { imageId: string; location: { uri: string } } {
  return { imageId: "image", location: { uri: `file:///${name}` } };
}

describe("a database that does not stand in its place any more", () => {
  test("takes nothing in and hands nothing out, and goes on once it is put back", async () => {
    await using place = new QueuePlace();
    const queue = await place.open();
    await queue.add([entry("a")]);
    const [leased] = await queue.lease({ limit: 1, leaseMs: 60_000 });
    const ref = { id: leased?.id ?? "", token: leased?.token ?? "" };
    const move = (from: string, to: string): void => {
      for (const name of FILES) renameSync(join(from, name), join(to, name));
    };
    move(place.directory, place.root);
    await expect(queue.add([entry("b")])).rejects.toMatchObject(MOVED);
    await expect(queue.lease({ limit: 1, leaseMs: 60_000 })).rejects.toMatchObject(MOVED);
    await expect(queue.settle([{ ...ref, kind: "done" }])).rejects.toMatchObject(MOVED);
    await expect(queue.stats()).rejects.toMatchObject(MOVED);
    move(place.root, place.directory);
    expect(await queue.settle([{ ...ref, kind: "done" }])).toEqual(["settled"]);
    expect(await uris(queue)).toEqual([]);
  });

  test("is not confused with the one that was put in its place", async () => {
    await using place = new QueuePlace();
    const queue = await place.open();
    await queue.add([entry("a")]);
    const copy = join(place.root, "copy.sqlite");
    place.sql("VACUUM INTO ?", copy);
    for (const name of FILES) rmSync(join(place.directory, name));
    renameSync(copy, join(place.directory, "queue.sqlite"));
    await expect(queue.add([entry("b")])).rejects.toMatchObject(MOVED);
    const other = await place.open();
    expect(await other.add([entry("c")])).toEqual(["added"]);
    await queue[Symbol.asyncDispose]();
    expect(await uris(other)).toEqual(["file:///a", "file:///c"]);
  });

  test("acknowledges nothing, if it was moved away while a transaction ran", async () => {
    await using place = new QueuePlace();
    await place.open();
    const file = join(place.directory, "queue.sqlite");
    const database = await Database.open(file, place.directory);
    const write = database.write(() => {
      database.exec("INSERT INTO notes VALUES ('a', '1')");
      renameSync(file, join(place.root, "queue.sqlite"));
    });
    await expect(write).rejects.toMatchObject(MOVED);
    database.close();
  });
});

test("a database that was put back from a backup, with the rights of another file, is closed to others again", async () => {
  await using place = new QueuePlace();
  await place.open();
  const reader = new DatabaseSync(join(place.directory, "queue.sqlite"));
  for (const name of FILES) chmodSync(join(place.directory, name), 0o644);
  await place.open();
  expect(FILES.map((name) => statSync(join(place.directory, name)).mode & 0o777)).toEqual([0o600, 0o600, 0o600]);
  reader.close();
});
