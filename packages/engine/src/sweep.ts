import { setImmediate } from "node:timers/promises";
import {
  isEnvironmentError,
  ScrubberError,
  storeIdOf,
  type AddResult,
  type EntryState,
  type Location,
  type JsonValue,
  type NewEntry,
  type PendingLocation,
  type PendingPage,
  type Queue,
  type QueueEntry,
  type Registry,
} from "@scrubber/core";
import { counted } from "./counted.ts";
import type { SweepSummary } from "./summary.ts";
import type { ScrubberEvent } from "./events.ts";

/**
 * Brings into the queue what the registry knows and the queue does not.
 *
 * A whole sweep goes through all that waits for deletion. One that is not asks the registry for two kinds only: what may come due before the next sweep,
 * whatever earlier sweeps made of it, and what was asked for since the last one. So it costs what is due and what is new, not what waits; and what an earlier
 * sweep missed, or somebody took out of the queue, is found when it is due or by the next whole sweep, whichever comes first.
 */
export interface Sweep {
  /**
   * Works page by page, in bounded memory. Two at once do no harm. `whole`: even if there was a whole one within a day.
   *
   * Rejects where registry or queue do not answer: a failed listing is never "no work". Also rejects (`SCRUBBER_ABORTED`) when `signal` aborts. What was
   * added until then stays; the stamp is written only at the end.
   */
  run(options?: { readonly signal?: AbortSignal | undefined; readonly whole?: boolean }): Promise<SweepSummary>;
}

export interface SweepOptions {
  /** May be undefined only with `from`. */
  readonly registry: Registry | undefined;
  readonly queue: Queue;
  /** A queue that is only read: its entries are swept instead of the registry's pending locations. */
  readonly from?: Queue | undefined;
  /** `scrub.delay` in milliseconds. */
  readonly delayMs: number;
  /** How long until the next sweep, at most, in milliseconds: what comes due by then is brought in now. */
  readonly nextInMs: number;
  readonly now: () => Date;
  readonly emit: (event: ScrubberEvent) => void;
}

/** The queue's note with the instant (RFC 3339) at which the last sweep ended. */
export const SWEEP_FINISHED_AT = "sweep/finishedAt";
/** The queue's note with the instants at which the last sweep that came to its end began, and the last whole one. */
const SWEEP_BEGAN_AT = "sweep/beganAt";

export function createSweep(options: SweepOptions): Sweep {
  return { run: ({ signal, whole = false } = {}) => new SweepRun(options, signal).run(whole) };
}

/** A sweep that is not whole must have had a whole one before it within this time. */
const WHOLE_EVERY_MS = 24 * 3_600_000;
/** What was asked for so long before the last sweep is taken for seen by it: clocks differ, and transactions commit late. */
const OVERLAP_MS = 10 * 60_000;

const PAGE = 1000;
/** Images whose entries are looked up at the same time. */
const LOOKUPS = 16;
/** Images that the warning names. */
const NAMED = 5;

type Counts = { -readonly [Name in keyof SweepSummary]: SweepSummary[Name] };

/** What was found to wait for deletion; without `location`: it cannot be read. */
interface Found {
  readonly imageId: string;
  readonly requestedAt: Date;
  readonly location: Location | undefined;
}

class SweepRun {
  readonly #options: SweepOptions;
  readonly #signal: AbortSignal | undefined;
  readonly #counts: Counts = { seen: 0, added: 0, present: 0, setAside: 0, finished: 0 };
  #unusable = 0;
  readonly #unusableImages = new Set<string>();

  constructor(options: SweepOptions, signal: AbortSignal | undefined) {
    this.#options = options;
    this.#signal = signal;
  }

  async run(whole: boolean): Promise<SweepSummary> {
    const { registry, from, queue, now, emit } = this.#options;
    const began = performance.now();
    const beganAt = now();
    const last =
      whole || from !== undefined ? undefined : lastSweep((await queue.notes()).get(SWEEP_BEGAN_AT), beganAt);
    const known = last === undefined ? undefined : this.#known(beganAt, last.any);
    if (from !== undefined) await this.#sweepQueue(from);
    else if (registry !== undefined) await this.#sweepRegistry(registry, known);
    else throw new TypeError("a sweep needs a registry, or a queue to read from");
    this.#warn();
    const wholeAt = last === undefined || known === undefined ? beganAt : last.whole;
    await queue.setNote(SWEEP_BEGAN_AT, { any: beganAt.toISOString(), whole: wholeAt.toISOString() });
    await queue.setNote(SWEEP_FINISHED_AT, now().toISOString());
    const summary: SweepSummary = { ...this.#counts };
    emit({ type: "sweep.finished", summary, ms: Math.round(performance.now() - began) });
    return summary;
  }

  /** Requests that need no look: seen by an earlier sweep, and not due before the next. Undefined: there are none. */
  #known(beganAt: Date, lastBeganAt: Date): PendingPage["known"] {
    const { delayMs, nextInMs } = this.#options;
    const after = new Date(Math.max(0, beganAt.getTime() - delayMs + nextInMs));
    const before = new Date(lastBeganAt.getTime() - OVERLAP_MS);
    return after < before ? { after, before } : undefined;
  }

  async #sweepRegistry(registry: Registry, known: PendingPage["known"]): Promise<void> {
    let after: string | undefined;
    do {
      this.#assertGoingOn();
      const { items, next } = await registry.pendingLocations({
        limit: PAGE,
        ...(after === undefined ? {} : { after }),
        ...(known === undefined ? {} : { known }),
      });
      if (next !== undefined && next === after) throw endlessListing();
      this.#counts.seen += items.length;
      await this.#take(items.filter((item) => item.none === undefined).map(foundIn));
      await this.#finish(
        registry,
        items.filter((item) => item.none === true).map(({ imageId }) => imageId),
      );
      after = next;
      // Fakes and embedded backends answer without a turn of the event loop.
      await setImmediate();
    } while (after !== undefined);
  }

  async #sweepQueue(from: Queue): Promise<void> {
    let page: QueueEntry[] = [];
    const take = async (): Promise<void> => {
      this.#assertGoingOn();
      this.#counts.seen += page.length;
      await this.#take(page);
      page = [];
      await setImmediate();
    };
    for await (const entry of from.entries()) {
      page.push(entry);
      if (page.length === PAGE) await take();
    }
    await take();
  }

  /** Adds what the queue does not have. */
  async #take(
    page: readonly { readonly imageId: string; readonly requestedAt: Date; readonly location?: Location | undefined }[],
  ): Promise<void> {
    const usable: NewEntry[] = [];
    for (const { imageId, location, requestedAt } of page) {
      if (location === undefined) this.#cannotUse(imageId);
      else usable.push({ imageId, location, requestedAt });
    }
    await this.#add(await this.#missing(usable));
  }

  /**
   * What the queue lacks. What it has is not added once more: that would call back a lease that somebody holds, and move an entry that came with a time of its own.
   */
  async #missing(entries: readonly NewEntry[]): Promise<readonly NewEntry[]> {
    if (entries.length === 0) return entries;
    const { queue } = this.#options;
    const states = queue.statesOf === undefined ? await this.#listStates(entries) : await queue.statesOf(entries);
    return entries.filter((_, at) => {
      const state = states[at];
      if (state !== undefined) this.#counts[state === "setAside" ? "setAside" : "present"]++;
      return state === undefined;
    });
  }

  /** The entries' states, by the listings of their images. */
  async #listStates(entries: readonly NewEntry[]): Promise<readonly (EntryState | undefined)[]> {
    const { queue } = this.#options;
    const ids = [...(await queue.hasImages([...new Set(entries.map(({ imageId }) => imageId))]))];
    const known = new Map<string, EntryState>();
    for (let at = 0; at < ids.length; at += LOOKUPS) {
      await Promise.all(
        ids.slice(at, at + LOOKUPS).map(async (imageId) => {
          for await (const { location, state } of queue.entries({ imageId })) {
            if (location !== undefined) known.set(placeOf(imageId, location), state);
          }
        }),
      );
    }
    return entries.map(({ imageId, location }) => known.get(placeOf(imageId, location)));
  }

  async #add(entries: readonly NewEntry[]): Promise<void> {
    if (entries.length === 0) return;
    let results: readonly AddResult[];
    try {
      results = await this.#options.queue.add(entries);
    } catch (error) {
      if (isEnvironmentError(error)) throw error;
      // One of them is not to the queue's liking; the others are added without it.
      if (entries.length > 1) {
        const half = Math.ceil(entries.length / 2);
        await this.#add(entries.slice(0, half));
        await this.#add(entries.slice(half));
      } else for (const { imageId } of entries) this.#cannotUse(imageId);
      return;
    }
    for (const result of results) this.#counts[result]++;
  }

  /** Pending images that have no location left are deleted: a crash came between the last location and the image. */
  async #finish(registry: Registry, ids: readonly string[]): Promise<void> {
    if (ids.length === 0) return;
    // What only the queue knows of is not gone yet.
    const queued = await this.#options.queue.hasImages(ids);
    const finished = ids.filter((id) => !queued.has(id));
    if (finished.length === 0) return;
    const results = await registry.recordDeleted(finished.map((imageId) => ({ imageId, locations: [] })));
    for (const id of finished) {
      if (results.get(id) !== "recorded") continue;
      this.#counts.finished++;
      this.#options.emit({ type: "image.deleted", imageId: id });
    }
  }

  #cannotUse(imageId: string): void {
    this.#unusable++;
    if (this.#unusableImages.size < NAMED) this.#unusableImages.add(imageId);
  }

  #warn(): void {
    if (this.#unusable === 0) return;
    const names = Array.from(this.#unusableImages, (id) => JSON.stringify(id.slice(0, 64))).join(", ");
    const message =
      `${counted(this.#unusable, "location")} in the registry, waiting for deletion, cannot be queued: unreadable, or refused by the queue ` +
      `(of images ${names}, perhaps others). In the registry nothing is changed.`;
    this.#options.emit({ type: "warning", message });
  }

  #assertGoingOn(): void {
    if (this.#signal?.aborted !== true) return;
    throw new ScrubberError("SCRUBBER_ABORTED", "the sweep was stopped before its end", {
      hint: "What was added stays; the next sweep goes through all again.",
    });
  }
}

/** When the last sweep began, and the last whole one, if that is not too long ago. */
function lastSweep(note: JsonValue | undefined, now: Date): { readonly any: Date; readonly whole: Date } | undefined {
  if (typeof note !== "object" || note === null || !("any" in note) || !("whole" in note)) return undefined;
  const [any, whole] = [new Date(textOf(note["any"])), new Date(textOf(note["whole"]))];
  const age = now.getTime() - whole.getTime();
  // Not so for what is no time. Where the clock was set back, nothing is known.
  return age >= 0 && age < WHOLE_EVERY_MS && any <= now ? { any, whole } : undefined;
}

function textOf(value: unknown): string {
  return typeof value === "string" ? value : "";
}

function foundIn(item: PendingLocation): Found {
  const location = item.none === true ? undefined : item.location;
  return { imageId: item.imageId, requestedAt: item.requestedAt, location };
}

function placeOf(imageId: string, location: Location): string {
  return `${imageId}\0${storeIdOf(location) ?? ""}\0${location.uri}`;
}

function endlessListing(): ScrubberError {
  return new ScrubberError(
    "SCRUBBER_REGISTRY_ANSWER_INVALID",
    "the registry's listing of what waits for deletion does not move on: a page names itself as the next",
    { hint: "Report it to the registry plugin's author." },
  );
}
