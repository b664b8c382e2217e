import { appendFile, mkdir, readFile, rename, rm, truncate, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { describe, expect, test } from "vitest";
import { verifyReceipts } from "../src/receipt-verification.ts";
import { directory, files, home, onlyFile, open, receipt, shown, verify, writeThreeGroups } from "./receipts-world.ts";

/** A file is written and verified for each of its bytes. */
const MANY_FILES_MS = 600_000;

describe("verification", () => {
  test(
    "takes a file cut at any byte for torn, and proves every group that is whole",
    { timeout: MANY_FILES_MS },
    async () => {
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
        expect({ length, ...(await verify()) }).toMatchObject({ length, ...expected });
      }
      await writeFile(file, whole.subarray(0, -1));
      expect(await verify({ head })).toMatchObject({ ok: false });
    },
  );

  test("finds every changed byte", { timeout: MANY_FILES_MS }, async () => {
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
    expect(await verify()).toMatchObject({ files: 1, receipts: 4, ok: true, firstBad: null, torn: 1 });
    await writeFile(file, Buffer.concat([whole, Buffer.alloc(4096)]));
    expect(await verify()).toMatchObject({ receipts: 6, ok: true, torn: 1 });
    const early = whole.indexOf('{"n":2,');
    await writeFile(file, Buffer.from(whole).fill(0, early, early + 40));
    expect(await verify()).toMatchObject({ ok: false, receipts: 0, firstBad: { line: 3 } });
  });

  test("tells the head of each file whose end no later one names; kept elsewhere, they find a cut in any of them", async () => {
    await writeThreeGroups();
    await using one = open();
    await one.append([receipt("a")]);
    await using other = open();
    await other.append([receipt("b")]);
    const [, second = "", third = ""] = await files();
    const thirdHead = { file: basename(third), head: other.head() };
    expect((await verify()).heads).toEqual([thirdHead]);
    // What was named has grown since.
    await one.append([receipt("c")]);
    const { heads } = await verify();
    expect(heads).toEqual([{ file: basename(second), head: one.head() }, thirdHead]);
    const head = heads.map((chain) => chain.head);
    expect(await verify({ head })).toMatchObject({ ok: true });
    for (const file of [second, third]) {
      const whole = await readFile(file);
      await truncate(file, whole.length - 1);
      expect(await verify({ head })).toMatchObject({ ok: false, heads: [] });
      await writeFile(file, whole);
    }
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
