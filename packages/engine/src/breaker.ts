const FAILURES = 5;
const FIRST_PROBE_MS = 1000;
const LONGEST_PROBE_MS = 60_000;
const FIRST_PROBE_SIZE = 10;
const LONGEST_ROTATION_MS = 86_400_000;

/** How a closed breaker stands; kept in the queue's notes, so that the next process knows it too. Instants are milliseconds since 1970. */
export interface BreakerState {
  readonly closedAt: number;
  readonly probeAt: number;
  readonly intervalMs: number;
  readonly size: number;
  readonly reason: string;
}

/**
 * Tells an outage from a failure for one lane: five environment failures in a row close it. A closed lane is tried with a few entries after 1 s, then
 * after twice as long each time, up to 60 s.
 */
export class Breaker {
  #failures = 0;
  #closed: BreakerState | undefined;

  /** How it stands while it is closed; undefined while it is open. */
  get closed(): BreakerState | undefined {
    return this.#closed;
  }

  /** Environment failures in a row so far. */
  get failures(): number {
    return this.#failures;
  }

  /** Takes over how another process left it. */
  restore(state: BreakerState): void {
    this.#closed = state;
    this.#failures = FAILURES;
  }

  /** Whether it is closed and its time to be tried has come. */
  probeDue(now: number): boolean {
    // A clock that was set back must not keep a lane closed for longer than a probe's interval.
    return this.#closed !== undefined && (this.#closed.probeAt <= now || this.#closed.probeAt > now + LONGEST_PROBE_MS);
  }

  /** The backend answered. True: it was closed, and is open now. */
  succeeded(): boolean {
    const opened = this.#closed !== undefined;
    this.#failures = 0;
    this.#closed = undefined;
    return opened;
  }

  /** An environment failure. True: it closes now. */
  failed(reason: string, now: number): boolean {
    if (++this.#failures < FAILURES || this.#closed !== undefined) return false;
    this.#closed = {
      closedAt: now,
      probeAt: now + FIRST_PROBE_MS,
      intervalMs: FIRST_PROBE_MS,
      size: FIRST_PROBE_SIZE,
      reason,
    };
    return true;
  }

  /**
   * A probe failed. `denied`: the backend answered, but refused nearly all: then more is tried next time, to get past entries that are denied for good.
   * Returns when the entries that were tried should come again: the longer the lane is closed, the later, so that others get their turn.
   */
  probeFailed(reason: string, denied: boolean, now: number, most: number): number {
    const before = this.#closed;
    if (before === undefined) return now + FIRST_PROBE_MS;
    const intervalMs = Math.min(LONGEST_PROBE_MS, before.intervalMs * 2);
    this.#closed = {
      closedAt: before.closedAt,
      probeAt: now + intervalMs,
      intervalMs,
      size: denied ? Math.min(Math.max(most, 1), before.size * 2) : before.size,
      reason,
    };
    return now + Math.max(2 * intervalMs, Math.min(now - before.closedAt, LONGEST_ROTATION_MS));
  }
}
