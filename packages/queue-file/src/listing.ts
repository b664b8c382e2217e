import type { Cipher, EntryFilter, EntryState, QueueEntry, QueueStats } from "@scrubber/core";
import type { Database, Statement } from "./database.ts";
import type { DueOrder, Place } from "./due-order.ts";
import { STATE } from "./schema.ts";
import { readLocation } from "./stored-location.ts";
import type { Totals } from "./totals.ts";

/** id, image_id, uri, details, requested_at, own_due, due_base, attempts, state, visible_at, error */
type ListedRow = readonly [
  number,
  string,
  string | Uint8Array,
  string | null,
  number,
  number,
  number,
  number,
  number,
  number | null,
  string | null,
];

/** A part of a listing, and where the next one begins; undefined at the end. */
export interface ListingPage {
  readonly entries: readonly QueueEntry[];
  readonly after: Place | undefined;
}

/** In which states of rows the entries of a state are: a lease that ran out is still `leased` there until the next lease. */
const ROWS_OF: Readonly<Record<EntryState, readonly number[]>> = {
  waiting: [STATE.ready, STATE.paused, STATE.leased],
  leased: [STATE.leased],
  setAside: [STATE.setAside],
};
const ALL_ROWS: readonly number[] = Object.values(STATE);

/** Shows entries and counts them; within a transaction. */
export class Listing {
  readonly #order: DueOrder;
  readonly #delayMs: number;
  readonly #cipher: Cipher | undefined;
  readonly #rows: Statement<ListedRow>;
  readonly #placesOf: Statement<readonly [number, number]>;
  readonly #leasedLanes: Statement<readonly [string | null]>;
  readonly #countLeased: Statement<readonly [number]>;
  readonly #expired: Statement<readonly [number, number | null, number | null]>;
  readonly #nextVisible: Statement<readonly [number, number]>;

  constructor(database: Database, order: DueOrder, delayMs: number, cipher: Cipher | undefined) {
    this.#order = order;
    this.#delayMs = delayMs;
    this.#cipher = cipher;
    this.#rows = database.prepare(
      `SELECT id, image_id, uri, details, requested_at, own_due, due_base, attempts, state, visible_at, error
       FROM entries WHERE id IN (SELECT value FROM json_each(?))`,
    );
    const due = "due_base + (1 - own_due) * ?2";
    this.#placesOf = database.prepare(
      `SELECT id, ${due} FROM entries WHERE id IN (SELECT value FROM json_each(?1)) ORDER BY 2, 1`,
    );
    this.#leasedLanes = database.prepare(
      "SELECT min(lane) FROM entries WHERE state = ? AND lane > ? AND visible_at IS NOT NULL",
    );
    this.#countLeased = database.prepare(
      `SELECT count(*) FROM entries WHERE state = ${STATE.leased} AND lane = ? AND visible_at > ?`,
    );
    this.#expired = database.prepare(
      `SELECT count(due) FILTER (WHERE due <= ?3), min(due) FILTER (WHERE due <= ?3), min(due) FILTER (WHERE due > ?3)
       FROM (SELECT ${due} AS due FROM entries WHERE state = ?4 AND lane = ?1 AND visible_at <= ?3)`,
    );
    this.#nextVisible = database.prepare(
      `SELECT visible_at, ${due} FROM entries WHERE state = ?1 AND lane = ?3 AND visible_at > ?4 ORDER BY visible_at`,
    );
  }

  /** Entries in order of their due time, after a place. */
  page(filter: EntryFilter, after: Place | undefined, limit: number, now: number): ListingPage {
    const upTo = filter.dueBefore?.getTime() ?? Number.MAX_SAFE_INTEGER;
    const states = filter.state === undefined ? ALL_ROWS : ROWS_OF[filter.state];
    const places = this.#order.places(states, { upTo, limit, after });
    const entries = this.entries(
      places.map(({ id }) => id),
      filter,
      now,
    );
    return { entries, after: places.length < limit ? undefined : places.at(-1) };
  }

  /** These ids in order of due time. */
  inOrder(ids: readonly number[]): readonly number[] {
    return this.#placesOf.all(JSON.stringify(ids), this.#delayMs).map(([id]) => id);
  }

  /** The entries with these ids that pass the filter, in the order of the ids. */
  entries(ids: readonly number[], filter: EntryFilter, now: number): readonly QueueEntry[] {
    const byId = new Map<number, ListedRow>();
    for (const row of this.#rows.all(JSON.stringify(ids))) byId.set(row[0], row);
    return ids.flatMap((id) => {
      const row = byId.get(id);
      const entry = row === undefined ? undefined : this.#entry(row, now);
      return entry !== undefined && passes(entry, filter) ? [entry] : [];
    });
  }

  stats(totals: Totals, now: number): QueueStats {
    const ready = this.#order.due([STATE.ready, STATE.paused], now);
    let { count, oldest } = ready;
    let leased = 0;
    let next = this.#order.nextReady(now);
    for (const lane of this.#lanes(STATE.leased)) {
      leased += this.#countLeased.get(lane, now)?.[0] ?? 0;
      const [due, firstDue, nextDue] = this.#expired.get(lane, this.#delayMs, now, STATE.leased) ?? [0, null, null];
      count += due;
      oldest = Math.min(oldest, firstDue ?? Infinity);
      next = Math.min(next, nextDue ?? Infinity, this.#firstVisible(STATE.leased, lane, now));
    }
    for (const lane of this.#lanes(STATE.paused)) {
      // What is due of these is counted already.
      const nextDue = this.#expired.get(lane, this.#delayMs, now, STATE.paused)?.[2];
      next = Math.min(next, nextDue ?? Infinity, this.#firstVisible(STATE.paused, lane, now));
    }
    return {
      waiting: totals.active - leased,
      due: count,
      leased,
      setAside: totals.setAside,
      ...(oldest === Infinity ? {} : { oldestDueAt: new Date(oldest) }),
      ...(next === Infinity ? {} : { nextDueAt: new Date(next) }),
    };
  }

  /** When the first of what is not visible yet can be leased. Nearly always that is the first to be visible; else the next ones may be due before it. */
  #firstVisible(state: number, lane: string, now: number): number {
    let next = Infinity;
    for (const [visibleAt, dueAt] of this.#nextVisible.iterate(state, this.#delayMs, lane, now)) {
      if (visibleAt >= next) break;
      next = Math.min(next, Math.max(visibleAt, dueAt));
    }
    return next;
  }

  *#lanes(state: number): Generator<string> {
    for (
      let lane: string | null | undefined = "";
      typeof lane === "string";
      lane = this.#leasedLanes.get(state, lane)?.[0]
    ) {
      yield lane;
    }
  }

  #entry(row: ListedRow, now: number): QueueEntry {
    const [id, imageId, uri, details, requestedAt, ownDue, dueBase, attempts, state, visibleAt, error] = row;
    const dueAt = ownDue === 1 ? dueBase : dueBase + this.#delayMs;
    return {
      id: String(id),
      imageId,
      state: entryState(state, visibleAt, now),
      requestedAt: new Date(requestedAt),
      dueAt: new Date(dueAt),
      visibleAt: new Date(Math.max(dueAt, visibleAt ?? dueAt)),
      attempts,
      ...(error === null ? {} : { error }),
      ...readLocation({ uri, details }, this.#cipher),
    };
  }
}

/** The state that an entry is shown in, by its row's. */
export function entryState(state: number, visibleAt: number | null, now: number): EntryState {
  if (state === STATE.setAside) return "setAside";
  return state === STATE.leased && visibleAt !== null && visibleAt > now ? "leased" : "waiting";
}

function passes(entry: QueueEntry, { state, imageId, dueBefore }: EntryFilter): boolean {
  return (
    (state === undefined || entry.state === state) &&
    (imageId === undefined || entry.imageId === imageId) &&
    (dueBefore === undefined || entry.dueAt <= dueBefore)
  );
}
