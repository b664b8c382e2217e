import { setImmediate } from "node:timers/promises";
import {
  isEnvironmentError,
  ScrubberError,
  storeIdOf,
  type AddResult,
  type Location,
  type NewEntry,
  type PendingLocation,
  type Queue,
  type QueueEntry,
  type Registry,
} from "@scrubber/core";
import type { SweepSummary } from "./api.ts";
import type { ScrubberEvent } from "./events.ts";

/** Brings into the queue what the registry knows and the queue does not. */
export interface Sweep {
  /**
   * Goes through all that waits for deletion, page by page, in bounded memory. Two at once do no harm.
   *
   * Rejects where registry or queue do not answer: a failed listing is never "no work". Also rejects (`SCRUBBER_ABORTED`) when `signal` aborts. What was
   * added until then stays; the stamp is written only after a whole sweep.
   */
  run(options?: { readonly signal?: AbortSignal | undefined }): Promise<SweepSummary>;
}

export interface SweepOptions {
  /** May be undefined only with `from`. */
  readonly registry: Registry | undefined;
  readonly queue: Queue;
  /** A queue that is only read: its entries are swept instead of the registry's pending locations. */
  readonly from?: Queue | undefined;
  readonly now: () => Date;
  readonly emit: (event: ScrubberEvent) => void;
}

/** The queue's note with the instant (RFC 3339) at which the last whole sweep ended. */
export const SWEEP_FINISHED_AT = "sweep/finishedAt";

export function createSweep(options: SweepOptions): Sweep {
  return { run: ({ signal } = {}) => new SweepRun(options, signal).run() };
}

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

  async run(): Promise<SweepSummary> {
    const { registry, from, queue, now, emit } = this.#options;
    const began = performance.now();
    if (from !== undefined) await this.#sweepQueue(from);
    else if (registry !== undefined) await this.#sweepRegistry(registry);
    else throw new TypeError("a sweep needs a registry, or a queue to read from");
    this.#warn();
    await queue.setNote(SWEEP_FINISHED_AT, now().toISOString());
    const summary: SweepSummary = { ...this.#counts };
    emit({ type: "sweep.finished", summary, ms: Math.round(performance.now() - began) });
    return summary;
  }

  async #sweepRegistry(registry: Registry): Promise<void> {
    let after: string | undefined;
    do {
      this.#assertGoingOn();
      const { items, next } = await registry.pendingLocations({
        limit: PAGE,
        ...(after === undefined ? {} : { after }),
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
    const queued = await queue.hasImages([...new Set(entries.map(({ imageId }) => imageId))]);
    if (queued.size === 0) return entries;
    const known = new Map<string, QueueEntry>();
    const ids = [...queued];
    for (let at = 0; at < ids.length; at += LOOKUPS) {
      await Promise.all(
        ids.slice(at, at + LOOKUPS).map(async (imageId) => {
          for await (const entry of queue.entries({ imageId })) {
            if (entry.location !== undefined) known.set(placeOf(imageId, entry.location), entry);
          }
        }),
      );
    }
    return entries.filter(({ imageId, location }) => {
      const entry = known.get(placeOf(imageId, location));
      if (entry !== undefined) this.#counts[entry.state === "setAside" ? "setAside" : "present"]++;
      return entry === undefined;
    });
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
      `${this.#unusable} locations that wait for deletion cannot be queued: they cannot be read, or the queue refuses them ` +
      `(of images ${names}, perhaps others). They stay as they are in the registry.`;
    this.#options.emit({ type: "warning", message });
  }

  #assertGoingOn(): void {
    if (this.#signal?.aborted !== true) return;
    throw new ScrubberError("SCRUBBER_ABORTED", "the sweep was stopped before its end", {
      hint: "What was added stays; the next sweep goes through all again.",
    });
  }
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
