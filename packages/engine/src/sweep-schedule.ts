import { isScrubberError, ScrubberError, type JsonValue } from "@scrubber/core";
import type { SweepSummary } from "./summary.ts";
import type { Clock } from "./clock.ts";
import type { Emitter } from "./emitter.ts";
import type { Health } from "./health.ts";
import { SWEEP_FINISHED_AT, type Sweep } from "./sweep.ts";

export interface SweepScheduleOptions {
  /** Undefined: there is nothing to sweep. */
  readonly sweep: Sweep | undefined;
  readonly everyMs: number;
  readonly health: Health;
  readonly clock: Clock;
  readonly emitter: Emitter;
}

/** When there is a sweep, and what is said of one that fails. */
export class SweepSchedule {
  readonly #options: SweepScheduleOptions;

  constructor(options: SweepScheduleOptions) {
    this.#options = options;
  }

  /** @throws {ScrubberError} `SCRUBBER_UNSUPPORTED`, and what {@link Sweep} rejects with, after it was reported. */
  async run(options: Parameters<Sweep["run"]>[0]): Promise<SweepSummary> {
    const { sweep, emitter } = this.#options;
    if (sweep === undefined) {
      throw new ScrubberError(
        "SCRUBBER_UNSUPPORTED",
        "there is nothing to sweep: no registry is configured, or sweep is off",
        {
          hint: "Configure a registry, and leave `sweep` out or set `sweep.every`.",
        },
      );
    }
    try {
      return await sweep.run(options);
    } catch (error) {
      const { code, message } = isScrubberError(error)
        ? error
        : { code: "SCRUBBER_REGISTRY_UNAVAILABLE", message: "the sweep failed in a way of its own" };
      if (code !== "SCRUBBER_ABORTED") emitter.emit({ type: "outage", of: "sweep", code, message });
      throw error;
    }
  }

  /** Sweeps if it is time. What goes wrong has been reported by then: what is in the queue is worked all the same. */
  async runIfDue(signal: AbortSignal | undefined): Promise<void> {
    const { sweep, everyMs, health, clock } = this.#options;
    if (sweep === undefined) return;
    try {
      // What is paused is looked up with it: the last look may be of long ago, or of never.
      const last = sweptAt(await health.load());
      const age = last === null ? Number.POSITIVE_INFINITY : clock.now().getTime() - last.getTime();
      // One that ended in the future: the clock was set back since, and by the stamp none would come for as long.
      if (age >= 0 && age < everyMs) return;
      if (health.allPaused) return;
      await this.run({ signal });
    } catch (error) {
      if (!isScrubberError(error)) throw error;
    }
  }
}

/** When the last sweep ended, by a queue's notes. */
export function sweptAt(notes: ReadonlyMap<string, JsonValue>): Date | null {
  const note = notes.get(SWEEP_FINISHED_AT);
  const at = typeof note === "string" ? new Date(note) : undefined;
  return at === undefined || Number.isNaN(at.getTime()) ? null : at;
}
