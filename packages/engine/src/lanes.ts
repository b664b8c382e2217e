import { Breaker, type BreakerState } from "./breaker.ts";
import { Meter } from "./meter.ts";
import { Pace } from "./pace.ts";
import type { OpenStore } from "./routing.ts";

/** What is known of one store and group, from pass to pass. */
export interface LaneState {
  /** `STORE/GROUP`: the name that the queue leaves entries out by. */
  readonly name: string;
  readonly to: OpenStore;
  readonly group: string;
  readonly pace: Pace;
  readonly breaker: Breaker;
  readonly meter: Meter;
  lastError: string | undefined;
}

/** The name by which leases leave out the entries of a store and group. */
export function laneName(to: OpenStore, group: string): string {
  return `${to.id}/${group}`;
}

const MOST_REMEMBERED = 1000;

/** The lanes that this process has come to know. */
export class Lanes {
  readonly #byStore = new Map<string, Map<string, LaneState>>();

  get(to: OpenStore, group: string): LaneState {
    let ofStore = this.#byStore.get(to.id);
    if (ofStore === undefined) this.#byStore.set(to.id, (ofStore = new Map()));
    let lane = ofStore.get(group);
    if (lane === undefined) {
      lane = {
        name: laneName(to, group),
        to,
        group,
        pace: new Pace(to.limits.concurrency),
        breaker: new Breaker(),
        meter: new Meter(),
        lastError: undefined,
      };
      ofStore.set(group, lane);
    }
    return lane;
  }

  /** Takes over what another process has found, unless this one knows the lane itself. */
  restore(to: OpenStore, group: string, state: BreakerState): void {
    if (this.#byStore.get(to.id)?.has(group) === true) return;
    const lane = this.get(to, group);
    lane.breaker.restore(state);
    lane.lastError = state.reason;
  }

  of(storeId: string): Iterable<LaneState> {
    return this.#byStore.get(storeId)?.values() ?? [];
  }

  *all(): Iterable<LaneState> {
    for (const ofStore of this.#byStore.values()) yield* ofStore.values();
  }

  /** When the first closed lane wants to be tried; milliseconds since 1970. */
  nextProbeAt(): number | undefined {
    let next: number | undefined;
    for (const { breaker } of this.all()) {
      const at = breaker.closed?.probeAt;
      if (at !== undefined && (next === undefined || at < next)) next = at;
    }
    return next;
  }

  /** Forgets lanes that have nothing to remember, where there are very many: groups come and go. */
  prune(): void {
    for (const ofStore of this.#byStore.values()) {
      if (ofStore.size <= MOST_REMEMBERED) continue;
      for (const [group, { breaker, pace }] of ofStore) {
        if (ofStore.size <= MOST_REMEMBERED) break;
        if (breaker.closed === undefined && !pace.slowed) ofStore.delete(group);
      }
    }
  }
}
