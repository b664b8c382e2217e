import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { formatDuration, parseDuration, parseInstant } from "../src/index.ts";

// Always the same cases, so that a red run means a change; PROPERTY_SEED tries others.
fc.configureGlobal({ seed: Number(process.env["PROPERTY_SEED"] ?? 1) });

describe("durations", () => {
  test.each([
    ["0s", 0],
    ["500ms", 500],
    ["45s", 45_000],
    ["1h30m", 5_400_000],
    ["24h", 86_400_000],
    ["7d", 604_800_000],
    ["1d1h1m1s1ms", 90_061_001],
  ])("reads %s", (text, ms) => {
    expect(parseDuration(text)).toBe(ms);
  });

  test.each(["", "5", "s", "-5s", "1.5h", "1 h", "1h 30m", "1H", "1w", " 1h", "1h\n", "99999999999999999d", "١s"])(
    "refuses %j, and says how to write one",
    (text) => {
      expect(() => parseDuration(text)).toThrow(
        expect.objectContaining({ code: "SCRUBBER_DURATION_INVALID", hint: expect.stringContaining("24h") }),
      );
    },
  );

  test.each([
    [0, "0s"],
    [-5, "0s"],
    [999.9, "999ms"],
    [1000, "1s"],
    [61_000, "1m1s"],
    [5_400_000, "1h30m"],
    [86_400_000, "1d"],
    [90_061_001, "1d1h"],
    [86_401_000, "1d"],
  ])("writes %d ms with at most two units: %s", (ms, text) => {
    expect(formatDuration(ms)).toBe(text);
  });

  test("what is written can be read, and is never more than what was meant", () => {
    fc.assert(
      fc.property(fc.nat(1e11), (ms) => {
        const read = parseDuration(formatDuration(ms));
        expect(read).toBeLessThanOrEqual(ms);
        expect(read).toBeGreaterThanOrEqual(ms * 0.95);
      }),
    );
  });
});

describe("instants", () => {
  test.each([
    ["2026-11-24T15:03:00Z", "2026-11-24T15:03:00.000Z"],
    ["2026-11-24t15:03:00z", "2026-11-24T15:03:00.000Z"],
    ["2026-11-24 15:03:00+02:00", "2026-11-24T13:03:00.000Z"],
    ["2026-11-24T15:03:00.123456-00:30", "2026-11-24T15:33:00.123Z"],
    ["2024-02-29T00:00:00Z", "2024-02-29T00:00:00.000Z"],
  ])("reads %s", (text, instant) => {
    expect(parseInstant(text).toISOString()).toBe(instant);
  });

  test.each([
    "",
    "2026-11-24",
    "2026-11-24T15:03:00",
    "2026-11-24T15:03Z",
    "2026-02-30T00:00:00Z",
    "2025-02-29T00:00:00Z",
    "2026-04-31T00:00:00Z",
    "2026-13-01T00:00:00Z",
    "2026-00-10T00:00:00Z",
    "2026-11-00T00:00:00Z",
    "2026-11-24T24:00:00Z",
    "2026-11-24T15:60:00Z",
    "2026-11-24T15:03:00+25:00",
    "1795532580",
    "tomorrow",
    "2026-11-24T15:03:00Z\n",
  ])("refuses %j, and says how to write one", (text) => {
    expect(() => parseInstant(text)).toThrow(
      expect.objectContaining({ code: "SCRUBBER_INSTANT_INVALID", hint: expect.stringContaining("RFC 3339") }),
    );
  });
});
