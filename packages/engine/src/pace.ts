/** What one throttling takes off the pace. */
const DECREASE = 0.85;
/** How long the rate takes to be back where it was throttled: the middle of the cubic curve. */
const RECOVERY_S = 45;
const CURVE = (1 - DECREASE) / RECOVERY_S ** 3;
/** A rate that has been so far above what was ever throttled is no bound any more. */
const FORGET = 8;
/** At a bounded rate, one call takes this share of a second, so that it is no burst to the backend. */
const CALL_SHARE = 0.25;
/** Where calls are refused whole, one takes no more than this. */
const LONGEST_CALL_S = 10;
/** Refused so often in a row, a call is too large, whatever was taken once. */
const TOO_LARGE = 12;
/** It had nothing to do for so long: what was measured before says nothing. */
const IDLE_MS = 1000;
/** Timers are late by a little each time: so much of that is made up for. */
const CATCH_UP_MS = 50;

/**
 * How fast one lane goes, learnt from its backend alone.
 *
 * Calls at the same time: one more for each round without throttling (additive increase), 0.85 of it after throttling.
 * Keys a second: unbounded until the backend throttles for the first time; then 0.85 of what it took, and from there along the curve of CUBIC
 * (RFC 9438): soon near the rate that was too much, long just below it, then further. So a limit costs one small throttling in about three quarters of a minute.
 *
 * Keys in a call: all that it takes while there is no bound; then a share of a second, so that single keys that are too much are few. Where calls are refused
 * whole, it may be calls that the backend counts, not keys: they stay as large as the largest that it took, and become rarer instead.
 */
export class Pace {
  readonly #ceiling: number;
  #window: number;
  /** Keys a second that were too much; undefined while nothing was. */
  #wall: number | undefined;
  #wallAt = 0;
  /** When the last decrease was: throttling of calls that began before says nothing new. */
  #decreasedAt = Number.NEGATIVE_INFINITY;
  #nextAt = Number.NEGATIVE_INFINITY;
  /** What was accepted lately, to know what the backend takes when it first throttles. */
  #acceptedSince: number | undefined;
  #accepted = 0;
  #previous: number | undefined;
  #lastAt = Number.NEGATIVE_INFINITY;
  /** Keys in a call while there is no bound: halved as long as the backend has taken less than one call. */
  #most = Number.POSITIVE_INFINITY;
  /** Keys of the largest call that was taken whole. */
  #largest = 0;
  /** How many calls were refused whole since one was taken; undefined: it is single keys that are throttled. */
  #refused: number | undefined;

  constructor(ceiling: number) {
    this.#ceiling = ceiling;
    this.#window = ceiling;
  }

  /** Calls that may run at the same time. */
  get concurrency(): number {
    return Math.max(1, Math.floor(this.#window));
  }

  /** Whether it goes slower than it might. */
  get slowed(): boolean {
    return this.#window < this.#ceiling || this.#wall !== undefined;
  }

  /** Keys a second at `now` (milliseconds, monotonic); infinite while the backend never throttled. */
  keysPerSecond(now: number): number {
    if (this.#wall === undefined) return Number.POSITIVE_INFINITY;
    const seconds = (now - this.#wallAt) / 1000;
    const factor = 1 + CURVE * (seconds - RECOVERY_S) ** 3;
    if (factor > FORGET) {
      this.#wall = undefined;
      return Number.POSITIVE_INFINITY;
    }
    return Math.max(1, this.#wall * factor);
  }

  /** Keys that the next call may have at most; infinite while there is no bound. */
  keysAtOnce(now: number): number {
    const rate = this.keysPerSecond(now);
    if (rate === Number.POSITIVE_INFINITY) return this.#most;
    const taken = this.#refused === undefined ? 0 : Math.min(this.#largest, rate * LONGEST_CALL_S);
    return Math.ceil(Math.max(rate * CALL_SHARE, taken));
  }

  /** Milliseconds until the next call may begin. */
  waitMs(now: number): number {
    return Math.max(0, this.#nextAt - now);
  }

  /** A call with so many keys begins. */
  began(keys: number, now: number): void {
    if (now - Math.max(this.#lastAt, this.#nextAt) > IDLE_MS) {
      this.#acceptedSince = now;
      this.#accepted = 0;
      this.#previous = undefined;
    }
    this.#lastAt = now;
    const rate = this.keysPerSecond(now);
    if (rate !== Number.POSITIVE_INFINITY)
      this.#nextAt = Math.max(this.#nextAt, now - CATCH_UP_MS) + (keys / rate) * 1000;
  }

  /** Nothing begins for so long. */
  hold(ms: number, now: number): void {
    this.#nextAt = Math.max(this.#nextAt, now + ms);
  }

  /** A call ended in which so many keys were accepted and so many throttled. True: the pace went down. */
  ended(
    call: { readonly beganAt: number; readonly accepted: number; readonly throttled: number },
    now: number,
  ): boolean {
    this.#lastAt = now;
    this.#measure(call.accepted, now);
    if (call.throttled === 0) {
      this.#window = Math.min(this.#ceiling, this.#window + 1 / this.#window);
      this.#largest = Math.max(this.#largest, call.accepted);
      if (call.accepted >= this.#most) this.#most *= 2;
      if (this.#refused !== undefined) this.#refused = 0;
      return false;
    }
    if (call.beganAt <= this.#decreasedAt) return false;
    const wall = this.#tooMuch(call, now);
    // Where nothing was accepted yet there is no rate to go by.
    if (wall > 0) {
      this.#wall = Math.max(1, wall);
      this.#wallAt = now;
      this.#most = Number.POSITIVE_INFINITY;
    }
    this.#decreasedAt = now;
    this.#window = Math.max(1, this.#window * DECREASE);
    return true;
  }

  /** Keys a second that were too much; 0: not known. */
  #tooMuch({ accepted, throttled }: { readonly accepted: number; readonly throttled: number }, now: number): number {
    const rate = this.keysPerSecond(now);
    if (accepted > 0) {
      this.#refused = undefined;
      return rate === Number.POSITIVE_INFINITY ? this.#acceptedPerSecond(now, 100) : rate;
    }
    this.#refused = (this.#refused ?? 0) + 1;
    if (this.#refused % TOO_LARGE === 0) this.#largest = Math.ceil(this.#largest / 2);
    if (rate !== Number.POSITIVE_INFINITY) return rate;
    const taken = this.#acceptedPerSecond(now, 1000);
    if (taken >= throttled) return taken;
    this.#most = Math.ceil(throttled / 2);
    return 0;
  }

  #measure(accepted: number, now: number): void {
    const since = (this.#acceptedSince ??= now);
    this.#accepted += accepted;
    if (now - since < 1000) return;
    this.#previous = (this.#accepted / (now - since)) * 1000;
    this.#accepted = 0;
    this.#acceptedSince = now;
  }

  /** What was taken a second lately, measured over `leastMs` at least. */
  #acceptedPerSecond(now: number, leastMs: number): number {
    const ms = now - (this.#acceptedSince ?? now);
    if (this.#previous !== undefined && ms < 500) return this.#previous;
    return (this.#accepted / Math.max(ms, leastMs)) * 1000;
  }
}
