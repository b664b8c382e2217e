import { isScrubberError, ScrubberError, type LeasedEntry } from "@scrubber/core";
import type { Admission } from "./admission.ts";
import type { Clock } from "./clock.ts";
import { passedOver, released, setAside, type Consequence } from "./consequences.ts";
import type { Item, Lease, RoutedItem } from "./item.ts";
import type { Lane } from "./lane.ts";
import type { Router } from "./routing.ts";
import type { Slip } from "./settling.ts";
import type { Verdict } from "./verdict.ts";
import { sortByVerdict } from "./verdicts.ts";

/** Why entries of a lane go back to the queue instead of into the lane. */
export interface Detour {
  readonly visibleAt: Date;
  readonly reason: string;
  /** The name by which leases leave them out. */
  readonly name: string;
  /** Nothing is wrong, it is not their turn: they do not count as leased. */
  readonly notTheirTurn: boolean;
}

export interface IntakeOptions {
  readonly clock: Clock;
  readonly router: Router;
  readonly admission: Admission | undefined;
  /** Whether what would be deleted can be proven. Rejects where it cannot. */
  readonly ready: () => Promise<void>;
  readonly submit: (slip: Slip) => void;
  readonly lane: (item: RoutedItem) => Lane;
  /** Asked once for each lane and lease. `undefined`: it takes all; `take`: it is closed, and tried with so many. */
  readonly detour: (lane: Lane) => (Detour & { readonly take: number }) | undefined;
}

interface Way {
  readonly lane: Lane;
  readonly detour: (Detour & { readonly take: number }) | undefined;
  /** What goes into the lane. */
  readonly taken: RoutedItem[];
  readonly back: RoutedItem[];
}

const NO_URI = "the queue handed it out without a URI";

/** Takes in what was leased: finds the store of each entry, asks whether it may be deleted, and hands it to its lane. */
export class Intake {
  readonly #options: IntakeOptions;

  constructor(options: IntakeOptions) {
    this.#options = options;
  }

  /** Resolves with how many entries went into lanes. Rejects where the registry does not answer, or receipts cannot be written: then everything went back to the queue. */
  async take(lease: Lease, entries: readonly LeasedEntry[]): Promise<number> {
    let ways: readonly Way[];
    let admitted: ReadonlyMap<Lane, RoutedItem[]>;
    try {
      await this.#options.ready();
      ways = this.#route(lease, entries);
      for (const { lane, detour, back } of ways) {
        if (detour === undefined) continue;
        const { visibleAt, reason, name, notTheirTurn } = detour;
        this.#end(lane, back, (notTheirTurn ? passedOver : released)(visibleAt, reason, name));
      }
      admitted = await this.#admit(ways);
    } catch (error) {
      this.#handBack(lease, entries, whyBack(error));
      throw error;
    }
    return this.#handOver(ways, admitted);
  }

  #handOver(ways: readonly Way[], admitted: ReadonlyMap<Lane, RoutedItem[]>): number {
    let taken = 0;
    for (const { lane, detour } of ways) {
      const items = admitted.get(lane);
      if (items === undefined || items.length === 0) continue;
      taken += items.length;
      if (detour !== undefined && lane.state.breaker.closed !== undefined) lane.probe(items);
      else if (lane.state.breaker.closed !== undefined) {
        // It closed while the registry was asked.
        const { probeAt, reason } = lane.state.breaker.closed;
        this.#end(lane, items, released(new Date(probeAt), reason, lane.state.name));
      } else lane.add(items);
    }
    return taken;
  }

  /** Whatever of a lease has not ended waits as before. */
  #handBack(lease: Lease, entries: readonly LeasedEntry[], reason: string): void {
    const { submit, clock } = this.#options;
    // Each entry has an item, in order, as far as routing came.
    for (const entry of entries.slice(lease.items.length)) {
      lease.items.push({ entry, lease, answered: false, lost: false });
    }
    const items = lease.items.filter(({ answered }) => !answered);
    const back = released(clock.now(), reason);
    const consequences = items.map(() => back);
    submit({ store: undefined, group: undefined, items, consequences, beganAt: clock.monotonic() });
  }

  #route(lease: Lease, entries: readonly LeasedEntry[]): readonly Way[] {
    const { router, submit, clock } = this.#options;
    const ways = new Map<Lane, Way>();
    const aside: Item[] = [];
    const reasons: Consequence[] = [];
    const asideAt = (entry: LeasedEntry, reason: string): void => {
      const item: Item = { entry, lease, answered: false, lost: false };
      lease.items.push(item);
      aside.push(item);
      reasons.push(setAside(reason));
    };
    let way: Way | undefined;
    for (const entry of entries) {
      if (entry.location === undefined) {
        asideAt(entry, `it cannot be read: ${entry.unreadable}`);
        continue;
      }
      // oxlint-disable-next-line no-unnecessary-condition -- a queue may be anybody's
      if (typeof entry.location.uri !== "string") {
        asideAt({ ...entry, location: undefined, unreadable: NO_URI }, NO_URI);
        continue;
      }
      const route = router.route(entry.location, entry.requestedAt);
      if (route.reason !== undefined) {
        asideAt(entry, route.reason);
        continue;
      }
      const item: RoutedItem = {
        entry,
        lease,
        answered: false,
        lost: false,
        to: route.to,
        target: route.target,
        ref: undefined,
        note: undefined,
        askedAt: 0,
        tries: 0,
        twins: undefined,
      };
      lease.items.push(item);
      if (way === undefined || way.lane.state.to !== item.to || way.lane.state.group !== item.target.group) {
        const lane = this.#options.lane(item);
        way = ways.get(lane);
        if (way === undefined) {
          way = { lane, detour: this.#options.detour(lane), taken: [], back: [] };
          ways.set(lane, way);
        }
      }
      const goes = way.detour === undefined || way.taken.length < way.detour.take;
      (goes ? way.taken : way.back).push(item);
    }
    submit({ store: undefined, group: undefined, items: aside, consequences: reasons, beganAt: clock.monotonic() });
    return [...ways.values()];
  }

  /** What may be deleted, for each lane. */
  async #admit(ways: readonly Way[]): Promise<ReadonlyMap<Lane, RoutedItem[]>> {
    const { admission, clock } = this.#options;
    const admitted = new Map<Lane, RoutedItem[]>();
    if (admission === undefined) {
      for (const { lane, taken } of ways) admitted.set(lane, taken);
      return admitted;
    }
    const asked = ways.flatMap(({ taken }) => taken);
    if (asked.length === 0) return admitted;
    const askedAt = clock.monotonic();
    const verdicts = await verdictsOf(admission, asked);
    let from = 0;
    for (const { lane, taken } of ways) {
      const { dead, kept, consequences } = sortByVerdict(taken, verdicts, from, askedAt);
      from += taken.length;
      admitted.set(lane, dead);
      this.#submit(lane, kept, consequences);
    }
    return admitted;
  }

  #end(lane: Lane, items: readonly RoutedItem[], consequence: Consequence): void {
    this.#submit(
      lane,
      items,
      items.map(() => consequence),
    );
  }

  #submit({ state }: Lane, items: readonly RoutedItem[], consequences: readonly Consequence[]): void {
    const beganAt = this.#options.clock.monotonic();
    this.#options.submit({ store: state.to.id, group: state.group, items, consequences, beganAt });
  }
}

function whyBack(error: unknown): string {
  if (isScrubberError(error, "SCRUBBER_RECEIPTS_UNAVAILABLE")) return "its receipt could not be written";
  return isScrubberError(error) ? "the registry does not answer" : "it could not be taken in";
}

/** One for each. @throws {ScrubberError} */
async function verdictsOf(admission: Admission, asked: readonly RoutedItem[]): Promise<readonly Verdict[]> {
  try {
    const verdicts = await admission.admit(asked);
    if (verdicts.length !== asked.length) throw new TypeError("the admission did not answer one for one");
    return verdicts;
  } catch (error) {
    if (isScrubberError(error)) throw error;
    throw new ScrubberError("SCRUBBER_REGISTRY_UNAVAILABLE", "the registry failed in a way of its own", {
      cause: error,
    });
  }
}
