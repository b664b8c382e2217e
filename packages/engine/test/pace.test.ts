import { describe, expect, test } from "vitest";
import { Pace } from "../src/pace.ts";

/** A backend that takes `limit` keys a second, with a burst of a second, and throttles each key above. */
class Limiter {
  readonly #limit: number;
  #tokens: number;
  #at = 0;

  constructor(limit: number) {
    this.#limit = limit;
    this.#tokens = Math.max(1, limit);
  }

  take(keys: number, now: number): number {
    this.#tokens = Math.min(Math.max(1, this.#limit), this.#tokens + ((now - this.#at) / 1000) * this.#limit);
    this.#at = now;
    const taken = Math.min(keys, Math.floor(this.#tokens));
    this.#tokens -= taken;
    return taken;
  }
}

interface Second {
  accepted: number;
  throttled: number;
}

/**
 * Plays so many seconds with calls of `batch` keys that take `latencyMs`; what was accepted and throttled, second by second. `calls`: the backend counts calls, of
 * whatever size, and not keys. From `idle.from` to `idle.to` (milliseconds) there is nothing to do; before, a call has three keys.
 */
function play(options: {
  readonly limit: number;
  readonly seconds: number;
  readonly batch: number;
  readonly latencyMs: number;
  readonly whole: boolean;
  readonly calls?: boolean;
  readonly idle?: { readonly from: number; readonly to: number };
  readonly ceiling?: number;
}): readonly Second[] {
  const pace = new Pace(options.ceiling ?? 8);
  const limiter = new Limiter(options.limit);
  const seconds: Second[] = Array.from({ length: options.seconds }, () => ({ accepted: 0, throttled: 0 }));
  let running: { beganAt: number; keys: number; endsAt: number }[] = [];
  for (let now = 0; now < options.seconds * 1000; now += 1) {
    for (const call of running.filter(({ endsAt }) => endsAt === now)) {
      const room = options.calls ? limiter.take(1, now) * call.keys : limiter.take(call.keys, now);
      // A backend that takes calls whole or not at all gives back what it took.
      const accepted = options.whole && room < call.keys ? 0 : room;
      if (accepted < room) limiter.take(accepted - room, now);
      pace.ended({ beganAt: call.beganAt, accepted, throttled: call.keys - accepted }, now);
      seconds[Math.floor(now / 1000)]!.accepted += accepted;
      seconds[Math.floor(now / 1000)]!.throttled += call.keys - accepted;
    }
    running = running.filter(({ endsAt }) => endsAt > now);
    const { from, to } = options.idle ?? { from: 0, to: 0 };
    if (now >= from && now < to) continue;
    while (running.length < pace.concurrency && pace.waitMs(now) === 0) {
      const keys = Math.min(now < from ? 3 : options.batch, pace.keysAtOnce(now));
      pace.began(keys, now);
      running.push({ beganAt: now, keys, endsAt: now + options.latencyMs });
    }
  }
  return seconds;
}

function total(seconds: readonly Second[]): Second & { perSecond: number; share: number } {
  const accepted = seconds.reduce((sum, one) => sum + one.accepted, 0);
  const throttled = seconds.reduce((sum, one) => sum + one.throttled, 0);
  return {
    accepted,
    throttled,
    perSecond: accepted / seconds.length,
    share: throttled / Math.max(1, accepted + throttled),
  };
}

describe("the pace of a lane", () => {
  test.each([
    { limit: 3500, batch: 1000, latencyMs: 60, whole: false },
    { limit: 3500, batch: 1000, latencyMs: 60, whole: true },
    { limit: 3500, batch: 1000, latencyMs: 400, whole: false },
    { limit: 3500, batch: 256, latencyMs: 20, whole: false },
    { limit: 3500, batch: 1, latencyMs: 1, whole: false },
    { limit: 200, batch: 1000, latencyMs: 50, whole: false },
  ])(
    "under a limiter of $limit keys a second (batch $batch, $latencyMs ms, whole calls: $whole) holds nine tenths of it, with less than one in a hundred throttled",
    (backend) => {
      const { perSecond, share } = total(play({ ...backend, seconds: 240 }).slice(-60));
      expect(perSecond).toBeGreaterThanOrEqual(backend.limit * 0.9);
      expect(share).toBeLessThan(0.01);
    },
  );

  test.each([0.5, 1, 2, 10, 50])(
    "where the backend counts calls, and takes %s a second, sends whole batches: nine tenths of what it can get there",
    (limit) => {
      const backend = { limit, batch: 1000, latencyMs: 60, whole: true, calls: true };
      const { perSecond, share } = total(play({ ...backend, seconds: 420 }).slice(-120));
      expect(perSecond).toBeGreaterThanOrEqual(limit * 1000 * 0.9);
      expect(share).toBeLessThan(0.05);
    },
  );

  test("makes calls smaller where the backend takes none of their size", () => {
    const backend = { limit: 200, batch: 1000, latencyMs: 60, whole: true };
    const { perSecond, share } = total(play({ ...backend, seconds: 420 }).slice(-120));
    expect(perSecond).toBeGreaterThanOrEqual(180);
    expect(share).toBeLessThan(0.05);
  });

  test("goes by nothing that was measured while there was little to do", () => {
    const backend = { limit: 10, batch: 1000, latencyMs: 60, whole: true, calls: true };
    const { perSecond } = total(play({ ...backend, seconds: 320, idle: { from: 1000, to: 200_000 } }).slice(-100));
    expect(perSecond).toBeGreaterThanOrEqual(9000);
  });

  test("is not bounded while nothing is throttled", () => {
    const { perSecond } = total(play({ limit: 1e9, batch: 1000, latencyMs: 100, whole: false, seconds: 10 }));
    expect(perSecond).toBeGreaterThan(8 * 10 * 1000 * 0.9);
  });

  test("takes throttling of calls that began before the last decrease for what it is: old news", () => {
    const pace = new Pace(8);
    pace.began(1000, 0);
    pace.began(1000, 1);
    expect(pace.ended({ beganAt: 0, accepted: 900, throttled: 100 }, 500)).toBe(true);
    expect(pace.ended({ beganAt: 1, accepted: 900, throttled: 100 }, 600)).toBe(false);
    expect(pace.concurrency).toBe(6);
  });

  test("forgets a bound once it is far beyond it", () => {
    const pace = new Pace(8);
    pace.began(1000, 0);
    pace.ended({ beganAt: 0, accepted: 500, throttled: 500 }, 1000);
    expect(pace.keysPerSecond(1000)).toBeLessThan(500);
    expect(pace.keysPerSecond(600_000)).toBe(Number.POSITIVE_INFINITY);
  });

  test("gets its calls back one by one after throttling", () => {
    const pace = new Pace(4);
    pace.ended({ beganAt: 0, accepted: 0, throttled: 1 }, 1);
    pace.ended({ beganAt: 2, accepted: 0, throttled: 1 }, 3);
    pace.ended({ beganAt: 4, accepted: 0, throttled: 1 }, 5);
    expect(pace.concurrency).toBe(2);
    for (let i = 0; i < 20; i++) pace.ended({ beganAt: 6, accepted: 1, throttled: 0 }, 7);
    expect(pace.concurrency).toBe(4);
  });
});
