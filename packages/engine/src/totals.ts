import type { JsonValue, Queue } from "@scrubber/core";
import type { StoreTotals, Totals } from "./api.ts";
import { record } from "./config-plugins.ts";
import type { ScrubberEvent } from "./events.ts";

/** The queue's note with what all runs on it have done. */
const NOTE = "totals";
const COUNTED = ["deleted", "absent", "marker", "kept", "retried", "setAside", "bytes"] as const;

type Growing<T> = { -readonly [Name in keyof T]: T[Name] };

/**
 * Adds up what all runs on one queue do, in every process, in a note of the queue. A statistic: a process that is killed takes its last seconds with it, and
 * of two that write at the same instant one may be lost. Proof is what receipts are for.
 */
export class RunningTotals {
  readonly #queue: Pick<Queue, "notes" | "setNote">;
  readonly #now: () => Date;
  #images = 0;
  #stores = new Map<string, Growing<StoreTotals>>();

  constructor(queue: Pick<Queue, "notes" | "setNote">, now: () => Date) {
    this.#queue = queue;
    this.#now = now;
  }

  readonly listen = (event: ScrubberEvent): void => {
    if (event.type === "image.deleted") this.#images += 1;
    else if (event.type === "batch.settled") {
      let store = this.#stores.get(event.store ?? "");
      if (store === undefined) this.#stores.set(event.store ?? "", (store = nothing()));
      add(store, { ...event.counts, bytes: event.bytes });
    }
  };

  /** Writes what came since it was written last. */
  async save(): Promise<void> {
    const [images, stores] = [this.#images, this.#stores];
    const isNew = images > 0 || [...stores.values()].some((store) => COUNTED.some((name) => store[name] > 0));
    if (!isNew) return;
    this.#images = 0;
    this.#stores = new Map();
    try {
      const known = totalsIn(await this.#queue.notes());
      const all = new Map(Object.entries(known?.stores ?? {}));
      for (const [id, store] of stores) all.set(id, add({ ...(all.get(id) ?? nothing()) }, store));
      await this.#queue.setNote(NOTE, {
        since: (known?.since ?? this.#now()).toISOString(),
        images: (known?.images ?? 0) + images,
        stores: Object.fromEntries(Array.from(all, ([id, store]) => [id, { ...store }])),
      });
    } catch (error) {
      this.#images += images;
      for (const [id, store] of stores) this.#stores.set(id, add(store, this.#stores.get(id) ?? nothing()));
      throw error;
    }
  }
}

/** What was added up so far; undefined: nothing yet. */
export function totalsIn(notes: ReadonlyMap<string, JsonValue>): Totals | undefined {
  const { since: text, images, stores: known } = record(notes.get(NOTE));
  const since = new Date(typeof text === "string" ? text : Number.NaN);
  if (Number.isNaN(since.getTime())) return undefined;
  const stores: Record<string, StoreTotals> = {};
  for (const [id, store] of Object.entries(record(known))) stores[id] = add(nothing(), record(store));
  return { since, images: amount(images), stores };
}

function nothing(): Growing<StoreTotals> {
  return { deleted: 0, absent: 0, marker: 0, kept: 0, retried: 0, setAside: 0, bytes: 0 };
}

function add(to: Growing<StoreTotals>, more: { readonly [Name in keyof StoreTotals]?: unknown }): Growing<StoreTotals> {
  for (const name of COUNTED) to[name] += amount(more[name]);
  return to;
}

function amount(value: unknown): number {
  return typeof value === "number" && Number.isFinite(value) ? value : 0;
}
