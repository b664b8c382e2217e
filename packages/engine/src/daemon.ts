import { isScrubberError } from "@scrubber/core";
import type { RunSummary } from "./summary.ts";
import { sleep, type Clock } from "./clock.ts";
import type { Emitter } from "./emitter.ts";

export interface DaemonOptions {
  readonly clock: Clock;
  readonly emitter: Emitter;
  readonly wakeupMs: number;
  /** One pass. */
  readonly run: () => Promise<RunSummary>;
  /** Sweeps if it is time. */
  readonly sweepIfDue: () => Promise<void>;
  /** When something can be done next: in the queue, for a closed lane, or a sweep; milliseconds since 1970. */
  readonly nextAt: () => Promise<number | undefined>;
  /** Takes no more work. */
  readonly signal: AbortSignal;
}

/** However early something is due; shorter only where `wakeup` is. */
const SHORTEST_SLEEP_MS = 1000;

/** Works now and at every wake-up, one pass after the other, until `signal` aborts. Never rejects for an outage: it is reported, and the next wake-up tries again. */
export async function runDaemon(options: DaemonOptions): Promise<void> {
  const { clock, emitter, wakeupMs, signal } = options;
  const shortestMs = Math.min(SHORTEST_SLEEP_MS, wakeupMs);
  let outages = 0;
  while (!signal.aborted) {
    let until = clock.now().getTime() + wakeupMs;
    try {
      await options.sweepIfDue();
      if (signal.aborted) return;
      await options.run();
      outages = 0;
      until = Math.min(until, (await options.nextAt()) ?? until);
    } catch (error) {
      // What it was has been reported where it happened. A mistake in a program is not an outage.
      if (!isScrubberError(error)) throw error;
      until = Math.min(until, clock.now().getTime() + SHORTEST_SLEEP_MS * 2 ** Math.min(outages++, 10));
    }
    if (signal.aborted) return;
    const ms = Math.max(shortestMs, until - clock.now().getTime());
    emitter.emit({ type: "daemon.sleeping", until: new Date(clock.now().getTime() + ms) });
    await sleep(clock, ms, signal);
  }
}
