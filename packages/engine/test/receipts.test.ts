import { spawnSync } from "node:child_process";
import {
  appendFile,
  mkdir,
  mkdtemp,
  open as openFile,
  readdir,
  readFile,
  rename,
  rm,
  stat,
  writeFile,
  type FileHandle,
} from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { showReceipts } from "../src/receipt-listing.ts";
import { verifyReceipts } from "../src/receipt-verification.ts";
import { openReceiptLog, type Receipt, type ReceiptLog } from "../src/receipts.ts";

const KEY = "a key for receipts";
let home: string;
let directory: string;
let clock: number;

beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), "receipts-"));
  directory = join(home, "new", "receipts");
  clock = Date.parse("2026-01-01T00:00:00Z");
});

afterEach(() => rm(home, { recursive: true, force: true }));

/** Each file is a second younger than the one before. */
function now(): Date {
  clock += 1000;
  return new Date(clock);
}

function open(options: { readonly key?: string | undefined; readonly rollBytes?: number } = {}): ReceiptLog {
  return openReceiptLog({ directory, key: KEY, now, ...options });
}

function receipt(imageId: string, more: Partial<Receipt> = {}): Receipt {
  return {
    at: "2026-01-01T00:00:00.000Z",
    imageId,
    uri: `file:///images/${imageId}`,
    store: "fs",
    key: `/images/${imageId}`,
    outcome: "deleted",
    bytes: 5,
    requestedAt: "2025-12-31T00:00:00.000Z",
    ...more,
  };
}

async function files(): Promise<readonly string[]> {
  return (await readdir(directory)).toSorted().map((name) => join(directory, name));
}

async function onlyFile(): Promise<string> {
  const [file, ...others] = await files();
  expect(others).toEqual([]);
  if (file === undefined) throw new Error("there is no file");
  return file;
}

async function shown(imageId: string): Promise<readonly Receipt[]> {
  const found: Receipt[] = [];
  for await (const one of showReceipts(directory, imageId)) found.push(one);
  return found;
}

function verify(options: { readonly key?: string | undefined; readonly head?: string | undefined } = {}) {
  return verifyReceipts(directory, { key: KEY, ...options });
}

/** Three groups of two receipts; their last head. */
async function writeThreeGroups(): Promise<string> {
  await using log = open();
  for (const group of [0, 1, 2]) await log.append([receipt(`i${group}a`), receipt(`i${group}b`, { note: "ünïcode" })]);
  return log.head() ?? "";
}

/** The names of the spies in the order in which they were called. */
function orderOf(
  spies: Readonly<Record<string, { readonly mock: { readonly invocationCallOrder: readonly number[] } }>>,
) {
  const calls = Object.entries(spies).flatMap(([name, { mock }]) =>
    mock.invocationCallOrder.map((at) => ({ name, at })),
  );
  return calls.toSorted((a, b) => a.at - b.at).map(({ name }) => name);
}

describe("a log of receipts", () => {
  test("touches nothing before there is something to write, and has no head until then", async () => {
    {
      await using log = open();
      await log.append([]);
      expect(log.head()).toBeUndefined();
    }
    await expect(stat(directory)).rejects.toThrow("ENOENT");
    expect(await verify()).toEqual({ files: 0, receipts: 0, ok: true, firstBad: null, torn: 0 });
  });

  test("makes a directory for its owner alone, and a file for its owner alone", async () => {
    await using log = open();
    await log.append([receipt("a")]);
    expect((await stat(directory)).mode & 0o777).toBe(0o700);
    expect((await stat(await onlyFile())).mode & 0o777).toBe(0o600);
  });

  test("shows what was appended, in order, and for one image alone", async () => {
    await using log = open();
    const first = receipt('a"\\\n,b');
    const second = receipt('a"\\\n,b', { outcome: "absent", note: 'it says "imageId":"c",' });
    await log.append([first, receipt("c")]);
    await log.append([second]);
    expect(await shown('a"\\\n,b')).toEqual([first, second]);
    expect(await shown("c")).toEqual([receipt("c")]);
    expect(await shown("d")).toEqual([]);
  });

  test.each([KEY, undefined])("verifies what it wrote, with its head (key: %s)", async (key) => {
    await using log = open({ key });
    await log.append([receipt("a"), receipt("b")]);
    const early = log.head();
    await log.append([receipt("c")]);
    const expected = { files: 1, receipts: 3, ok: true, firstBad: null, torn: 0 };
    expect(await verify({ key })).toEqual(expected);
    expect(await verify({ key, head: log.head() })).toEqual(expected);
    expect(await verify({ key, head: early })).toEqual(expected);
  });

  test("writes what is appended at the same time as one group, made durable once", async () => {
    await using log = open();
    await Promise.all(Array.from({ length: 50 }, (_, i) => log.append([receipt(`i${i}`)])));
    const links = (await readFile(await onlyFile(), "utf8")).split("\n").filter((line) => line.startsWith('{"link"'));
    expect(links).toHaveLength(1);
    expect(await verify()).toMatchObject({ ok: true, receipts: 50 });
  });

  test("has made the file and its directories durable before it says that it has written", async () => {
    await using probe = await openFile(home, "r");
    const prototype = Object.getPrototypeOf(probe) as FileHandle;
    const calls: string[] = [];
    const appended = vi.spyOn(prototype, "appendFile");
    const synced = vi.spyOn(prototype, "sync");
    await using log = open();
    await log.append([receipt("a")]);
    calls.push(...orderOf({ appended, synced }));
    await log.append([receipt("b")]);
    const later = orderOf({ appended, synced }).slice(calls.length);
    vi.restoreAllMocks();
    // Two directories above the new ones, the file, and the directory that holds it.
    expect(calls).toEqual(["synced", "synced", "appended", "synced", "synced"]);
    expect(later).toEqual(["appended", "synced"]);
  });

  test("waits, when it is closed, for what is being written", async () => {
    const log = open();
    let isWritten = false;
    const appended = log.append([receipt("a")]).then(() => {
      isWritten = true;
    });
    await log[Symbol.asyncDispose]();
    expect(isWritten).toBe(true);
    await appended;
    expect(await verify()).toMatchObject({ ok: true, receipts: 1 });
    await expect(log.append([receipt("b")])).rejects.toMatchObject({ code: "SCRUBBER_RECEIPTS_UNAVAILABLE" });
  });

  test("rolls to another file, which names the one before with its head", async () => {
    const log = open({ rollBytes: 1 });
    for (const id of ["a", "b", "c"]) await log.append([receipt(id)]);
    await log[Symbol.asyncDispose]();
    expect(await files()).toHaveLength(3);
    expect(await verify({ head: log.head() })).toMatchObject({ files: 3, receipts: 3, ok: true });
    const [, second = ""] = await files();
    await rm(second);
    expect(await verify()).toMatchObject({
      ok: false,
      firstBad: { line: 1, reason: expect.stringContaining("is missing") },
    });
  });

  test("names its own file before it, however many others were opened since", async () => {
    await using log = open({ rollBytes: 1 });
    await log.append([receipt("a")]);
    const first = await onlyFile();
    for (let n = 0; n < 6; n++) {
      await using other = open();
      await other.append([receipt("b")]);
    }
    await log.append([receipt("a")]);
    const last = (await files()).at(-1) ?? "";
    const [header = ""] = (await readFile(last, "utf8")).split("\n");
    const { previous } = JSON.parse(header) as { previous: readonly { file: string }[] };
    expect(previous.map(({ file }) => file)).toContain(basename(first));
    expect(previous).toHaveLength(5);
  });

  test("names the files of writers before it, so that one head proves them all", async () => {
    for (const id of ["a", "b"]) {
      await using log = open();
      await log.append([receipt(id)]);
    }
    await using log = open();
    await log.append([receipt("c")]);
    const [first = "", second = ""] = await files();
    expect(await verify({ head: log.head() })).toMatchObject({ files: 3, receipts: 3, ok: true });
    const whole = await readFile(first);
    await writeFile(first, whole.subarray(0, whole.length - 1));
    expect(await verify()).toMatchObject({
      ok: false,
      firstBad: { reason: expect.stringContaining("has lost its end") },
    });
    await writeFile(first, whole);
    await rm(second);
    expect(await verify()).toMatchObject({ ok: false, firstBad: { reason: expect.stringContaining("is missing") } });
  });

  test("lets two writers write at once, each into a file of its own", async () => {
    await using one = open();
    await using other = open();
    for (let i = 0; i < 10; i++)
      await Promise.all([one.append([receipt("a")]), other.append([receipt("a"), receipt("b")])]);
    expect(await files()).toHaveLength(2);
    expect(await verify({ head: one.head() })).toMatchObject({ files: 2, receipts: 30, ok: true });
    expect(await verify({ head: other.head() })).toMatchObject({ ok: true });
    expect(await shown("a")).toHaveLength(20);
  });

  test("rejects where it cannot write, and writes again once it can", async () => {
    await using log = open();
    await writeFile(join(home, "new"), "in the way");
    await expect(log.append([receipt("a")])).rejects.toMatchObject({
      code: "SCRUBBER_RECEIPTS_UNAVAILABLE",
      message: expect.stringContaining(directory),
    });
    expect(log.head()).toBeUndefined();
    await rm(join(home, "new"));
    await log.append([receipt("b")]);
    expect(await shown("a")).toEqual([]);
    expect(await verify()).toMatchObject({ ok: true, receipts: 1 });
  });

  test("never writes behind a write that failed: it starts a file of its own, and what was acknowledged stays proven", async () => {
    const script = fileURLToPath(new URL("receipts-file-limit.ts", import.meta.url));
    const run = spawnSync(
      "sh",
      ["-c", `ulimit -f 8; exec "$0" --conditions=@scrubber/source "$1" "$2"`, process.execPath, script, directory],
      { encoding: "utf8" },
    );
    expect(run.stderr).toBe("");
    const { failed, acknowledged, head } = JSON.parse(run.stdout) as {
      failed: string;
      acknowledged: number;
      head: string;
    };
    expect(failed).toBe("SCRUBBER_RECEIPTS_UNAVAILABLE");
    expect(await verifyReceipts(directory, { head })).toMatchObject({
      ok: true,
      files: 2,
      receipts: acknowledged,
      torn: 1,
    });
  });
});

describe("verification", () => {
  test("takes a file cut at any byte for torn, and proves every group that is whole", async () => {
    const head = await writeThreeGroups();
    const file = await onlyFile();
    const whole = await readFile(file);
    const ends = [...whole.toString("latin1").matchAll(/\{"link":.*\n/g)].map(
      ({ index, 0: line }) => index + line.length,
    );
    expect(ends).toHaveLength(3);
    for (let length = 0; length < whole.length; length++) {
      await writeFile(file, whole.subarray(0, length));
      const groups = ends.filter((end) => end <= length).length;
      const torn = ends.includes(length) ? 0 : 1;
      const expected = { files: 1, receipts: 2 * groups, ok: true, firstBad: null, torn };
      expect({ length, ...(await verify()) }).toEqual({ length, ...expected });
    }
    await writeFile(file, whole.subarray(0, -1));
    expect(await verify({ head })).toMatchObject({ ok: false });
  });

  test("finds every changed byte", async () => {
    const head = await writeThreeGroups();
    const file = await onlyFile();
    const whole = await readFile(file);
    const lastLink = whole.lastIndexOf('{"link"');
    const unfound: number[] = [];
    for (let at = 0; at < whole.length; at++) {
      const changed = Buffer.from(whole);
      changed[at] = (changed[at] ?? 0) ^ 1;
      await writeFile(file, changed);
      // Without a head, an end that was cut cannot be told from one that was torn; all before it can.
      const { ok } = await verify(at < lastLink ? {} : { head });
      if (ok) unfound.push(at);
    }
    expect(unfound).toEqual([]);
  });

  test("finds lines that were removed, inserted, doubled or reordered, and says where", async () => {
    await writeThreeGroups();
    const file = await onlyFile();
    const lines = (await readFile(file, "utf8")).split("\n").slice(0, -1);
    const tries: string[][] = [];
    for (let i = 0; i < lines.length - 1; i++) {
      tries.push(lines.toSpliced(i, 1));
      tries.push(lines.toSpliced(i, 2));
      tries.push(lines.toSpliced(i, 0, lines[i] ?? ""));
      tries.push(lines.toSpliced(i, 0, lines[1] ?? ""));
      tries.push(lines.toSpliced(i, 0, "{}"));
      tries.push(lines.toSpliced(i, 2, lines[i + 1] ?? "", lines[i] ?? ""));
    }
    // Taking away the last group, or its link, is a cut end.
    const cut = new Set([lines.length - 1, lines.length - 2].map((n) => lines.slice(0, n).join("\n")));
    for (const changed of tries) {
      const text = changed.join("\n");
      if (cut.has(text)) continue;
      await writeFile(file, `${text}\n`);
      const { firstBad } = await verify();
      expect({ text, firstBad }).toMatchObject({ firstBad: { file: expect.stringContaining("receipts-") } });
    }
    await writeFile(file, `${lines.toSpliced(4, 1).join("\n")}\n`);
    expect(await verify()).toMatchObject({ receipts: 2, firstBad: { line: 5 } });
  });

  test("finds a whole group that was taken away, or that stands in another place", async () => {
    await writeThreeGroups();
    const file = await onlyFile();
    const lines = (await readFile(file, "utf8")).split("\n").slice(0, -1);
    const group = (n: number): string[] => lines.slice(1 + 3 * n, 4 + 3 * n);
    for (const changed of [
      [group(0), group(2)],
      [group(1), group(0), group(2)],
      [group(0), group(0), group(1), group(2)],
    ]) {
      await writeFile(file, `${[lines[0], ...changed.flat()].join("\n")}\n`);
      expect(await verify()).toMatchObject({ ok: false });
    }
  });

  test("finds receipts that were forged without the key", async () => {
    {
      await using log = open({ key: "another key" });
      await log.append([receipt("a")]);
    }
    expect(await verify()).toMatchObject({
      ok: false,
      receipts: 0,
      firstBad: { reason: expect.stringContaining("another key") },
    });
    expect(await verify({ key: undefined })).toMatchObject({
      ok: false,
      firstBad: { reason: expect.stringContaining("under a key") },
    });
    await rm(directory, { recursive: true });
    {
      await using log = open({ key: undefined });
      await log.append([receipt("a")]);
    }
    expect(await verify()).toMatchObject({
      ok: false,
      firstBad: { reason: expect.stringContaining("not chained under a key") },
    });
  });

  test("finds a file under another's name", async () => {
    await writeThreeGroups();
    const file = await onlyFile();
    await rename(file, file.replace("receipts-2026", "receipts-2027"));
    expect(await verify()).toMatchObject({ ok: false, firstBad: { line: 1 } });
  });

  test("takes zeros at the end for pages that never reached the disk, and finds them anywhere else", async () => {
    await writeThreeGroups();
    const file = await onlyFile();
    const whole = await readFile(file);
    const last = whole.lastIndexOf('{"n":6,');
    const zeroed = Buffer.from(whole).fill(0, last - 40, last + 40);
    await writeFile(file, zeroed);
    expect(await verify()).toEqual({ files: 1, receipts: 4, ok: true, firstBad: null, torn: 1 });
    await writeFile(file, Buffer.concat([whole, Buffer.alloc(4096)]));
    expect(await verify()).toMatchObject({ receipts: 6, ok: true, torn: 1 });
    const early = whole.indexOf('{"n":2,');
    await writeFile(file, Buffer.from(whole).fill(0, early, early + 40));
    expect(await verify()).toMatchObject({ ok: false, receipts: 0, firstBad: { line: 3 } });
  });

  test("does not show what was never acknowledged", async () => {
    await writeThreeGroups();
    const file = await onlyFile();
    await appendFile(file, `{"n":7,${JSON.stringify(receipt("late")).slice(1)}\n{"n":8,"at"`);
    expect(await shown("late")).toEqual([]);
    expect(await verify()).toMatchObject({ ok: true, receipts: 6, torn: 1 });
  });

  test("reads a line without an end in bounded pieces, and finds it", async () => {
    await writeThreeGroups();
    await appendFile(await onlyFile(), `{"n":7,${"x".repeat(3_000_000)}`);
    expect(await verify()).toMatchObject({ ok: false, firstBad: { line: 11 } });
  });

  test("looks at nothing but files of receipts", async () => {
    await writeThreeGroups();
    await writeFile(join(directory, "notes.jsonl"), "mine");
    expect(await verify()).toMatchObject({ files: 1, ok: true });
  });

  test("does not take a failure for an empty directory", async () => {
    await mkdir(join(home, "new"));
    await writeFile(directory, "a file");
    await expect(verify()).rejects.toMatchObject({ code: "SCRUBBER_RECEIPTS_UNAVAILABLE" });
    expect(await verifyReceipts(join(home, "nowhere"), { head: "00" })).toMatchObject({ ok: false });
  });
});
