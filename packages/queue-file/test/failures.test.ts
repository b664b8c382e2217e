import { spawnSync } from "node:child_process";
import {
  chmodSync,
  mkdirSync,
  readFileSync,
  truncateSync,
  writeFileSync,
  writeSync,
  openSync,
  closeSync,
} from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { createCipher } from "@scrubber/core";
import { describe, expect, test } from "vitest";
import { Database } from "../src/database.ts";
import { prepareDirectory } from "../src/directory.ts";
import { layoutOf } from "../src/layout.ts";
import { migrate } from "../src/schema.ts";
import { uris } from "./collect.ts";
import { QueuePlace } from "./queue-place.ts";

const KEY = "0123456789abcdef";
const NEW_KEY = "fedcba9876543210";

function entry(name: string): { imageId: string; location: { uri: string } } {
  return { imageId: "image", location: { uri: `file:///${name}` } };
}

/** Opens the queue in a process that has no right to override permissions, as root has; answers with the error's code, or `opened`. */
function openWithoutOverride(directory: string): string {
  const program = `
    const { openFileQueue } = await import(${JSON.stringify(new URL("../src/index.ts", import.meta.url).href)});
    const silent = () => {};
    const context = { log: { debug: silent, info: silent, warn: silent, error: silent }, now: () => new Date(), cipher: undefined, delayMs: 0 };
    try {
      await using queue = await openFileQueue({ directory: process.argv[1] }, context);
      await queue.add([{ imageId: "image", location: { uri: "file:///x" } }]);
      console.log("opened");
    } catch (error) {
      console.log(error.code);
    }`;
  const node = [process.execPath, "--conditions=@scrubber/source", "--input-type=module", "-e", program, directory];
  const drop = ["setpriv", "--bounding-set=-dac_override,-dac_read_search", "--"];
  const [command = "", ...args] = process.getuid?.() === 0 ? [...drop, ...node] : node;
  const { stdout, stderr } = spawnSync(command, args, { encoding: "utf8", timeout: 60_000 });
  return stdout.trim() || stderr;
}

describe("a clear error, and nothing lost", () => {
  test("where a part of the path is a file", async () => {
    await using place = new QueuePlace();
    writeFileSync(place.directory, "");
    await expect(place.open()).rejects.toMatchObject({
      code: "SCRUBBER_QUEUE_UNAVAILABLE",
      message: expect.stringContaining(place.directory),
      hint: expect.any(String),
    });
  });

  test("where no directory can be made, as under /proc", () => {
    expect(openWithoutOverride("/proc/scrubber/queue")).toBe("SCRUBBER_QUEUE_UNAVAILABLE");
  });

  test("a queue that is made because there is none is told of: its disk may not be mounted; one that is there is not", async () => {
    await using place = new QueuePlace();
    const made = { level: "warn", message: "made a new, empty queue: there was none" };
    await place.open();
    expect(place.log.lines).toMatchObject([{ ...made, fields: { directory: place.directory } }]);
    await place.open();
    expect(place.log.lines).toHaveLength(1);
  });

  test("without permission for the directory, or for the database in it", async () => {
    await using place = new QueuePlace();
    const queue = await place.open();
    await queue.add([entry("a")]);
    await queue[Symbol.asyncDispose]();
    chmodSync(place.directory, 0o500);
    expect(openWithoutOverride(place.directory)).toBe("SCRUBBER_QUEUE_UNAVAILABLE");
    chmodSync(place.directory, 0o700);
    chmodSync(join(place.directory, "queue.sqlite"), 0o400);
    expect(openWithoutOverride(place.directory)).toBe("SCRUBBER_QUEUE_UNAVAILABLE");
    chmodSync(join(place.directory, "queue.sqlite"), 0o600);
    expect(openWithoutOverride(place.directory)).toBe("opened");
    expect(await uris(await place.open())).toEqual(["file:///a", "file:///x"]);
  });

  test("where the database cannot be written", async () => {
    await using place = new QueuePlace();
    await place.open();
    const database = await Database.open(join(place.directory, "queue.sqlite"), place.directory);
    database.exec("PRAGMA query_only = ON");
    const write = database.write(() => database.exec("INSERT INTO notes VALUES ('a', '1')"));
    await expect(write).rejects.toMatchObject({ code: "SCRUBBER_QUEUE_READ_ONLY" });
    database.close();
  });

  test("where the disk is full: the call that did not fit changed nothing, and the next one works", async () => {
    await using place = new QueuePlace();
    const queue = await place.open();
    await queue.add([entry("a")]);
    const database = await Database.open(join(place.directory, "queue.sqlite"), place.directory);
    database.exec("PRAGMA max_page_count = 30");
    const big = database.prepare("INSERT INTO notes VALUES (?, ?)");
    const write = database.write(() => {
      for (let i = 0; i < 100; i++) big.run(String(i), "x".repeat(4000));
    });
    await expect(write).rejects.toMatchObject({
      code: "SCRUBBER_QUEUE_UNAVAILABLE",
      message: expect.stringContaining("full"),
    });
    await database.write(() => big.run("small", "1"));
    database.close();
    expect([...(await queue.notes()).keys()]).toEqual(["small"]);
    expect(await uris(queue)).toEqual(["file:///a"]);
  });

  test("where the database is damaged, at its head or in its middle", async () => {
    await using place = new QueuePlace();
    const queue = await place.open();
    await queue.add(Array.from({ length: 2000 }, (_, i) => entry(String(i))));
    await queue[Symbol.asyncDispose]();
    const file = join(place.directory, "queue.sqlite");
    const whole = readFileSync(file);
    const fd = openSync(file, "r+");
    for (let at = 4096 * 20; at < whole.length; at += 4096) writeSync(fd, Buffer.alloc(4096, 0xaa), 0, 4096, at);
    closeSync(fd);
    const damaged = await place.open();
    await expect(uris(damaged)).rejects.toMatchObject({ code: "SCRUBBER_QUEUE_CORRUPT" });
    await damaged[Symbol.asyncDispose]();
    writeFileSync(file, "this is no database, but a text that is long enough to be read as the head of one".repeat(10));
    await expect(place.open()).rejects.toMatchObject({
      code: "SCRUBBER_QUEUE_CORRUPT",
      hint: expect.stringContaining(".recover"),
    });
    truncateSync(file, 0);
    writeFileSync(file, whole);
    expect(await uris(await place.open())).toHaveLength(2000);
  });

  test("where a newer version has written it: refused at open, and under the feet of who has it open", async () => {
    await using place = new QueuePlace();
    const queue = await place.open();
    await queue.add([entry("a")]);
    place.sql("UPDATE totals SET version = 99");
    await expect(queue.stats()).rejects.toMatchObject({ code: "SCRUBBER_QUEUE_SCHEMA" });
    await expect(queue.add([entry("b")])).rejects.toMatchObject({ code: "SCRUBBER_QUEUE_SCHEMA" });
    place.sql("PRAGMA user_version = 99");
    await expect(place.open()).rejects.toMatchObject({
      code: "SCRUBBER_QUEUE_SCHEMA",
      message: expect.stringContaining("schema version 99"),
    });
  });

  test("where the database is somebody else's", async () => {
    await using place = new QueuePlace();
    mkdirSync(place.directory);
    const other = new DatabaseSync(join(place.directory, "queue.sqlite"));
    other.exec("CREATE TABLE theirs (x)");
    other.close();
    await expect(place.open()).rejects.toMatchObject({ code: "SCRUBBER_QUEUE_SCHEMA" });
    expect(place.sql("SELECT name FROM sqlite_schema")).toEqual([{ name: "theirs" }]);
  });

  test("where another process holds the lock for longer than anybody waits", async () => {
    await using place = new QueuePlace();
    await place.open();
    const holder = new DatabaseSync(join(place.directory, "queue.sqlite"));
    holder.exec("BEGIN IMMEDIATE");
    const database = await Database.open(join(place.directory, "queue.sqlite"), place.directory, 300);
    await expect(database.write(() => 1)).rejects.toMatchObject({
      code: "SCRUBBER_QUEUE_UNAVAILABLE",
      message: expect.stringContaining("locked"),
    });
    holder.exec("ROLLBACK");
    expect(await database.write(() => 1)).toBe(1);
    holder.close();
    database.close();
  });

  test("where it was closed already", async () => {
    await using place = new QueuePlace();
    const queue = await place.open();
    const added = queue.add([entry("a")]);
    await queue[Symbol.asyncDispose]();
    expect(await added).toEqual(["added"]);
    await expect(queue.stats()).rejects.toMatchObject({ code: "SCRUBBER_QUEUE_UNAVAILABLE" });
    await expect(queue.add([entry("b")])).rejects.toMatchObject({ code: "SCRUBBER_QUEUE_UNAVAILABLE" });
  });
});

describe("keys", () => {
  test("a wrong key, or none, is refused; with the right one everything is there", async () => {
    await using place = new QueuePlace();
    const queue = await place.open({ cipher: createCipher([KEY]) });
    await queue.add([entry("a")]);
    await queue[Symbol.asyncDispose]();
    const refused = { code: "SCRUBBER_QUEUE_KEY", hint: expect.stringContaining("encryption.keys") };
    await expect(place.open({ cipher: createCipher([NEW_KEY]) })).rejects.toMatchObject(refused);
    await expect(place.open()).rejects.toMatchObject(refused);
    expect(await uris(await place.open({ cipher: createCipher([KEY]) }))).toEqual(["file:///a"]);
  });

  test("a new first key: what is queued stays readable, is known again, and the old key can be given up once its entries are gone", async () => {
    await using place = new QueuePlace();
    let queue = await place.open({ cipher: createCipher([KEY]) });
    await queue.add([entry("a")]);
    await queue[Symbol.asyncDispose]();
    queue = await place.open({ cipher: createCipher([NEW_KEY, KEY]) });
    expect(await queue.add([entry("a"), entry("b")])).toEqual(["present", "added"]);
    await queue[Symbol.asyncDispose]();
    queue = await place.open({ cipher: createCipher([NEW_KEY]) });
    const listed = await uris(queue);
    expect(listed).toEqual(["file:///b", expect.stringContaining("unreadable: ")]);
  });

  test("keys for a queue that had none: old entries stay readable and known, new ones are sealed", async () => {
    await using place = new QueuePlace();
    let queue = await place.open();
    await queue.add([entry("a")]);
    await queue[Symbol.asyncDispose]();
    queue = await place.open({ cipher: createCipher([KEY]) });
    expect(await queue.add([entry("a"), entry("sealed")])).toEqual(["present", "added"]);
    expect(await uris(queue)).toEqual(["file:///a", "file:///sealed"]);
    expect(place.sql("SELECT typeof(uri) AS type FROM entries ORDER BY id")).toEqual([
      { type: "text" },
      { type: "blob" },
    ]);
    await queue[Symbol.asyncDispose]();
    await expect(place.open()).rejects.toMatchObject({ code: "SCRUBBER_QUEUE_KEY" });
  });

  test("nothing that was sealed is in the directory in the clear", async () => {
    await using place = new QueuePlace();
    const queue = await place.open({ cipher: createCipher([KEY]) });
    await queue.add([{ imageId: "a", location: { uri: "s3://user:topsecret@host/bucket/key" } }]);
    for (const name of ["queue.sqlite", "queue.sqlite-wal"]) {
      expect(readFileSync(join(place.directory, name)).includes("topsecret")).toBe(false);
    }
  });
});

test("a queue that another process is just making is waited for", async () => {
  await using place = new QueuePlace();
  prepareDirectory(layoutOf(place.directory), undefined);
  const maker = new DatabaseSync(join(place.directory, "queue.sqlite"));
  maker.exec("BEGIN EXCLUSIVE");
  // The first try is over when it returns.
  const opening = place.open();
  maker.exec("ROLLBACK");
  await (await opening).add([entry("a")]);
  maker.close();
});

test("two processes that make the same queue at once make one", async () => {
  await using place = new QueuePlace();
  await place.open();
  const databases = await Promise.all(
    [0, 1].map(() => Database.open(join(place.directory, "queue.sqlite"), place.directory)),
  );
  await Promise.all(databases.map((database) => migrate(database)));
  for (const database of databases) database.close();
  const queues = await Promise.all([place.open(), place.open(), place.open()]);
  for (const [i, queue] of queues.entries()) await queue.add([entry(String(i))]);
  expect(await queues[0]?.stats()).toMatchObject({ waiting: 3 });
});
