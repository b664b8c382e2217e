import { ScrubberError, type ErrorCode } from "@scrubber/core";

/** What measures spans and waits. Tests replace it, so that they need not wait. */
export interface Timers {
  /** Milliseconds that only move forward, from any origin. */
  readonly monotonic: () => number;
  /** Calls `run` once after `ms`; returns what calls it off. */
  readonly after: (ms: number, run: () => void) => () => void;
}

/** The time of day, and timers. */
export interface Clock extends Timers {
  readonly now: () => Date;
}

/** The machine's own timers. */
export const systemTimers: Timers = {
  monotonic: () => performance.now(),
  after(ms, run) {
    const timer = setTimeout(run, ms);
    return () => {
      clearTimeout(timer);
    };
  },
};

/** Resolves after `ms`, or as soon as one of the signals aborts. */
export function sleep(clock: Timers, ms: number, ...signals: readonly (AbortSignal | undefined)[]): Promise<void> {
  if (ms <= 0 || signals.some((signal) => signal?.aborted)) return Promise.resolve();
  return new Promise((resolve) => {
    const wake = (): void => {
      cancel();
      for (const signal of signals) signal?.removeEventListener("abort", wake);
      resolve();
    };
    const cancel = clock.after(ms, wake);
    for (const signal of signals) signal?.addEventListener("abort", wake);
  });
}

/**
 * The answer of `call`, or a rejection with `code` once `ms` have passed without one: what never answers must not hold up the rest.
 */
export async function bounded<T>(
  clock: Timers,
  ms: number,
  code: ErrorCode,
  what: string,
  call: () => Promise<T>,
): Promise<T> {
  let cancel: (() => void) | undefined;
  const late = new Promise<never>((_, reject) => {
    cancel = clock.after(ms, () => {
      reject(
        new ScrubberError(code, `${what} did not answer within ${Math.round(ms / 1000)} s`, {
          hint: "Look whether its backend hangs; what was under way is tried again later.",
        }),
      );
    });
  });
  try {
    return await Promise.race([call(), late]);
  } finally {
    cancel?.();
  }
}
