import { mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { makeDirectory, messageOf } from "../src/system.ts";

let folder: string;
beforeEach(() => void (folder = mkdtempSync(join(tmpdir(), "system-"))));
afterEach(() => rmSync(folder, { recursive: true, force: true }));

test("a directory is made with those above it, and what was made is told, outermost first; the second time nothing is", () => {
  const [one, two, three] = [join(folder, "1"), join(folder, "1/2"), join(folder, "1/2/3")];
  expect(makeDirectory(three, 0o700)).toEqual([one, two, three]);
  expect([one, two, three].map((path) => statSync(path).mode & 0o777)).toEqual([0o700, 0o700, 0o700]);
  expect(makeDirectory(three, 0o700)).toEqual([]);
});

test("what cannot be made is said at once, also where the system denies what it has, as under /proc", () => {
  writeFileSync(join(folder, "file"), "");
  expect(() => makeDirectory(join(folder, "file/1/2"), 0o700)).toThrow("ENOTDIR");
  expect(() => makeDirectory("/proc/none/1/2", 0o700)).toThrow("ENOENT");
});

test("a system error is told in words, without the call and the path; what is no error as it is", () => {
  const missing = Object.assign(new Error("ENOENT: no such file or directory, stat '/none'"), { code: "ENOENT" });
  expect(messageOf(missing)).toBe("no such file or directory");
  expect(messageOf(new Error("first\nsecond"))).toBe("first");
  expect(messageOf(new TypeError(""))).toBe("TypeError");
  expect(messageOf("text")).toBe("text");
});
