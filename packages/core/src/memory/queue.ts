import { randomUUID } from "node:crypto";
import { ScrubberError } from "../errors.ts";
import { imageIdProblem, type JsonValue } from "../location.ts";
import type {
  AddResult,
  EntryFilter,
  EntryState,
  LeasedEntry,
  LeaseRef,
  LeaseRequest,
  NewEntry,
  Queue,
  QueueEntry,
  QueueStats,
  QueueSupports,
  Settlement,
  SettleResult,
} from "../queue.ts";
import { Calls, type Fault } from "./calls.ts";
import { leaseRow, listRow, QueueRows, stateOf } from "./queue-rows.ts";

/** The calls of a queue that can be counted and made to fail. */
export type QueueCall =
  | "add"
  | "lease"
  | "renew"
  | "settle"
  | "revive"
  | "hasImages"
  | "statesOf"
  | "entries"
  | "stats"
  | "notes"
  | "setNote";

const CALLS: readonly QueueCall[] = [
  "add",
  "lease",
  "renew",
  "settle",
  "revive",
  "hasImages",
  "statesOf",
  "entries",
  "stats",
  "notes",
  "setNote",
];

export interface MemoryQueueOptions {
  /** Default: the system's clock. */
  readonly now?: () => Date;
  /** Added to `requestedAt` for entries without a due time of their own. Default 0. */
  readonly delayMs?: number;
  /** What it says it can do. Default: all but `durable` and `shared`. `add` and `lease` are refused where they are `false`. */
  readonly supports?: Partial<QueueSupports>;
}

/** A queue that lives as long as the object. Behaves as `Queue` says in every point but durability. */
export interface MemoryQueue extends Queue {
  /** How often each call was made. */
  readonly calls: Readonly<Record<QueueCall, number>>;
  /** Makes calls go wrong (`half` is not known here). */
  readonly faults: Map<QueueCall, Fault>;
  /** Makes every call fail until the returned function is called. Default error: `SCRUBBER_QUEUE_UNAVAILABLE`. */
  breakBackend(error?: Error): () => void;
  /** Opens it again after it was disposed of, perhaps with another delay, as a durable queue is opened again on its place. */
  reopen(delayMs?: number): MemoryQueue;
  /** Puts in an entry that is due and cannot be read. */
  addUnreadable(imageId: string, reason?: string): void;
  /** Puts a file away, as a queue with a drop box does with one that it cannot read: counted as `quarantined` from then on. */
  quarantine(): void;
  /** Puts entries in, whatever `supports.add` says. */
  seed(entries: readonly NewEntry[]): void;
}

/** Makes an empty queue in memory. */
export function createMemoryQueue(options: MemoryQueueOptions = {}): MemoryQueue {
  return new RowQueue(options);
}

class RowQueue implements MemoryQueue {
  readonly supports: QueueSupports;
  readonly #calls = new Calls(CALLS, "SCRUBBER_QUEUE_UNAVAILABLE");
  readonly #now: () => Date;
  readonly #rows = new QueueRows();
  readonly #notes = new Map<string, JsonValue>();
  #delayMs: number;
  #quarantined: number | undefined;

  constructor(options: MemoryQueueOptions) {
    this.supports = { add: true, lease: true, durable: false, shared: false, ...options.supports };
    this.#now = options.now ?? (() => new Date());
    this.#delayMs = options.delayMs ?? 0;
  }

  get calls(): Readonly<Record<QueueCall, number>> {
    return this.#calls.counts;
  }

  get faults(): Map<QueueCall, Fault> {
    return this.#calls.faults;
  }

  breakBackend(error?: Error): () => void {
    return this.#calls.breakAll(error);
  }

  reopen(delayMs: number = this.#delayMs): MemoryQueue {
    this.#calls.closed = false;
    if (delayMs !== this.#delayMs) this.#rows.reschedule(delayMs);
    this.#delayMs = delayMs;
    return this;
  }

  addUnreadable(imageId: string, reason = "it is sealed under a key that is not configured"): void {
    const now = this.#time();
    this.#rows.insert(imageId, { unreadable: reason }, { requestedAt: now, dueAt: now, ownDue: true });
  }

  quarantine(): void {
    this.#quarantined = (this.#quarantined ?? 0) + 1;
  }

  seed(entries: readonly NewEntry[]): void {
    for (const entry of entries) this.#rows.add(entry, this.#time(), this.#delayMs);
  }

  add(entries: readonly NewEntry[]): Promise<readonly AddResult[]> {
    return this.#calls.run("add", () => {
      this.#require("add", "add");
      for (const { imageId } of entries) {
        const problem = imageIdProblem(imageId);
        if (problem !== undefined) {
          throw new ScrubberError("SCRUBBER_IMAGE_ID_INVALID", `an image id cannot be used: ${problem}`, {
            hint: "An image id has 1 to 255 bytes and no control characters.",
          });
        }
      }
      const now = this.#time();
      return entries.map((entry) => this.#rows.add(entry, now, this.#delayMs));
    });
  }

  lease(request: LeaseRequest): Promise<readonly LeasedEntry[]> {
    return this.#calls.run("lease", () => {
      this.#require("lease", "lease");
      if (!(request.limit >= 1)) throw new TypeError("lease: limit must be 1 or more");
      const now = this.#time();
      const token = randomUUID();
      return this.#rows.leasable(request, now).map((row) => leaseRow(row, token, now + request.leaseMs));
    });
  }

  renew(leases: readonly LeaseRef[], leaseMs: number): Promise<readonly boolean[]> {
    return this.#calls.run("renew", () => {
      this.#require("lease", "renew");
      const now = this.#time();
      return leases.map(({ id, token }) => {
        const row = this.#rows.get(id);
        if (row === undefined || row.token !== token || row.leasedUntil <= now) return false;
        row.leasedUntil = now + leaseMs;
        return true;
      });
    });
  }

  settle(settlements: readonly Settlement[]): Promise<readonly SettleResult[]> {
    return this.#calls.run("settle", () => {
      this.#require("lease", "settle");
      return settlements.map((settlement) => {
        const row = this.#rows.get(settlement.id);
        if (row === undefined || row.token !== settlement.token) return "stale";
        this.#rows.settle(row, settlement);
        return "settled";
      });
    });
  }

  revive(filter: { readonly imageId?: string }, visibleAt: Date): Promise<number> {
    return this.#calls.run("revive", () => {
      this.#require("lease", "revive");
      const rows = filter.imageId === undefined ? this.#rows.all() : this.#rows.ofImage(filter.imageId);
      let revived = 0;
      for (const row of rows) {
        if (!row.setAside) continue;
        row.setAside = false;
        row.attempts = 0;
        row.pausedUntil = visibleAt.getTime();
        revived++;
      }
      return revived;
    });
  }

  hasImages(ids: readonly string[]): Promise<ReadonlySet<string>> {
    return this.#calls.run("hasImages", () => new Set(ids.filter((id) => this.#rows.hasImage(id))));
  }

  statesOf(locations: readonly Pick<NewEntry, "imageId" | "location">[]): Promise<readonly (EntryState | undefined)[]> {
    return this.#calls.run("statesOf", () => {
      const now = this.#time();
      return locations.map((location) => {
        const row = this.#rows.find(location);
        return row === undefined ? undefined : stateOf(row, now);
      });
    });
  }

  async *entries(filter: EntryFilter = {}): AsyncGenerator<QueueEntry> {
    const fault = this.#calls.begin("entries");
    if (fault?.kind === "late") await fault.until;
    const rows = this.#rows.inOrder();
    const { length } = rows;
    for (let i = 0; i < length; i++) {
      const row = rows[i];
      if (row === undefined || row.gone) continue;
      if (filter.dueBefore !== undefined && row.dueAt > filter.dueBefore.getTime()) continue;
      if (filter.imageId !== undefined && row.imageId !== filter.imageId) continue;
      const state = stateOf(row, this.#time());
      if (filter.state === undefined || filter.state === state) yield listRow(row, state);
    }
  }

  stats(): Promise<QueueStats> {
    return this.#calls.run("stats", () => ({
      ...this.#rows.stats(this.#time()),
      ...(this.#quarantined === undefined ? {} : { quarantined: this.#quarantined }),
    }));
  }

  notes(): Promise<ReadonlyMap<string, JsonValue>> {
    return this.#calls.run("notes", () => {
      this.#require("lease", "notes");
      return new Map(this.#notes);
    });
  }

  setNote(key: string, value: JsonValue | undefined): Promise<void> {
    return this.#calls.run("setNote", () => {
      this.#require("lease", "setNote");
      if (value === undefined) this.#notes.delete(key);
      else this.#notes.set(key, value);
    });
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#calls.closed = true;
    return Promise.resolve();
  }

  #time(): number {
    return this.#now().getTime();
  }

  #require(ability: "add" | "lease", call: string): void {
    if (this.supports[ability]) return;
    throw new ScrubberError("SCRUBBER_UNSUPPORTED", `this queue does not support ${call}`, {
      hint: "Look at supports before you ask.",
    });
  }
}
