import { setImmediate } from "node:timers/promises";
import {
  ScrubberError,
  storeIdOf,
  type Location,
  type LocationRef,
  type Queue,
  type Reference,
  type Registry,
} from "@scrubber/core";
import { counted } from "./counted.ts";
import type { ScrubberEvent } from "./events.ts";
import { LocationIndex } from "./references-index.ts";
import type { Address } from "./references-address.ts";

/** How many of the last rows are read again each time: what was committed late stands among them. */
const OVERLAP_ROWS = 1000;
/** Rows that are younger than this are read again too. */
const OVERLAP_MS = 5 * 60_000;
const KNOWN_EVERY_MS = 10_000;
/** Built anew after this time: drops what was deleted since, and finds what the overlap missed. */
const REBUILD_MS = 24 * 3_600_000;
/** Longest stretch of building without a turn for others. */
const SLICE_MS = 8;

export interface ReferencesOptions {
  readonly registry: Registry;
  readonly addressesOf: (location: Location) => readonly Address[];
  readonly monotonic: () => number;
  readonly emit: (event: ScrubberEvent) => void;
  /** Where is kept what was said last of what cannot be compared, so that runs one after the other do not repeat it. Default: nowhere. */
  readonly notes?: Pick<Queue, "notes" | "setNote"> | undefined;
}

/** The queue's note with how many locations in the registry cannot be compared, `UNREADABLE/UNADDRESSABLE`, as it was said last. */
const SAID = "references/notCompared";

/** An index, and what it cannot compare. */
interface Built {
  readonly index: LocationIndex;
  readonly builtAt: number;
  readonly builtSize: number;
  unreadable: number;
  unaddressable: number;
  /** The rows of the last reading, ascending: what is unchanged needs no second look. */
  recent: readonly Reference[];
  /** Where the last reading began that had enough rows behind it; undefined: at the beginning. */
  from: LocationRef | undefined;
  /** Greatest refs that were known at certain times. */
  known: readonly { readonly at: number; readonly ref: LocationRef | undefined }[];
}

/**
 * Which images name which object: an index of the keys of all locations that are not recorded as deleted.
 *
 * Built in one streaming scan when first needed, and anew once a day; 1,000,000 locations take less than 30 MiB. Extended by what is new on every
 * {@link current}, from some way back: a transaction that commits late makes a row visible behind others that were read already. One that is open for longer
 * than {@link OVERLAP_MS} while more than {@link OVERLAP_ROWS} rows come after it is seen by the next building only.
 */
export class References {
  readonly #options: ReferencesOptions;
  #built: Built | undefined;
  #building: Promise<void> | undefined;
  #extending: Promise<void> | undefined;
  #nextExtension: Promise<void> | undefined;

  constructor(options: ReferencesOptions) {
    this.#options = options;
  }

  /** What receipts should say of what could not be compared. */
  get note(): string | undefined {
    const { unreadable = 0, unaddressable = 0 } = this.#built ?? {};
    if (unreadable + unaddressable === 0) return undefined;
    return `references: ${counted(unreadable + unaddressable, "location")} could not be compared`;
  }

  /** Makes sure that there is an index. May take long; asks nothing where there is one. */
  ready(): Promise<void> {
    const built = this.#built;
    if (built !== undefined) {
      const stale = built.index.size > 2 * built.builtSize + 100_000;
      if (!stale && this.#options.monotonic() - built.builtAt < REBUILD_MS) return Promise.resolve();
      this.forget();
    }
    this.#building ??= this.#build().finally(() => {
      this.#building = undefined;
    });
    return this.#building;
  }

  /** The index is not to be trusted: it is built anew. */
  forget(): void {
    this.#built = undefined;
  }

  /** The index with everything that was visible when this was called. */
  async current(): Promise<Pick<LocationIndex, "find">> {
    await this.ready();
    const extended = this.#nextExtension ?? this.#planExtension();
    await extended;
    if (this.#built === undefined) return this.current();
    return this.#built.index;
  }

  /** The rows as they are listed now; those that are no longer are not in the map. */
  async rows(refs: readonly LocationRef[]): Promise<ReadonlyMap<LocationRef, Reference>> {
    const found = new Map<LocationRef, Reference>();
    const wanted = Float64Array.from(refs).sort();
    let next = 0;
    while (next < wanted.length) {
      let listed = false;
      const after = (wanted[next] ?? 0) - 1;
      let before = after;
      for await (const block of this.#options.registry.references(after)) {
        for (const row of block) {
          assertReference(row, before);
          before = row.ref;
          while (next < wanted.length && (wanted[next] ?? 0) < row.ref) next++;
          if (wanted[next] === row.ref) found.set(row.ref, row);
        }
        const last = block.at(-1);
        if (last === undefined) continue;
        while (next < wanted.length && (wanted[next] ?? 0) <= last.ref) next++;
        listed = true;
        // The next may be far away: a new listing is cheaper than all between.
        break;
      }
      if (!listed) break;
    }
    return found;
  }

  #planExtension(): Promise<void> {
    // What is being read now may have missed what came since: one more, for all who ask meanwhile.
    const before = this.#extending?.catch(() => undefined) ?? Promise.resolve();
    const planned = before.then(() => {
      this.#extending = planned;
      this.#nextExtension = undefined;
      return this.#extend();
    });
    this.#nextExtension = planned;
    return planned;
  }

  async #build(): Promise<void> {
    const { registry, monotonic } = this.#options;
    const index = new LocationIndex();
    const builtAt = monotonic();
    const built = {
      index,
      builtAt,
      builtSize: 0,
      unreadable: 0,
      unaddressable: 0,
      recent: [],
      from: undefined,
      known: [],
    };
    let recent: Reference[] = [];
    await this.#read(registry.references(), undefined, (row) => {
      this.#take(built, row);
      recent.push(row);
      if (recent.length === 2 * OVERLAP_ROWS) recent = recent.slice(OVERLAP_ROWS);
    });
    recent = recent.slice(-OVERLAP_ROWS);
    this.#built = {
      ...built,
      builtSize: index.size,
      recent,
      from: recent.length < OVERLAP_ROWS ? undefined : (recent[0]?.ref ?? 0) - 1,
      known: [{ at: builtAt, ref: recent.length < OVERLAP_ROWS ? undefined : recent[0]?.ref }],
    };
    await this.#warn(this.#built);
  }

  async #extend(): Promise<void> {
    const built = this.#built;
    if (built === undefined) return;
    const at = this.#options.monotonic();
    const { unreadable, unaddressable } = built;
    const recent: Reference[] = [];
    const after = overlapStart(built, at);
    let known = 0;
    await this.#read(this.#options.registry.references(after), after, (row) => {
      while ((built.recent[known]?.ref ?? row.ref) < row.ref) known++;
      if (!isUnchanged(row, built.recent[known])) this.#take(built, row);
      recent.push(row);
    });
    const last = recent.at(-1)?.ref;
    built.recent = recent;
    built.from = after;
    // Nothing is left there: rows were purged, and their refs may be given out again.
    if (last === undefined && after !== undefined) this.forget();
    if (last !== undefined && at - (built.known.at(-1)?.at ?? 0) >= KNOWN_EVERY_MS) {
      const lastOld = built.known.findLastIndex((known) => known.at <= at - OVERLAP_MS);
      built.known = [...built.known.slice(Math.max(0, lastOld)), { at, ref: last }];
    }
    if (built.unreadable > unreadable || built.unaddressable > unaddressable) await this.#warn(built);
  }

  async #read(
    blocks: AsyncIterable<readonly Reference[]>,
    after: LocationRef | undefined,
    take: (row: Reference) => void,
  ): Promise<void> {
    let last = after ?? Number.NEGATIVE_INFINITY;
    let sliceEnd = performance.now() + SLICE_MS;
    for await (const block of blocks) {
      let untimed = 0;
      for (const row of block) {
        assertReference(row, last);
        last = row.ref;
        take(row);
        if (++untimed % 64 === 0 && performance.now() > sliceEnd) {
          await setImmediate();
          sliceEnd = performance.now() + SLICE_MS;
        }
      }
    }
  }

  #take(built: Pick<Built, "index" | "unreadable" | "unaddressable">, row: Reference): void {
    if (row.location === undefined) {
      built.unreadable++;
      return;
    }
    const addresses = this.#options.addressesOf(row.location);
    if (addresses.length === 0) built.unaddressable++;
    addresses.forEach(({ place, key, within }) => {
      built.index.add(place, key, row.ref);
      if (within !== undefined) built.index.add(place, within, row.ref);
    });
  }

  /** Says how many cannot be compared, unless that is what was said last. */
  async #warn({ unreadable, unaddressable }: Built): Promise<void> {
    const count = unreadable + unaddressable;
    const now = count === 0 ? undefined : `${unreadable}/${unaddressable}`;
    if (!(await this.#isNews(now)) || count === 0) return;
    const message =
      `${counted(count, "location")} in the registry cannot be compared with what is deleted ` +
      `(${unreadable} unreadable, ${unaddressable} that no configured store can address): an object that nothing else ` +
      "names would not be kept. Receipts say so; it is not said again until their number changes.";
    this.#options.emit({ type: "warning", message });
  }

  async #isNews(now: string | undefined): Promise<boolean> {
    const { notes } = this.#options;
    if (notes === undefined) return true;
    try {
      if ((await notes.notes()).get(SAID) === now) return false;
      await notes.setNote(SAID, now);
    } catch {
      // Said once too often does no harm; what the queue lacks, the run itself finds out.
    }
    return true;
  }
}

function isUnchanged(row: Reference, known: Reference | undefined): boolean {
  if (known?.ref !== row.ref || known.unreadable !== row.unreadable) return false;
  if (known.location === undefined || row.location === undefined) return known.location === row.location;
  return known.location.uri === row.location.uri && storeIdOf(known.location) === storeIdOf(row.location);
}

/** The ref after which the next reading begins; undefined: at the beginning. */
function overlapStart({ recent, known, from }: Built, now: number): LocationRef | undefined {
  // Some of them were recorded as deleted since: what came before them stood outside of the overlap already.
  if (recent.length < OVERLAP_ROWS) return from;
  const byRows = recent[recent.length - OVERLAP_ROWS]?.ref;
  const byTime = (known.findLast(({ at }) => at <= now - OVERLAP_MS) ?? known[0])?.ref;
  return byRows === undefined || byTime === undefined ? undefined : Math.min(byRows, byTime) - 1;
}

function assertReference(row: Reference, last: LocationRef): void {
  // oxlint-disable no-unnecessary-condition -- a registry may be anybody's, and this answer decides what is deleted
  const sound =
    Number.isSafeInteger(row?.ref) &&
    row.ref > last &&
    typeof row.imageId === "string" &&
    (typeof row.location?.uri === "string" || typeof row.unreadable === "string");
  // oxlint-enable no-unnecessary-condition
  if (!sound) {
    throw new ScrubberError(
      "SCRUBBER_REGISTRY_ANSWER_INVALID",
      "the registry's listing of locations is not in order: a row lacks its ref, image or location, or stands in the wrong place",
      { hint: "Nothing is deleted meanwhile. Report it to the registry plugin's author." },
    );
  }
}
