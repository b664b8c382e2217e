import type { RunSummary } from "./summary.ts";
import type { Counts } from "./events.ts";

type Writable<T> = { -readonly [K in keyof T]: T[K] };

/** Counts that can still grow. */
export type RunningCounts = Writable<Counts>;

export function noCounts(): RunningCounts {
  return { deleted: 0, absent: 0, marker: 0, kept: 0, held: 0, retried: 0, released: 0, setAside: 0 };
}

/** What a pass has done so far. */
export class Tally {
  leased = 0;
  images = 0;
  bytes = 0;
  readonly counts: RunningCounts = noCounts();

  add(counts: Counts): void {
    for (const key of Object.keys(counts) as (keyof Counts)[]) this.counts[key] += counts[key];
  }

  /** What was leased and is not accounted for waits as before: it comes back when its lease runs out. */
  releaseRest(): void {
    const ended = Object.values(this.counts).reduce((sum, count) => sum + count, 0);
    this.counts.released += Math.max(0, this.leased - ended);
  }

  /** Whether anything at all came of the pass but entries that wait as before. */
  get achieved(): boolean {
    const { deleted, absent, marker, kept, held, retried, setAside } = this.counts;
    return deleted + absent + marker + kept + held + retried + setAside > 0;
  }

  summary(seconds: number): RunSummary {
    const { leased, images, bytes, counts } = this;
    return { leased, ...counts, images, bytes, seconds };
  }
}
