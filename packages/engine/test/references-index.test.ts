import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { LocationIndex } from "../src/references-index.ts";

describe("the table of locations", () => {
  test("finds every row of a key, and none of another, through all its growing", () => {
    const index = new LocationIndex();
    const seen = new Map<string, number[]>();
    for (let ref = -500; ref < 60_000; ref++) {
      const key = `/images/${ref % 7 === 0 ? ref % 1000 : ref}`;
      index.add("s", key, ref);
      seen.set(key, [...(seen.get(key) ?? []), ref]);
    }
    const byRef = (a: number, b: number): number => a - b;
    for (const [key, refs] of seen) expect(index.find("s", key).toSorted(byRef)).toEqual(refs.toSorted(byRef));
    expect(index.find("t", "/images/1")).toEqual([]);
    expect(index.find("s", "/images/nowhere")).toEqual([]);
    expect(index.size).toBe(60_500);
  });

  test("tells long keys apart, those in other scripts, and those that begin or end alike, also after one another", () => {
    const index = new LocationIndex();
    const long = "long/".repeat(1000);
    const keys = [
      "",
      "a",
      "a\0",
      "a\0\0\0",
      "aaaa",
      "aaaaa",
      "aaaa\0",
      "ÿ",
      "ÿÿ",
      "寺",
      "🗑",
      long,
      `${long}x`,
      `x${long}`,
      `${"寺".repeat(5e3)}a`,
      `${"寺".repeat(5e3)}b`,
    ];
    for (let n = 0; n < 2; n++) keys.forEach((key, ref) => index.add(ref % 2 === 0 ? "even" : "odd", key, ref));
    keys.forEach((key, ref) => {
      expect(index.find(ref % 2 === 0 ? "even" : "odd", key)).toEqual([ref]);
      expect(index.find(ref % 2 === 0 ? "odd" : "even", key)).toEqual([]);
    });
  });

  test("keeps a row once, however often it is added", () => {
    const index = new LocationIndex();
    for (let n = 0; n < 3; n++) index.add("s", "k", 1);
    expect(index.find("s", "k")).toEqual([1]);
    expect(index.size).toBe(1);
  });

  test("takes 200,000 rows of one key in no more steps than of many", () => {
    const index = new LocationIndex();
    for (let ref = 0; ref < 200_000; ref++) index.add("s", "k", ref);
    expect(index.find("s", "k")).toHaveLength(200_000);
  });

  test("takes 1,000,000 locations in 30 MiB or less, what it outgrew included", () => {
    const script = fileURLToPath(new URL("references-memory.ts", import.meta.url));
    const args = ["--conditions=@scrubber/source", "--expose-gc", script];
    const { stdout, stderr } = spawnSync(process.execPath, args, { encoding: "utf8" });
    expect(stderr).toBe("");
    const { size, mebibytes } = JSON.parse(stdout) as { size: number; mebibytes: number };
    expect(size).toBe(1_000_000);
    expect(mebibytes).toBeGreaterThan(15);
    expect(mebibytes).toBeLessThanOrEqual(30);
  });
});
