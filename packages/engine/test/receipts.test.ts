import { spawnSync } from "node:child_process";
import { readFile, rm, stat, writeFile, open as openFile, type FileHandle } from "node:fs/promises";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test, vi } from "vitest";
import { verifyReceipts } from "../src/receipt-verification.ts";
import { openReceiptLog } from "../src/receipts.ts";
import { KEY, directory, files, home, onlyFile, open, receipt, shown, verify } from "./receipts-world.ts";

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
    expect(await verify()).toEqual({ files: 0, receipts: 0, ok: true, firstBad: null, torn: 0, heads: [] });
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
    const heads = [{ file: basename(await onlyFile()), head: log.head() }];
    const expected = { files: 1, receipts: 3, ok: true, firstBad: null, torn: 0, heads };
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
    // The file, and the directory that holds it; those above it were made durable as they were made.
    expect(calls).toEqual(["appended", "synced", "synced"]);
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
      message: `receipts cannot be written to ${directory}: a part of the path is no directory`,
    });
    expect(log.head()).toBeUndefined();
    await rm(join(home, "new"));
    await log.append([receipt("b")]);
    expect(await shown("a")).toEqual([]);
    expect(await verify()).toMatchObject({ ok: true, receipts: 1 });
  });

  test("says at once that it cannot write, also where the system denies what it has, as under /proc", async () => {
    const log = openReceiptLog({ directory: "/proc/none/receipts", now: () => new Date() });
    await expect(log.append([receipt("a")])).rejects.toMatchObject({ code: "SCRUBBER_RECEIPTS_UNAVAILABLE" });
  });

  test("is ready once its file is there, before the first receipt; a file without one is removed and named by nobody", async () => {
    {
      await using log = open();
      await Promise.all([log.ready(1000), log.ready(1)]);
      expect(await verify()).toMatchObject({ ok: true, files: 1, receipts: 0, torn: 0, heads: [] });
      expect(log.head()).toBeUndefined();
      await using other = open();
      await other.ready(1);
      await other.append([receipt("a")]);
      expect(await verify({ head: other.head() })).toMatchObject({ ok: true, files: 2, receipts: 1 });
    }
    expect(await files()).toHaveLength(1);
    expect(await verify()).toMatchObject({ ok: true, files: 1, receipts: 1 });
  });

  test("is ready at once while others' receipts are made durable", async () => {
    await using log = open();
    await log.append([receipt("a")]);
    const told: string[] = [];
    // More than one turn of the line: what is ready waits for none of them.
    const many = Array.from({ length: 20_000 }, (_, n) => receipt(`b${n}`));
    const appended = log.append(many).then(() => told.push("appended"));
    await log.ready(1).then(() => told.push("ready"));
    await appended;
    expect(told).toEqual(["ready", "appended"]);
  });

  test("is not ready where there is no room, or nothing can be written; nothing is left of it then", async () => {
    await using log = open();
    await expect(log.ready(Number.MAX_SAFE_INTEGER)).rejects.toMatchObject({
      code: "SCRUBBER_RECEIPTS_UNAVAILABLE",
      message: expect.stringContaining("no space left on the device"),
    });
    await log.ready(1);
    await rm(join(home, "new"), { recursive: true });
    await expect(log.ready(1)).rejects.toMatchObject({ code: "SCRUBBER_RECEIPTS_UNAVAILABLE" });
    await writeFile(join(home, "new"), "in the way");
    await using another = open();
    await expect(another.ready(1)).rejects.toMatchObject({ code: "SCRUBBER_RECEIPTS_UNAVAILABLE" });
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
