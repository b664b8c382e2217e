import type { JsonValue } from "@scrubber/core";
import type { StoreStatus } from "./api.ts";
import type { BreakerState } from "./breaker.ts";
import type { Clock } from "./clock.ts";
import type { WorkQueue } from "./item.ts";
import type { Lanes } from "./lanes.ts";
import type { OpenStore } from "./routing.ts";

const PAUSE = "pause/";
const HEALTH = "health/";
/** Stands for all stores. */
const ALL = "*";
const MOST_LANES_NOTED = 100;

/** What every scrubber on one queue knows of the stores: kept in the queue's notes, so that processes that come and go share it. */
export class Health {
  readonly #queue: Pick<WorkQueue, "notes" | "setNote">;
  readonly #stores: ReadonlyMap<string, OpenStore>;
  readonly #lanes: Lanes;
  readonly #clock: Clock;
  #paused: ReadonlySet<string> = new Set();
  /** What was written last, to write only what is new. */
  readonly #written = new Map<string, string>();

  constructor(
    queue: Pick<WorkQueue, "notes" | "setNote">,
    stores: ReadonlyMap<string, OpenStore>,
    lanes: Lanes,
    clock: Clock,
  ) {
    this.#queue = queue;
    this.#stores = stores;
    this.#lanes = lanes;
    this.#clock = clock;
  }

  /** Paused as a whole, when last looked. */
  get allPaused(): boolean {
    return this.#paused.has(ALL);
  }

  /** The stores that were paused, when last looked. */
  get pausedStores(): ReadonlySet<string> {
    return this.#paused;
  }

  /** Looks what is paused, and learns which lanes other processes found closed. */
  async load(): Promise<ReadonlyMap<string, JsonValue>> {
    const notes = await this.#queue.notes();
    const paused = new Set<string>();
    for (const key of notes.keys()) if (key.startsWith(PAUSE)) paused.add(key.slice(PAUSE.length));
    this.#paused = paused;
    for (const [id, to] of this.#stores) {
      for (const [group, state] of closedLanes(notes.get(HEALTH + id))) this.#lanes.restore(to, group, state);
    }
    return notes;
  }

  async pause(storeId: string | undefined): Promise<void> {
    await this.#queue.setNote(PAUSE + (storeId ?? ALL), this.#clock.now().toISOString());
  }

  async resume(storeId: string | undefined): Promise<void> {
    await this.#queue.setNote(PAUSE + (storeId ?? ALL), undefined);
  }

  /** Writes how the stores do that this process has tried. */
  async save(): Promise<void> {
    for (const id of this.#stores.keys()) {
      const note = this.#noteOf(id);
      if (note === undefined) continue;
      const text = JSON.stringify(note);
      if (this.#written.get(id) === text) continue;
      await this.#queue.setNote(HEALTH + id, note);
      this.#written.set(id, text);
    }
  }

  /** How each store does, as far as anybody on this queue knows. */
  statuses(notes: ReadonlyMap<string, JsonValue>): Record<string, StoreStatus> {
    const all: Record<string, StoreStatus> = {};
    for (const id of this.#stores.keys()) {
      const note = record(notes.get(HEALTH + id));
      const health = note["health"];
      const perSecond = note["perSecond"];
      const lastError = note["lastError"];
      all[id] = {
        health:
          this.allPaused || this.#paused.has(id)
            ? "paused"
            : health === "ok" || health === "slow" || health === "down"
              ? health
              : "unknown",
        perSecond: typeof perSecond === "number" ? perSecond : 0,
        lastError: typeof lastError === "string" ? lastError : null,
      };
    }
    return all;
  }

  #noteOf(id: string): Readonly<Record<string, JsonValue>> | undefined {
    let tried = false;
    let slow = false;
    let perSecond = 0;
    let lastError: string | undefined;
    const closed: Record<string, JsonValue> = {};
    let down = 0;
    for (const { group, breaker, meter, pace, lastError: error } of this.#lanes.of(id)) {
      tried ||= meter.seconds > 0 || error !== undefined;
      slow ||= pace.slowed;
      perSecond += meter.perSecond;
      lastError = error ?? lastError;
      if (breaker.closed !== undefined && down++ < MOST_LANES_NOTED) closed[group] = { ...breaker.closed };
    }
    if (!tried) return undefined;
    return {
      health: down > 0 ? "down" : slow ? "slow" : "ok",
      perSecond: Math.round(perSecond * 10) / 10,
      lastError: lastError ?? null,
      lanes: closed,
    };
  }
}

function closedLanes(note: JsonValue | undefined): readonly (readonly [string, BreakerState])[] {
  const lanes: [string, BreakerState][] = [];
  for (const [group, value] of Object.entries(record(record(note)["lanes"]))) {
    const { closedAt, probeAt, intervalMs, size, reason } = record(value);
    if (
      typeof closedAt === "number" &&
      typeof probeAt === "number" &&
      typeof intervalMs === "number" &&
      typeof size === "number"
    ) {
      lanes.push([group, { closedAt, probeAt, intervalMs, size, reason: typeof reason === "string" ? reason : "" }]);
    }
  }
  return lanes;
}

function record(value: JsonValue | undefined): { readonly [key: string]: JsonValue | undefined } {
  return typeof value === "object" && value !== null && !Array.isArray(value)
    ? (value as { readonly [key: string]: JsonValue })
    : {};
}
