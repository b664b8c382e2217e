import type { Outcome } from "@scrubber/core";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  consequenceOf,
  consequenceOfVerdict,
  outageReason,
  retryDelayMs,
  type Circumstances,
} from "../src/consequences.ts";

// Always the same cases, so that a red run means a change; PROPERTY_SEED tries others.
fc.configureGlobal({ seed: Number(process.env["PROPERTY_SEED"] ?? 1) });

const NOW = Date.parse("2026-01-01T00:00:00Z");
const of = (attempts = 0): Circumstances => ({ attempts, maxAttempts: 10, now: NOW, random: () => 0.5 });
const at = (ms: number): Date => new Date(NOW + ms);

describe("the table of consequences, row by row", () => {
  test("deleted and absent: done, positive, counted under their own name", () => {
    for (const kind of ["deleted", "absent"] as const) {
      expect(consequenceOf({ kind }, of())).toMatchObject({
        settle: { kind: "done" },
        counted: kind,
        positive: true,
        receipt: kind,
      });
    }
  });

  test("marker: done and positive where the store was told to leave markers", () => {
    expect(consequenceOf({ kind: "marker", asked: true }, of())).toMatchObject({
      settle: { kind: "done" },
      counted: "marker",
      positive: true,
      receipt: "marker",
    });
  });

  test("marker: set aside and not positive where nobody asked for one", () => {
    expect(consequenceOf({ kind: "marker", asked: false }, of())).toMatchObject({
      settle: { kind: "setAside" },
      counted: "setAside",
      positive: false,
    });
  });

  test("shared with a live image: done, positive, kept", () => {
    expect(consequenceOfVerdict({ kind: "shared", with: "other" })).toMatchObject({
      settle: { kind: "done" },
      counted: "kept",
      positive: true,
      receipt: "kept",
    });
  });

  test("alive again: done, not positive, kept", () => {
    expect(consequenceOfVerdict({ kind: "alive", reason: "active" })).toMatchObject({
      settle: { kind: "done" },
      counted: "kept",
      positive: false,
      receipt: "kept",
    });
  });

  test("held: waits until the hold ends, uncounted and never set aside", () => {
    const until = at(5_000_000);
    expect(consequenceOf({ kind: "held", until, reason: "retention" }, of(9))).toMatchObject({
      settle: { kind: "release", visibleAt: until },
      counted: "held",
      positive: false,
    });
  });

  test("held without an end: waits a day", () => {
    expect(consequenceOf({ kind: "held", reason: "legal hold" }, of())).toMatchObject({
      settle: { kind: "release", visibleAt: at(86_400_000) },
    });
  });

  test("held until an instant that is past: waits a minute, so that it is not asked without end", () => {
    expect(consequenceOf({ kind: "held", until: at(-1), reason: "clock" }, of())).toMatchObject({
      settle: { kind: "release", visibleAt: at(60_000) },
    });
  });

  test("changed, invalid, unknown image: set aside at once", () => {
    for (const one of [
      consequenceOf({ kind: "changed", reason: "newer" }, of()),
      consequenceOf({ kind: "invalid", reason: "no key" }, of()),
      consequenceOfVerdict({ kind: "unknownImage" }),
    ]) {
      expect(one).toMatchObject({ settle: { kind: "setAside" }, counted: "setAside", positive: false });
    }
  });

  test("denied and unknown: tried again after 30 s, doubling up to an hour, counted", () => {
    const waits = [0, 1, 2, 3, 4, 5, 6, 7, 8].map((attempts) => {
      const { settle, counted } = consequenceOf({ kind: "denied", reason: "no" }, of(attempts));
      expect(counted).toBe("retried");
      return settle.kind === "retry" ? settle.visibleAt.getTime() - NOW : undefined;
    });
    expect(waits).toEqual([30, 60, 120, 240, 480, 960, 1920, 3600, 3600].map((s) => s * 1000));
    expect(consequenceOf({ kind: "unknown", reason: "?" }, of())).toMatchObject({ settle: { kind: "retry" } });
  });

  test("denied and unknown: set aside with the last of the counted attempts", () => {
    expect(consequenceOf({ kind: "unknown", reason: "?" }, of(8)).counted).toBe("retried");
    expect(consequenceOf({ kind: "unknown", reason: "?" }, of(9))).toMatchObject({
      settle: { kind: "setAside", error: "?" },
      counted: "setAside",
    });
  });

  test("throttled: released, uncounted, for as long as the backend asks", () => {
    expect(consequenceOf({ kind: "throttled", retryAfterMs: 7000 }, of(9))).toMatchObject({
      settle: { kind: "release", visibleAt: at(7000) },
      counted: "released",
      positive: false,
    });
  });

  test("a retry's pause varies by a fifth either way, and no more", () => {
    fc.assert(
      fc.property(fc.nat(200), fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true }), (attempts, random) => {
        const plain = Math.min(3_600_000, 30_000 * 2 ** attempts);
        const ms = retryDelayMs(attempts, () => random);
        expect(ms).toBeGreaterThanOrEqual(plain * 0.8 - 1);
        expect(ms).toBeLessThanOrEqual(plain * 1.2 + 1);
      }),
    );
    expect(retryDelayMs(0, () => 0)).toBe(24_000);
    expect(retryDelayMs(0, () => 0.999999)).toBe(36_000);
  });
});

describe("an outage among the answers", () => {
  const denied = (count: number, reason = "policy"): Outcome[] =>
    Array.from({ length: count }, () => ({ kind: "denied", reason }));
  const gone = (count: number): Outcome[] => Array.from({ length: count }, () => ({ kind: "deleted" }));

  test("nine of ten denied for one reason are an outage", () => {
    expect(outageReason([...denied(9), ...gone(1)])).toBe("policy");
    expect(outageReason([...gone(100), ...denied(900)])).toBe("policy");
  });

  test("fewer than nine tenths, or for several reasons, or of a batch below ten, are failures", () => {
    expect(outageReason([...denied(8), ...gone(2)])).toBeUndefined();
    expect(outageReason([...gone(101), ...denied(899)])).toBeUndefined();
    expect(outageReason([...denied(5, "a"), ...denied(5, "b")])).toBeUndefined();
    expect(outageReason(denied(9))).toBeUndefined();
  });
});
