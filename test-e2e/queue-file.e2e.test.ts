import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { closeSync, mkdtempSync, openSync, readdirSync, realpathSync, rmSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { openQueue } from "./bench/queue/place.ts";

const IMAGE = "6f1c2a34-0000-4000-8000-000000000001";
const WRITERS = 4;
const DROPS = 250;

/** Drops files for one image as a program in another language does: written aside, fsynced, renamed. */
const WRITER = `
import os, sys
incoming, image, writer, count = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])
for n in range(count):
    aside = os.path.join(incoming, ".tmp-%s-%d" % (writer, n))
    fd = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    os.write(fd, ("file:///%s/%d\\n1700000000" % (writer, n)).encode())
    os.fsync(fd)
    os.close(fd)
    os.rename(aside, os.path.join(incoming, "%s.%s-%d" % (image, writer, n)))
`;

/** Takes in what is dropped, again and again. */
const INTAKER = `
const { openQueue } = await import(process.argv[1]);
await using queue = await openQueue(process.argv[2]);
process.stdout.write("begins\\n");
for (;;) {
  await queue.stats();
  await new Promise((resolve) => setImmediate(resolve));
}
`;

let root = "";
let directory = "";
const children = new Set<ChildProcess>();

beforeEach(() => {
  root = realpathSync(mkdtempSync(join(tmpdir(), "scrubber-queue-e2e-")));
  directory = join(root, "queue");
});

afterEach(async () => {
  for (const child of children) await kill(child);
  rmSync(root, { recursive: true, force: true });
});

function start(command: string, args: readonly string[]): ChildProcess {
  const child = spawn(command, args, { stdio: ["ignore", "pipe", "inherit"] });
  children.add(child);
  child.once("exit", () => children.delete(child));
  return child;
}

async function kill(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill("SIGKILL");
  await once(child, "exit");
}

function startWriter(name: string): ChildProcess {
  return start("python3", ["-c", WRITER, join(directory, "incoming"), IMAGE, name, String(DROPS)]);
}

function startIntaker(): ChildProcess {
  const place = new URL("bench/queue/place.ts", import.meta.url).href;
  return start(process.execPath, [
    "--conditions=@scrubber/source",
    "--input-type=module",
    "-e",
    INTAKER,
    place,
    directory,
  ]);
}

async function expectAllOnce(): Promise<void> {
  await using queue = await openQueue(directory);
  const found = new Set<string | undefined>();
  for await (const { imageId, location } of queue.entries()) {
    expect(imageId).toBe(IMAGE);
    found.add(location?.uri);
  }
  expect(found.size).toBe(WRITERS * DROPS);
  expect(await queue.stats()).toMatchObject({ waiting: WRITERS * DROPS, leased: 0, setAside: 0 });
  const left = ["incoming", "claimed", "quarantine"].flatMap((folder) => readdirSync(join(directory, folder)));
  expect(left).toEqual([]);
  using database = new DatabaseSync(join(directory, "queue.sqlite"));
  // Ids are given once: more of them than entries would be a file that was taken in twice.
  expect(
    database.prepare("SELECT max(id) AS last, (SELECT count(*) FROM claims) AS claims FROM entries").get(),
  ).toEqual({
    last: WRITERS * DROPS,
    claims: 0,
  });
}

describe("four processes drop 1,000 files for one image while others take them in", () => {
  test("two processes take in at the same time: 1,000 entries, each once", async () => {
    await (await openQueue(directory))[Symbol.asyncDispose]();
    const intakers = [startIntaker(), startIntaker()];
    const writers = Array.from({ length: WRITERS }, (_, i) => startWriter(`w${i}`));
    await Promise.all(writers.map((writer) => once(writer, "exit")));
    for (const intaker of intakers) await kill(intaker);
    await expectAllOnce();
  });

  test("those that take in are killed over and over: 1,000 entries, each once", async () => {
    await (await openQueue(directory))[Symbol.asyncDispose]();
    const writers = Array.from({ length: WRITERS }, (_, i) => startWriter(`w${i}`));
    const written = Promise.all(writers.map((writer) => once(writer, "exit"))).then(() => "written");
    let kills = 0;
    for (let writing = true; writing || kills < 12; kills++) {
      const intaker = startIntaker();
      // It says that it begins; then it dies at any moment of its work.
      if (intaker.stdout === null) throw new Error("it was to have an output");
      await once(intaker.stdout, "data");
      await new Promise((resolve) => setTimeout(resolve, Math.random() * 40));
      await kill(intaker);
      writing = (await Promise.race([written, Promise.resolve("writing")])) === "writing";
    }
    expect(kills).toBeGreaterThanOrEqual(12);
    await expectAllOnce();
  });
});

/** Writes a file until nothing fits any more, not even a byte. */
function fillDisk(path: string): void {
  const fd = openSync(path, "w");
  try {
    for (let size = 65_536; size >= 1; size = Math.floor(size / 2)) {
      try {
        for (;;) writeSync(fd, Buffer.alloc(size));
      } catch (error) {
        if (!(error instanceof Error && "code" in error && error.code === "ENOSPC")) throw error;
      }
    }
  } finally {
    closeSync(fd);
  }
}

describe("a disk that is really full, and one that is really read-only", () => {
  let mountPoint = "";

  beforeAll(() => {
    mountPoint = realpathSync(mkdtempSync(join(tmpdir(), "scrubber-queue-mount-")));
  });
  afterAll(() => rmSync(mountPoint, { recursive: true, force: true }));

  async function run(command: string, ...args: readonly string[]): Promise<void> {
    const [code] = (await once(start(command, args), "exit")) as [number | null];
    expect({ command, args, code }).toEqual({ command, args, code: 0 });
  }

  test("a full disk refuses what does not fit, keeps what it has, and goes on once there is space", async () => {
    await run("mount", "-t", "tmpfs", "-o", "size=2m", "none", mountPoint);
    try {
      const queue = await openQueue(join(mountPoint, "queue"));
      let accepted = 0;
      const fill = async (): Promise<void> => {
        for (; ; accepted += 500) await queue.add(entries(accepted, 500));
      };
      await expect(fill()).rejects.toMatchObject({
        code: "SCRUBBER_QUEUE_UNAVAILABLE",
        message: expect.stringContaining("full"),
      });
      expect(accepted).toBeGreaterThan(0);
      expect(await queue.stats()).toMatchObject({ waiting: accepted });
      await run("mount", "-o", "remount,size=64m", mountPoint);
      await queue.add(entries(accepted, 500));
      expect(await queue.stats()).toMatchObject({ waiting: accepted + 500 });
      await queue[Symbol.asyncDispose]();
    } finally {
      await run("umount", "-l", mountPoint);
    }
  });

  test("a disk that is full to the last byte is said to be full, at open; nothing is lost, and it goes on once there is space", async () => {
    await run("mount", "-t", "tmpfs", "-o", "size=4m", "none", mountPoint);
    try {
      const path = join(mountPoint, "queue");
      const queue = await openQueue(path);
      await queue.add(entries(0, 10));
      await queue[Symbol.asyncDispose]();
      const ballast = join(mountPoint, "ballast");
      fillDisk(ballast);
      await expect(openQueue(path)).rejects.toMatchObject({
        code: "SCRUBBER_QUEUE_UNAVAILABLE",
        message: expect.stringContaining(`the disk of the queue in ${path} is full`),
        hint: expect.stringContaining(`df ${path}`),
      });
      rmSync(ballast);
      const again = await openQueue(path);
      expect(await again.stats()).toMatchObject({ waiting: 10 });
      await again[Symbol.asyncDispose]();
    } finally {
      await run("umount", "-l", mountPoint);
    }
  });

  test("a read-only disk is said to be one, at open; nothing is lost", async () => {
    await run("mount", "-t", "tmpfs", "-o", "size=16m", "none", mountPoint);
    try {
      const path = join(mountPoint, "queue");
      const queue = await openQueue(path);
      await queue.add(entries(0, 10));
      await queue[Symbol.asyncDispose]();
      await run("mount", "-o", "remount,ro", mountPoint);
      await expect(openQueue(path)).rejects.toMatchObject({ code: "SCRUBBER_QUEUE_READ_ONLY" });
      await run("mount", "-o", "remount,rw", mountPoint);
      const again = await openQueue(path);
      expect(await again.stats()).toMatchObject({ waiting: 10 });
      await again[Symbol.asyncDispose]();
    } finally {
      await run("umount", "-l", mountPoint);
    }
  });

  function entries(from: number, count: number): { imageId: string; location: { uri: string } }[] {
    return Array.from({ length: count }, (_, i) => ({
      imageId: `i${from + i}`,
      location: { uri: `file:///${from + i}` },
    }));
  }
});
