import type { Clock } from "./clock.ts";
import type { Health } from "./health.ts";
import type { Detour } from "./intake.ts";
import type { Lane } from "./lane.ts";
import type { Lanes } from "./lanes.ts";

export interface LeasePlanOptions {
  readonly clock: Clock;
  readonly health: Health;
  /** What is known of lanes, from pass to pass. */
  readonly known: Lanes;
  /** The lanes that have had work in this pass, by name. */
  readonly lanes: ReadonlyMap<string, Lane>;
  readonly batch: number;
}

const MOST_SKIMMED = 10_000;
const LOOK_MS = 1000;

/** Decides when a pass leases more, how much, and what is left out: so that no lane starves behind another, and nothing is leased that cannot soon be worked. */
export class LeasePlan {
  readonly #options: LeasePlanOptions;
  /** Lanes that the last lease left out because they were full. */
  #leftOut = new Set<string>();
  #fullSince: number | undefined;
  #lookAt = Number.NEGATIVE_INFINITY;
  #limit: number;
  #mayProbe = true;

  constructor(options: LeasePlanOptions) {
    this.#options = options;
    this.#limit = options.batch;
  }

  /** The next lease. `probing`: it is a small one, for a closed lane that is to be tried. */
  next(): { readonly limit: number; readonly exceptLanes: ReadonlySet<string>; readonly probing: boolean } {
    const exceptLanes = this.#namesLeftOut();
    const size = this.#mayProbe ? this.#probeSize() : undefined;
    return { limit: size ?? this.#limit, exceptLanes, probing: size !== undefined };
  }

  /** So many entries of a lease went into lanes. Where none did, the next lease reaches further, and past full lanes it is not looked again at once. */
  took(entries: number, probing: boolean): void {
    // A small lease that did not reach the lane to be tried: its entries are further back.
    this.#mayProbe = !probing || this.#probeSize() === undefined;
    if (entries > 0) this.#limit = this.#options.batch;
    else if (!probing) this.#limit = Math.min(this.#limit * 2, MOST_SKIMMED);
    if (entries === 0 && this.#leftOut.size > 0) this.#lookAt = this.#options.clock.monotonic() + LOOK_MS;
  }

  /** Whether to take more work now. Past a full lane others are looked for at once if they have nothing to do, else now and then. */
  get room(): boolean {
    let full = false;
    let hungry = false;
    for (const lane of this.#options.lanes.values()) {
      if (lane.state.breaker.closed !== undefined) continue;
      if (lane.full) full = true;
      else if (lane.idle) hungry = true;
    }
    const now = this.#options.clock.monotonic();
    this.#fullSince = full ? (this.#fullSince ?? now) : undefined;
    if (this.#fullSince === undefined) return true;
    return now >= this.#lookAt && (hungry || now >= this.#fullSince + LOOK_MS);
  }

  /** What leases leave out: stores that are paused, lanes that are closed and not to be tried yet, lanes that are full. */
  #namesLeftOut(): ReadonlySet<string> {
    const { health, known, clock, lanes } = this.#options;
    const names = new Set<string>();
    for (const id of health.pausedStores) names.add(pausedName(id));
    const now = clock.now().getTime();
    for (const { breaker, name } of known.all()) {
      const trying = lanes.get(name)?.idle === false;
      if (breaker.closed !== undefined && (trying || !breaker.probeDue(now))) names.add(name);
    }
    this.#leftOut = new Set();
    for (const [name, lane] of this.#options.lanes) if (lane.full) this.#leftOut.add(name);
    for (const name of this.#leftOut) names.add(name);
    return names;
  }

  /** How many entries a lane wants that is to be tried now; undefined: none is. */
  #probeSize(): number | undefined {
    const { known, lanes, clock, health, batch } = this.#options;
    const now = clock.now().getTime();
    for (const { breaker, name, to } of known.all()) {
      if (breaker.closed === undefined || !breaker.probeDue(now) || health.pausedStores.has(to.id)) continue;
      if (lanes.get(name)?.idle !== false) return Math.min(breaker.closed.size, batch);
    }
    return undefined;
  }

  /** Whether a lane that was left out because it was full has room again. */
  get roomAgain(): boolean {
    for (const name of this.#leftOut) if (this.#options.lanes.get(name)?.full !== true) return true;
    return false;
  }

  /** Why entries of a lane go back to the queue; undefined: it takes all. */
  detour({ state }: Lane): (Detour & { readonly take: number }) | undefined {
    const { health, clock, lanes } = this.#options;
    if (health.pausedStores.has(state.to.id)) {
      return {
        visibleAt: clock.now(),
        reason: "its store is paused",
        name: pausedName(state.to.id),
        notTheirTurn: true,
        take: 0,
      };
    }
    const { closed } = state.breaker;
    if (closed !== undefined) {
      const due = state.breaker.probeDue(clock.now().getTime()) && lanes.get(state.name)?.idle !== false;
      const visibleAt = new Date(due ? clock.now() : closed.probeAt);
      return { visibleAt, reason: closed.reason, name: state.name, notTheirTurn: false, take: due ? closed.size : 0 };
    }
    if (this.#leftOut.has(state.name)) {
      return {
        visibleAt: clock.now(),
        reason: "others of its store are in front",
        name: state.name,
        notTheirTurn: true,
        take: 0,
      };
    }
    return undefined;
  }
}

/** The name by which leases leave out the entries of a paused store. */
function pausedName(storeId: string): string {
  return `paused:${storeId}`;
}
