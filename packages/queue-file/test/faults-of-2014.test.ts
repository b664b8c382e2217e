import { chmodSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createCipher, type Queue } from "@scrubber/core";
import { describe, expect, test } from "vitest";
import { importQueueDirectory, type ImportProblem } from "../src/index.ts";
import { collect, uris } from "./collect.ts";
import { QueuePlace } from "./queue-place.ts";

const IMAGE = "6f1c2a34-0000-4000-8000-000000000001";
const OTHER = "6f1c2a34-0000-4000-8000-000000000002";
const PAST = 1_767_139_200;
const FUTURE = 4_102_444_800;

/** A scrubber_datadir with these files. */
function datadir(place: QueuePlace, files: Readonly<Record<string, string>>): string {
  const directory = join(place.root, "scrubber_datadir");
  mkdirSync(directory, { recursive: true });
  for (const [name, content] of Object.entries(files)) writeFileSync(join(directory, name), content, { mode: 0o600 });
  return directory;
}

function drop(place: QueuePlace, name: string, content: string): void {
  writeFileSync(join(place.directory, "incoming", name), content);
}

async function settleAll(queue: Queue): Promise<void> {
  const leased = await queue.lease({ limit: 1000, leaseMs: 60_000 });
  await queue.settle(leased.map(({ id, token }) => ({ kind: "done", id, token })));
}

describe("faults of the 2014 system that concern a queue", () => {
  test("fault 1: to settle some records of an image removes just these, and none is handed out twice", async () => {
    await using place = new QueuePlace();
    const queue = await place.open();
    drop(place, IMAGE, [1, 2, 3, 4].map((n) => `file:///${n}\n${PAST + n}`).join("\n"));
    const [, second, third] = await queue.lease({ limit: 3, leaseMs: 60_000 });
    if (second === undefined || third === undefined) throw new Error("three were to be leased");
    await queue.settle([
      { kind: "done", id: second.id, token: second.token },
      { kind: "done", id: third.id, token: third.token },
    ]);
    expect(await uris(queue)).toEqual(["file:///1", "file:///4"]);
  });

  test("fault 2: a URI that a removal left behind is not taken for a record, and those after it are read right", async () => {
    await using place = new QueuePlace();
    const queue = await place.open();
    drop(place, IMAGE, `file:///removed\nfile:///a\n${PAST}\nfile:///b\n${PAST}`);
    expect(await uris(queue)).toEqual(["file:///a", "file:///b"]);
  });

  test("fault 3: a file that cannot be read is kept, its good records are queued, and the reason is said", async () => {
    await using place = new QueuePlace();
    const queue = await place.open();
    drop(place, IMAGE, `file:///a\n${PAST}\nfile:///b\nnot-a-time`);
    expect(await uris(queue)).toEqual(["file:///a"]);
    const kept = readdirSync(join(place.directory, "quarantine")).find((name) => !name.endsWith(".reason")) ?? "";
    expect(readFileSync(join(place.directory, "quarantine", kept), "utf8")).toContain("not-a-time");
    expect(place.log.lines.slice(1).map(({ level }) => level)).toEqual(["warn"]);
    await place.open();
    expect(place.log.lines.at(-1)).toMatchObject({ level: "warn", fields: { files: 1 } });
  });

  test("fault 4: a blank line ends nothing", async () => {
    await using place = new QueuePlace();
    const queue = await place.open();
    drop(place, IMAGE, `file:///a\n${PAST}\n\nfile:///b\n\n${PAST}`);
    expect(await uris(queue)).toEqual(["file:///a", "file:///b"]);
  });

  test("fault 5: what is leased stays in the queue until it is settled, and comes back if it never is", async () => {
    await using place = new QueuePlace();
    let queue = await place.open();
    drop(place, IMAGE, `file:///a\n${PAST}`);
    await queue.lease({ limit: 10, leaseMs: 60_000 });
    await queue[Symbol.asyncDispose]();
    queue = await place.open();
    expect(await uris(queue)).toEqual(["file:///a"]);
    place.clock.advance(60_001);
    expect(await queue.lease({ limit: 10, leaseMs: 60_000 })).toHaveLength(1);
  });

  test("fault 8: an import never reads a sub-folder's files under another name: it names the sub-folder and leaves it", async () => {
    await using place = new QueuePlace();
    const queue = await place.open();
    const directory = datadir(place, { [IMAGE]: `file:///a\n${PAST}` });
    mkdirSync(join(directory, "old"));
    writeFileSync(join(directory, "old", IMAGE), `file:///old\n${PAST}`);
    const problems: ImportProblem[] = [];
    const summary = await importQueueDirectory(directory, queue, {
      cipher: undefined,
      onProblem: (one) => problems.push(one),
    });
    expect(summary).toEqual({ files: 1, added: 1, present: 0, setAside: 0, problems: 1 });
    expect(problems).toMatchObject([{ file: join(directory, "old"), line: undefined }]);
    expect(await uris(queue)).toEqual(["file:///a"]);
  });

  test("fault 9: stamps are kept in the queue, not in the times of a file; `.cleanup` is no record", async () => {
    await using place = new QueuePlace();
    let queue = await place.open();
    await queue.setNote("lastSweepAt", "2026-01-01T00:00:00Z");
    utimesSync(join(place.directory, "queue.sqlite"), 1, 1);
    await queue[Symbol.asyncDispose]();
    queue = await place.open();
    expect(await queue.notes()).toEqual(new Map([["lastSweepAt", "2026-01-01T00:00:00Z"]]));
    const directory = datadir(place, { ".cleanup": "" });
    expect(await importQueueDirectory(directory, queue, { cipher: undefined })).toMatchObject({
      files: 0,
      problems: 0,
    });
  });

  test("fault 10: one URI that cannot be opened stops nothing: in an import, in the drop box, in the queue", async () => {
    await using place = new QueuePlace();
    const cipher = createCipher(["0123456789abcdef"]);
    const lost = createCipher(["lost key 1234567"]);
    const queue = await place.open({ cipher });
    const directory = datadir(place, {
      [IMAGE]: `${lost.seal("file:///lost", 64)}\n${PAST}\n${cipher.seal("file:///a", 64)}\n${PAST}`,
      [OTHER]: `${cipher.seal("file:///b", 64)}\n${FUTURE}`,
    });
    const problems: ImportProblem[] = [];
    await importQueueDirectory(directory, queue, { cipher, onProblem: (one) => problems.push(one) });
    expect(problems).toMatchObject([{ file: join(directory, IMAGE), line: 1 }]);
    drop(place, "x", `${lost.seal("file:///lost", 64)}\n${PAST}\nfile:///c\n${PAST}`);
    expect(await uris(queue)).toEqual(["file:///a", "file:///b", "file:///c"]);
    place.sql("UPDATE entries SET uri = x'00' WHERE image_id = ?", IMAGE);
    const leased = await queue.lease({ limit: 10, leaseMs: 1000 });
    expect(leased.map(({ unreadable }) => unreadable === undefined)).toEqual([false, true]);
  });

  test("fault 13: a listing that fails rejects; it never reads as an empty queue", async () => {
    await using place = new QueuePlace();
    const queue = await place.open();
    await queue.add([{ imageId: "a", location: { uri: "file:///a" } }]);
    rmSync(join(place.directory, "incoming"), { recursive: true });
    const unavailable = { code: "SCRUBBER_QUEUE_UNAVAILABLE" };
    await expect(queue.lease({ limit: 1, leaseMs: 1000 })).rejects.toMatchObject(unavailable);
    await expect(queue.stats()).rejects.toMatchObject(unavailable);
    await expect(queue.hasImages(["a"])).rejects.toMatchObject(unavailable);
    await expect(collect(queue)).rejects.toMatchObject(unavailable);
    const missing = importQueueDirectory(join(place.root, "nowhere"), queue, { cipher: undefined });
    await expect(missing).rejects.toMatchObject({
      code: "SCRUBBER_USAGE",
      message: `cannot import ${join(place.root, "nowhere")}: there is no such directory`,
      hint: expect.stringContaining("scrubber_datadir"),
    });
    const file = importQueueDirectory(join(place.directory, "queue.sqlite"), queue, { cipher: undefined });
    await expect(file).rejects.toMatchObject({ message: expect.stringContaining("it is no directory") });
  });

  test("fault 15: a location is queued whether or not anybody knows its image", async () => {
    await using place = new QueuePlace();
    const queue = await place.open();
    expect(await queue.add([{ imageId: "nobody knows it", location: { uri: "odd+scheme://x" } }])).toEqual(["added"]);
  });

  test("fault 16: URIs are kept byte for byte, line feeds and spaces too, and no lock files pile up", async () => {
    await using place = new QueuePlace();
    const queue = await place.open();
    const odd = ["file:///a\nb\r\n", " file:///lead", "file:///trail ", "file:///nul\0x", "file:///ünïcødé/😀"];
    await queue.add(odd.map((uri) => ({ imageId: "a", location: { uri } })));
    expect(await uris(queue)).toEqual(odd.toSorted());
    await settleAll(queue);
    await queue[Symbol.asyncDispose]();
    expect(readdirSync(place.directory).toSorted()).toEqual(["claimed", "incoming", "quarantine", "queue.sqlite"]);
  });

  test("fault 17: two scrubbers at the same time are never handed the same entry", async () => {
    await using place = new QueuePlace();
    const [one, two] = [await place.open(), await place.open()];
    await one.add(Array.from({ length: 100 }, (_, i) => ({ imageId: "a", location: { uri: `file:///${i}` } })));
    const batches = await Promise.all([one, two, one, two].map((queue) => queue.lease({ limit: 40, leaseMs: 60_000 })));
    const ids = batches.flat().map(({ id }) => id);
    expect([ids.length, new Set(ids).size]).toEqual([100, 100]);
  });

  test("fault 18: a changed delay reaches what is queued already, but not what came with a time of its own", async () => {
    await using place = new QueuePlace();
    let queue = await place.open({ delayMs: 86_400_000 });
    await queue.add([{ imageId: "a", location: { uri: "file:///a" } }]);
    drop(place, "b", `file:///b\n${FUTURE}`);
    await queue.stats();
    await queue[Symbol.asyncDispose]();
    queue = await place.open({ delayMs: 0 });
    expect(await collect(queue)).toMatchObject([
      { imageId: "a", dueAt: place.clock.now() },
      { imageId: "b", dueAt: new Date(FUTURE * 1000) },
    ]);
  });
});

describe("the import of a 2014 queue directory", () => {
  test("it takes Icehouse's and Juno's files, in the clear and sealed, changes nothing there, and adds nothing a second time", async () => {
    await using place = new QueuePlace();
    const cipher = createCipher(["0123456789abcdef"]);
    const queue = await place.open({ cipher });
    const directory = datadir(place, {
      [IMAGE]: `file:///a\n${PAST}\n${cipher.seal("swift://user:secret@auth/b", 64)}\n${FUTURE}`,
      [OTHER]: `12\nfile:///c\n${PAST}`,
    });
    const before = readdirSync(directory).map((name) => readFileSync(join(directory, name), "utf8"));
    expect(await importQueueDirectory(directory, queue, { cipher })).toMatchObject({ files: 2, added: 3, problems: 0 });
    expect(await importQueueDirectory(directory, queue, { cipher })).toMatchObject({ added: 0, present: 3 });
    expect(readdirSync(directory).map((name) => readFileSync(join(directory, name), "utf8"))).toEqual(before);
    expect(await uris(queue)).toEqual(["file:///a", "file:///c", "swift://user:secret@auth/b"]);
    const raw = readFileSync(join(place.directory, "queue.sqlite-wal"));
    expect(raw.includes("secret@auth")).toBe(false);
  });

  test("backups and whatever else is not named after an image is reported, not read", async () => {
    await using place = new QueuePlace();
    const queue = await place.open();
    const directory = datadir(place, { [`${IMAGE}.bak`]: `file:///a\n${PAST}`, [IMAGE]: "" });
    const problems: ImportProblem[] = [];
    await importQueueDirectory(directory, queue, { cipher: undefined, onProblem: (one) => problems.push(one) });
    expect(problems.map(({ file }) => file).toSorted()).toEqual([
      join(directory, IMAGE),
      join(directory, `${IMAGE}.bak`),
    ]);
    expect(await uris(queue)).toEqual([]);
  });
});

test("the drop box can be opened to a group, which can put files in and see none", async () => {
  await using place = new QueuePlace();
  const gid = process.getgid?.() ?? 0;
  await place.open({ incomingGroup: gid });
  const mode = (name: string): string => (statSync(join(place.directory, name)).mode & 0o7777).toString(8);
  expect([mode(""), mode("incoming"), mode("claimed")]).toEqual(["710", "3730", "700"]);
  expect(statSync(join(place.directory, "incoming")).gid).toBe(gid);
  chmodSync(join(place.directory, "incoming"), 0o700);
  await place.open({ incomingGroup: gid });
  expect(mode("incoming")).toBe("3730");
  await expect(place.open({ incomingGroup: "no such group" })).rejects.toMatchObject({
    code: "SCRUBBER_QUEUE_UNAVAILABLE",
    message: 'incomingGroup: there is no group "no such group"',
  });
});
