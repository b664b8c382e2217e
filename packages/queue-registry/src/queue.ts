import {
  ScrubberError,
  type AddResult,
  type Cursor,
  type EntryFilter,
  type JsonValue,
  type LeasedEntry,
  type PendingLocation,
  type Queue,
  type QueueEntry,
  type QueueStats,
  type QueueSupports,
  type Registry,
  type SettleResult,
} from "@scrubber/core";

const PAGE = 1000;

/** A location that waits in the registry; images without one are no entries. */
type Waiting = Exclude<PendingLocation, { readonly none: true }>;

/** A registry's pending locations as entries: all of them waiting, none ever leased. */
export class RegistryQueue implements Queue {
  readonly supports: QueueSupports = { add: false, lease: false, durable: false, shared: false };
  readonly #registry: Registry;
  readonly #delayMs: number;
  readonly #now: () => Date;

  constructor(registry: Registry, delayMs: number, now: () => Date) {
    this.#registry = registry;
    this.#delayMs = delayMs;
    this.#now = now;
  }

  async *entries(filter: EntryFilter = {}): AsyncGenerator<QueueEntry> {
    const { state = "waiting", imageId, dueBefore } = filter;
    if (state !== "waiting") return;
    if (imageId !== undefined && !(await this.hasImages([imageId])).has(imageId)) return;
    for await (const item of this.#waiting()) {
      if (imageId !== undefined && item.imageId !== imageId) continue;
      const dueAt = this.#dueAt(item);
      if (dueBefore !== undefined && dueAt > dueBefore) continue;
      const { imageStatus: _, ref, ...stored } = item;
      const id =
        ref === undefined
          ? JSON.stringify([item.imageId, stored.location?.uri ?? null, stored.location?.store ?? null])
          : String(ref);
      yield { ...stored, id, state, dueAt, visibleAt: dueAt, attempts: 0 };
    }
  }

  async stats(): Promise<QueueStats> {
    const now = this.#now();
    let waiting = 0;
    let due = 0;
    let oldestDueAt: Date | undefined;
    let nextDueAt: Date | undefined;
    for await (const item of this.#waiting()) {
      waiting++;
      const dueAt = this.#dueAt(item);
      if (dueAt <= now) {
        due++;
        if (oldestDueAt === undefined || dueAt < oldestDueAt) oldestDueAt = dueAt;
      } else if (nextDueAt === undefined || dueAt < nextDueAt) {
        nextDueAt = dueAt;
      }
    }
    return {
      waiting,
      due,
      leased: 0,
      setAside: 0,
      ...(oldestDueAt !== undefined && { oldestDueAt }),
      ...(nextDueAt !== undefined && { nextDueAt }),
    };
  }

  async hasImages(ids: readonly string[]): Promise<ReadonlySet<string>> {
    const found = new Set<string>();
    for (let first = 0; first < ids.length; first += PAGE) {
      const images = await this.#registry.images(ids.slice(first, first + PAGE));
      for (const image of images.values()) {
        if (image.locations.some(({ status }) => status === "pending")) found.add(image.id);
      }
    }
    return found;
  }

  add(): Promise<readonly AddResult[]> {
    return this.#refuse("add");
  }

  lease(): Promise<readonly LeasedEntry[]> {
    return this.#refuse("lease");
  }

  renew(): Promise<readonly boolean[]> {
    return this.#refuse("renew");
  }

  settle(): Promise<readonly SettleResult[]> {
    return this.#refuse("settle");
  }

  revive(): Promise<number> {
    return this.#refuse("revive");
  }

  notes(): Promise<ReadonlyMap<string, JsonValue>> {
    return this.#refuse("notes");
  }

  setNote(): Promise<void> {
    return this.#refuse("setNote");
  }

  /** Closes nothing: the registry is not this queue's. */
  async [Symbol.asyncDispose](): Promise<void> {}

  async *#waiting(): AsyncGenerator<Waiting> {
    for (let after: Cursor | undefined; ;) {
      const { items, next } = await this.#registry.pendingLocations({
        limit: PAGE,
        ...(after !== undefined && { after }),
      });
      for (const item of items) if (item.none === undefined) yield item;
      if (next === undefined) return;
      after = next;
    }
  }

  #dueAt({ requestedAt }: Waiting): Date {
    return new Date(requestedAt.getTime() + this.#delayMs);
  }

  async #refuse(call: string): Promise<never> {
    throw new ScrubberError("SCRUBBER_UNSUPPORTED", `${call}: the registry's queue can only be read`, {
      hint: "Use a queue of its own (@scrubber/queue-file), and let the sweep bring in what the registry knows: sweep.from.",
    });
  }
}
