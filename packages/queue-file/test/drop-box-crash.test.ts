import { statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { uris } from "./collect.ts";
import { filesIn, IMAGE, PAST, reason } from "./dropped.ts";
import { QueuePlace } from "./queue-place.ts";

describe("after a crash", () => {
  test("a file that was claimed and not yet committed is taken in", async () => {
    await using place = new QueuePlace();
    const queue = await place.open();
    writeFileSync(join(place.directory, "claimed", `abc-0~${IMAGE}`), `file:///a\n${PAST}`);
    expect(await uris(queue)).toEqual(["file:///a"]);
    expect(filesIn(place, "claimed")).toEqual([]);
  });

  test("a file whose entries are committed is unlinked and not taken in again, even if they are done since", async () => {
    await using place = new QueuePlace();
    const queue = await place.open();
    place.sql(`INSERT INTO claims VALUES ('abc-0~${IMAGE}', 25, 2, '[]', 0, 1)`);
    writeFileSync(join(place.directory, "claimed", `abc-0~${IMAGE}`), `file:///a\n${PAST}`);
    expect(await uris(queue)).toEqual([]);
    expect(filesIn(place, "claimed")).toEqual([]);
    expect(place.sql("SELECT name FROM claims")).toEqual([]);
  });

  test("a file that was taken in by half goes on where the last commit ended", async () => {
    await using place = new QueuePlace();
    const queue = await place.open();
    const first = "img-0\tfile:///0\n";
    place.sql(`INSERT INTO claims VALUES ('abc-0~l.jsonl', ${first.length}, 1, '[]', 0, 0)`);
    writeFileSync(join(place.directory, "claimed", "abc-0~l.jsonl"), `${first}img-1\tfile:///1\nbad\n`);
    expect(await uris(queue)).toEqual(["file:///1"]);
    expect(reason(place)).toContain("line 3: it is neither");
  });

  test("a file that belongs into quarantine still goes there, and not away", async () => {
    await using place = new QueuePlace();
    const queue = await place.open();
    place.sql(`INSERT INTO claims VALUES ('abc-0~${IMAGE}', 9, 1, '["line 1: a reason"]', 1, 1)`);
    writeFileSync(join(place.directory, "claimed", `abc-0~${IMAGE}`), "file:///a");
    await queue.stats();
    expect(reason(place)).toContain("- line 1: a reason");
    expect(filesIn(place, "claimed")).toEqual([]);
  });

  test("claims on files that are gone are forgotten", async () => {
    await using place = new QueuePlace();
    const queue = await place.open();
    place.sql("INSERT INTO claims VALUES ('abc-0~x', 9, 1, '[]', 0, 1)");
    await queue.stats();
    expect(place.sql("SELECT name FROM claims")).toEqual([]);
  });
});

test("only the queue's own user can look into any of its folders and files", async () => {
  await using place = new QueuePlace();
  const queue = await place.open();
  await queue.add([{ imageId: "a", location: { uri: "file:///a" } }]);
  const modes = ["", "incoming", "claimed", "quarantine", "queue.sqlite", "queue.sqlite-wal", "queue.sqlite-shm"].map(
    (name) => (statSync(join(place.directory, name)).mode & 0o7777).toString(8),
  );
  expect(modes).toEqual(["700", "700", "700", "700", "600", "600", "600"]);
});
