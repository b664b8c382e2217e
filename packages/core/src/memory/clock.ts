/** A clock that only its owner moves. */
export interface Clock {
  now(): Date;
  /** Moves it by milliseconds; a negative number moves it back. */
  advance(ms: number): void;
  set(to: Date): void;
}

/** Makes a clock that stands at `start` (default: 2026-01-01T00:00:00Z) until it is moved. */
export function createClock(start: Date = new Date("2026-01-01T00:00:00Z")): Clock {
  let at = start.getTime();
  return {
    now: () => new Date(at),
    advance(ms) {
      at += ms;
    },
    set(to) {
      at = to.getTime();
    },
  };
}
