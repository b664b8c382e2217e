import { maskUri, type Settlement } from "@scrubber/core";
import type { Clock } from "./clock.ts";
import { released, type Consequence } from "./consequences.ts";
import type { Emitter } from "./emitter.ts";
import type { Item, RoutedItem, WorkQueue } from "./item.ts";
import type { Leases } from "./leases.ts";
import type { Receipt, ReceiptLog } from "./receipts.ts";
import type { Recorder } from "./record.ts";
import { noCounts, type Tally } from "./tally.ts";

/** Entries that ended together: of one call of a store, or for one reason. `consequences` and `bytes` are in the order of `items`. */
export interface Slip {
  readonly store: string | undefined;
  readonly group: string | undefined;
  readonly items: readonly Item[];
  readonly consequences: readonly Consequence[];
  /** Freed by each, where that is known; left out: by none. */
  readonly bytes?: readonly (number | undefined)[];
  readonly beganAt: number;
}

/** What did not answer. */
export type Backbone = "queue" | "registry" | "receipts";

export interface SettlingOptions {
  readonly queue: Pick<WorkQueue, "settle">;
  readonly leases: Leases;
  readonly receipts: Pick<ReceiptLog, "append"> | undefined;
  readonly recorder: Recorder | undefined;
  readonly tally: Tally;
  readonly clock: Clock;
  readonly emitter: Emitter;
  /** Something was settled. */
  readonly progressed: () => void;
  readonly failed: (of: Backbone, error: unknown) => void;
  /** Something happened that nobody foresaw. */
  readonly broke: (error: unknown) => void;
}

const ENTRIES_AT_ONCE = 10_000;

/**
 * Ends entries: receipt, record, settle; in that order, so that a crash between repeats work and never skips it. What arrives while one round is under
 * way ends together in the next one, with one receipt's fsync, one record and one settlement for all.
 */
export class Settling {
  readonly #options: SettlingOptions;
  #waiting: Slip[] = [];
  #running = false;
  #down: Backbone | undefined;

  constructor(options: SettlingOptions) {
    this.#options = options;
  }

  submit(slip: Slip): void {
    if (slip.items.length === 0) return;
    for (const item of slip.items) item.answered = true;
    this.#waiting.push(slip);
    if (this.#running) return;
    this.#running = true;
    void this.#run();
  }

  async #run(): Promise<void> {
    // Lets the slips of one tick come together.
    await Promise.resolve();
    while (this.#waiting.length > 0) {
      const round = this.#take();
      try {
        await this.#settle(round);
      } catch (error) {
        this.#options.broke(error);
      } finally {
        for (const slip of round) this.#options.leases.close(slip.items);
        this.#options.progressed();
      }
    }
    this.#running = false;
  }

  #take(): Slip[] {
    let entries = 0;
    let n = 0;
    while (n < this.#waiting.length && (n === 0 || entries < ENTRIES_AT_ONCE)) {
      entries += this.#waiting[n]?.items.length ?? 0;
      n += 1;
    }
    return this.#waiting.splice(0, n);
  }

  async #settle(round: readonly Slip[]): Promise<void> {
    const { queue, recorder } = this.#options;
    let slips = round;
    if (this.#down === "receipts" || this.#down === "registry") slips = this.#handBack(round);
    else if (this.#down === undefined) {
      const proven = await this.#attempt("receipts", () => this.#writeReceipts(round));
      const told =
        proven &&
        (recorder === undefined ||
          !recorder.first ||
          (await this.#attempt("registry", () => recorder.gone(positive(round)))));
      if (!told) slips = this.#handBack(round);
    }
    let results: readonly string[] | undefined;
    if (this.#down !== "queue") {
      await this.#attempt("queue", async () => {
        results = await queue.settle(settlements(slips));
      });
    }
    const left = this.#count(slips, results);
    if (recorder !== undefined && !recorder.first && left.length > 0 && this.#down === undefined) {
      await this.#attempt("registry", () => recorder.left(left));
    }
  }

  async #attempt(of: Backbone, work: () => Promise<void>): Promise<boolean> {
    try {
      await work();
      return true;
    } catch (error) {
      this.#down ??= of;
      this.#options.failed(of, error);
      return false;
    }
  }

  /** The same entries, waiting as before instead of ended: what cannot be proven or recorded has to be done again. */
  #handBack(slips: readonly Slip[]): readonly Slip[] {
    const back = released(this.#options.clock.now(), "what became of it could not be recorded");
    return slips.map((slip) => ({
      ...slip,
      consequences: slip.consequences.map((one) => (one.receipt === undefined ? one : back)),
    }));
  }

  async #writeReceipts(slips: readonly Slip[]): Promise<void> {
    const { receipts, clock } = this.#options;
    if (receipts === undefined) return;
    const lines: Receipt[] = [];
    const at = clock.now().toISOString();
    for (const slip of slips) {
      for (const [index, item] of slip.items.entries()) {
        const consequence = slip.consequences[index];
        if (consequence?.receipt === undefined) continue;
        lines.push(receiptOf(item, consequence, consequence.receipt, slip, slip.bytes?.[index], at));
      }
    }
    if (lines.length > 0) await receipts.append(lines);
  }

  /** Counts and reports what was settled; returns the items that left the queue with a positive outcome. */
  #count(slips: readonly Slip[], results: readonly string[] | undefined): readonly Item[] {
    const { tally, clock, emitter, recorder } = this.#options;
    const left: Item[] = [];
    const now = clock.monotonic();
    let at = 0;
    for (const slip of slips) {
      const counts = noCounts();
      let bytes = 0;
      let index = 0;
      for (const item of slip.items) {
        const consequence = slip.consequences[index];
        if (consequence === undefined) throw new TypeError("a slip with fewer consequences than items");
        bytes += slip.bytes?.[index] ?? 0;
        index += 1;
        // A stale settlement changed nothing: whoever has the entry now counts it.
        if (results?.[at++] !== "settled") {
          counts.released += 1;
          continue;
        }
        if (consequence.counted === undefined) tally.leased -= 1;
        else counts[consequence.counted] += 1;
        if (consequence.settle.kind === "done" && recorder !== undefined && !recorder.first) {
          if (consequence.positive) left.push(item);
          else recorder.alive(item.entry.imageId);
        }
        if (emitter.heard) this.#reportFailure(item, consequence, slip.store);
      }
      tally.add(counts);
      tally.bytes += bytes;
      const { store, group, beganAt } = slip;
      emitter.emit({ type: "batch.settled", store, group, counts, bytes, ms: now - beganAt });
    }
    return left;
  }

  #reportFailure(item: Item, { counted, reason }: Consequence, store: string | undefined): void {
    if (counted !== "retried" && counted !== "setAside" && counted !== "held") return;
    const { imageId, location } = item.entry;
    const uri = location === undefined ? undefined : maskUri(location.uri);
    this.#options.emitter.emit({ type: "entry.failed", imageId, uri, store, as: counted, reason: reason ?? "" });
  }
}

function settlements(slips: readonly Slip[]): readonly Settlement[] {
  const all: Settlement[] = [];
  for (const { items, consequences } of slips) {
    for (let i = 0; i < items.length; i++) {
      const item = items[i];
      const consequence = consequences[i];
      if (item === undefined || consequence === undefined) continue;
      const { id, token } = item.entry;
      // The happy path without a spread: it is the one that runs a hundred thousand times.
      all.push(consequence.settle.kind === "done" ? { id, token, kind: "done" } : { ...consequence.settle, id, token });
    }
  }
  return all;
}

function positive(slips: readonly Slip[]): readonly Item[] {
  return slips.flatMap(({ items, consequences }) => items.filter((_, index) => consequences[index]?.positive));
}

function receiptOf(
  item: Item,
  consequence: Consequence,
  outcome: Receipt["outcome"],
  slip: Slip,
  bytes: number | undefined,
  at: string,
): Receipt {
  const { imageId, location, requestedAt } = item.entry;
  const { target, note } = item as Partial<RoutedItem>;
  const notes = [consequence.reason, note].filter((text) => text !== undefined).join("; ");
  return {
    at,
    imageId,
    uri: location === undefined ? "" : maskUri(location.uri),
    store: slip.store,
    key: target?.key,
    outcome,
    ...(bytes === undefined ? {} : { bytes }),
    requestedAt: requestedAt.toISOString(),
    ...(notes === "" ? {} : { note: notes }),
  };
}
