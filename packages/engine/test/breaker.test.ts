import { describe, expect, test } from "vitest";
import { Breaker } from "../src/breaker.ts";

function closed(at = 0): Breaker {
  const breaker = new Breaker();
  for (let i = 0; i < 5; i++) breaker.failed("down", at);
  return breaker;
}

describe("a breaker", () => {
  test("closes with the fifth environment failure in a row, not before", () => {
    const breaker = new Breaker();
    expect([1, 2, 3, 4].map(() => breaker.failed("down", 0))).toEqual([false, false, false, false]);
    expect(breaker.closed).toBeUndefined();
    expect(breaker.failed("down", 0)).toBe(true);
    expect(breaker.closed).toMatchObject({ reason: "down", probeAt: 1000 });
  });

  test("counts from one again after any answer", () => {
    const breaker = new Breaker();
    for (let i = 0; i < 4; i++) breaker.failed("down", 0);
    expect(breaker.succeeded()).toBe(false);
    for (let i = 0; i < 4; i++) expect(breaker.failed("down", 0)).toBe(false);
  });

  test("is tried after 1 s, then after twice as long each time, up to 60 s", () => {
    const breaker = closed();
    const waits: number[] = [];
    let now = 0;
    for (let i = 0; i < 9; i++) {
      const { probeAt } = breaker.closed!;
      expect(breaker.probeDue(probeAt - 1)).toBe(false);
      expect(breaker.probeDue(probeAt)).toBe(true);
      waits.push(probeAt - now);
      now = probeAt;
      breaker.probeFailed("down", false, now, 1000);
    }
    expect(waits).toEqual([1, 2, 4, 8, 16, 32, 60, 60, 60].map((s) => s * 1000));
  });

  test("opens with the first answer", () => {
    const breaker = closed();
    expect(breaker.succeeded()).toBe(true);
    expect(breaker.closed).toBeUndefined();
  });

  test("tries more entries each time where the backend refuses nearly all, up to a batch", () => {
    const breaker = closed();
    const sizes = [1, 2, 3, 4, 5].map(() => {
      breaker.probeFailed("denied", true, breaker.closed!.probeAt, 100);
      return breaker.closed!.size;
    });
    expect(sizes).toEqual([20, 40, 80, 100, 100]);
  });

  test("sends what it tried away for longer, the longer it is closed, so that others get their turn", () => {
    const breaker = closed();
    let now = 0;
    let last = 0;
    for (let i = 0; i < 100; i++) {
      now = breaker.closed!.probeAt;
      last = breaker.probeFailed("denied", true, now, 1000) - now;
    }
    expect(now).toBeGreaterThan(5_000_000);
    expect(last).toBe(now);
  });

  test("is not kept closed by a clock that was set back", () => {
    const breaker = closed(10_000_000);
    expect(breaker.probeDue(0)).toBe(true);
  });
});
