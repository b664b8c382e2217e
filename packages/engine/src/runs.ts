import { isScrubberError, ScrubberError } from "@scrubber/core";
import type { RunSummary, Untried } from "./summary.ts";
import { runDaemon } from "./daemon.ts";
import { Drain, type Stops } from "./drain.ts";
import { Pass, type PassEnvironment } from "./pass.ts";
import type { SweepSchedule } from "./sweep-schedule.ts";
import { untried } from "./untried.ts";

export interface RunsOptions {
  /** What each pass works with. */
  readonly pass: PassEnvironment;
  readonly sweeps: SweepSchedule;
  readonly wakeupMs: number;
}

/** A pass gives up by itself, and says what it left; this much later so does whoever waits for it. */
const LATER_MS = 1000;

/** Sweeps and passes, once or again and again; one run at a time. */
export class Runs {
  readonly #options: RunsOptions;
  readonly #closing = new AbortController();
  #running: Promise<unknown> | undefined;

  constructor(options: RunsOptions) {
    this.#options = options;
  }

  once(signal?: AbortSignal): Promise<RunSummary> {
    const stops = this.#stops({ signal });
    return this.#alone(stops, async () => {
      const { pass, sweeps } = this.#options;
      await sweeps.runIfDue(stops.signal);
      const startedAt = pass.clock.now();
      const summary = await new Pass(pass).run(stops);
      const left = stops.signal.aborted ? [] : await this.#untried(startedAt);
      return left.length === 0 ? summary : { ...summary, untried: left };
    });
  }

  forever(until: Stops): Promise<void> {
    const { pass, sweeps, wakeupMs } = this.#options;
    const stops = this.#stops(until);
    return this.#alone(stops, () =>
      runDaemon({
        clock: pass.clock,
        emitter: pass.emitter,
        wakeupMs,
        run: () => new Pass(pass).run(stops),
        sweepIfDue: () => sweeps.runIfDue(stops.signal),
        nextAt: () => this.#nextAt(),
        signal: stops.signal,
      }),
    );
  }

  /** Stops the run under way, and resolves when it has ended. */
  async close(): Promise<void> {
    this.#closing.abort();
    await this.#running?.catch(() => {});
  }

  #stops({ signal, stopNow }: Stops): Stops & { readonly signal: AbortSignal } {
    const all = [this.#closing.signal, signal, stopNow].filter((one) => one !== undefined);
    return { signal: AbortSignal.any(all), stopNow };
  }

  async #alone<T>(stops: Stops, run: () => Promise<T>): Promise<T> {
    if (this.#running !== undefined) {
      throw new ScrubberError("SCRUBBER_ALREADY_RUNNING", "this scrubber is running already", {
        hint: "Wait until the run under way has ended, or stop it.",
      });
    }
    const running = this.#within(stops, run);
    this.#running = running;
    try {
      return await running;
    } finally {
      this.#running = undefined;
    }
  }

  /** What hangs must not keep a run from ending once it is told to. */
  async #within<T>(stops: Stops, run: () => Promise<T>): Promise<T> {
    const { clock, drainMs } = this.#options.pass;
    using drain = new Drain(clock, drainMs + LATER_MS);
    using _ = drain.follow(stops);
    const over = drain.over.then((): never => {
      throw new ScrubberError("SCRUBBER_ABORTED", "it was told to stop, and what it waited for did not come back", {
        hint: "Look whether the backend of the queue or of the registry hangs. What is leased comes back when its lease runs out.",
      });
    });
    return await Promise.race([run(), over]);
  }

  /** What a run did is told even where the queue fails right after it. */
  async #untried(startedAt: Date): Promise<readonly Untried[]> {
    const { pass } = this.#options;
    try {
      return await untried(pass, startedAt);
    } catch (error) {
      if (!isScrubberError(error)) throw error;
      pass.emitter.emit({ type: "outage", of: "queue", code: error.code, message: error.message });
      return [];
    }
  }

  async #nextAt(): Promise<number | undefined> {
    const { queue, lanes } = this.#options.pass;
    const { nextDueAt, leasedUntil } = await queue.stats();
    const times = [nextDueAt?.getTime(), leasedUntil?.getTime(), lanes.nextProbeAt()].filter((at) => at !== undefined);
    return times.length === 0 ? undefined : Math.min(...times);
  }
}
