import { describe, expect, test } from "vitest";
import { instantReader, writeInstant } from "../src/instants.ts";

const NOW = new Date("2026-11-24T12:00:00.400Z");

describe("times", () => {
  test.each([
    ["2026-11-20 10:00:00.250000", "2026-11-20T10:00:00.250Z"],
    ["2026-11-20 10:00:00", "2026-11-20T10:00:00.000Z"],
    ["2026-11-20T10:00:00.5", "2026-11-20T10:00:00.500Z"],
    ["2026-12-31 23:59:59.999001", "2027-01-01T00:00:00.000Z"],
    ["2026-11-20 10:00:00.000001", "2026-11-20T10:00:00.001Z"],
  ])("%s is UTC, and what a millisecond cannot hold is rounded up", (text, instant) => {
    expect(instantReader(false, NOW)(text)?.toISOString()).toBe(instant);
  });

  test.each([
    ["2026-11-20 10:00:00", "2026-11-20T10:00:00.999Z"],
    ["2026-11-24 12:00:00", NOW.toISOString()],
    ["2026-11-24 12:00:01", "2026-11-24T12:00:01.000Z"],
  ])("%s, kept to the second, is the end of that second, or now", (text, instant) => {
    expect(instantReader(true, NOW)(text)?.toISOString()).toBe(instant);
  });

  test.each([null, undefined, "", "0000-00-00 00:00:00", "yesterday", 5])("%s is no time", (text) => {
    expect(instantReader(false, NOW)(text)).toBeUndefined();
    expect(instantReader(true, NOW)(text)).toBeUndefined();
  });

  test("a time is written as SQLAlchemy writes it, and read back the same", () => {
    expect(writeInstant(NOW)).toBe("2026-11-24 12:00:00.400000");
    expect(instantReader(false, NOW)(writeInstant(NOW))).toEqual(NOW);
  });
});
