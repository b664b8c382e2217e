import type { Cipher, EntryFilter, EntryState, QueueEntry, QueueStats } from "@scrubber/core";
import type { Database, Statement } from "./database.ts";
import type { DueOrder, Part, Place } from "./due-order.ts";
import { STATE } from "./schema.ts";
import { readLocation } from "./stored-location.ts";
import type { Totals } from "./totals.ts";

/** id, image_id, uri, details, requested_at, own_due, due_base, attempts, state, visible_at, until, error */
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
  number | null,
  string | null,
];

/** Leased; when the first of those can be leased again; not leased any more, and due; the earliest due time of those; and the first due time of those that are not due. */
type LeasedFigures = readonly [number, number | null, number, number | null, number | null];

/** A part of a listing, and where the next one begins; undefined at the end. */
export interface ListingPage {
  readonly entries: readonly QueueEntry[];
  readonly after: Place | undefined;
}

/** Where the entries of a state are: a lease that ran out still is one until the next lease. */
const PART_OF: Readonly<Record<EntryState | "any", Pick<Part, "states" | "leased">>> = {
  waiting: { states: [STATE.ready, STATE.paused], leased: true },
  leased: { states: [], leased: true },
  setAside: { states: [STATE.setAside], leased: false },
  any: { states: Object.values(STATE), leased: true },
};

/** Shows entries and counts them; within a transaction. */
export class Listing {
  readonly #order: DueOrder;
  readonly #delayMs: number;
  readonly #cipher: Cipher | undefined;
  readonly #rows: Statement<ListedRow>;
  readonly #placesOf: Statement<readonly [number, number]>;
  readonly #leased: Statement<LeasedFigures>;
  readonly #nextOfPaused: Statement<readonly [number | null]>;
  readonly #nextVisible: Statement<readonly [number, number]>;

  constructor(database: Database, order: DueOrder, delayMs: number, cipher: Cipher | undefined) {
    this.#order = order;
    this.#delayMs = delayMs;
    this.#cipher = cipher;
    this.#rows = database.prepare(
      `SELECT id, image_id, uri, details, requested_at, own_due, due_base, attempts, state, visible_at, until, error
       FROM entries LEFT JOIN leases USING (id) WHERE id IN (SELECT value FROM json_each(?))`,
    );
    const due = "due_base + (1 - own_due) * ?2";
    this.#placesOf = database.prepare(
      `SELECT id, ${due} FROM entries WHERE id IN (SELECT value FROM json_each(?1)) ORDER BY 2, 1`,
    );
    this.#leased = database.prepare(
      `SELECT count(*) FILTER (WHERE runs), min(max(until, due)) FILTER (WHERE runs), count(*) FILTER (WHERE NOT runs AND due <= ?1),
         min(due) FILTER (WHERE NOT runs AND due <= ?1), min(due) FILTER (WHERE NOT runs AND due > ?1)
       FROM (SELECT until, until > ?1 AS runs, ${due} AS due FROM leases JOIN entries USING (id) WHERE until IS NOT NULL)`,
    );
    this.#nextOfPaused = database.prepare(
      `SELECT min(${due}) FROM entries WHERE lane = ?3 AND visible_at <= ?1 AND ${due} > ?1`,
    );
    this.#nextVisible = database.prepare(
      `SELECT visible_at, ${due} FROM entries WHERE lane = ?3 AND visible_at > ?1 ORDER BY visible_at`,
    );
  }

  /** Entries in order of their due time, after a place. */
  page(filter: EntryFilter, after: Place | undefined, limit: number, now: number): ListingPage {
    const upTo = filter.dueBefore?.getTime() ?? Number.MAX_SAFE_INTEGER;
    const places = this.#order.places({ ...PART_OF[filter.state ?? "any"], upTo, limit, after });
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
    const waiting = this.#order.figures(now);
    const figures = this.#leased.get(now, this.#delayMs) ?? [0, null, 0, null, null];
    const [leased, leasedUntil, expired, oldestExpired, nextOfExpired] = figures;
    const oldest = Math.min(waiting.oldest, oldestExpired ?? Infinity);
    const next = Math.min(waiting.next, this.#nextPaused(now), nextOfExpired ?? Infinity);
    return {
      waiting: totals.active - leased,
      due: waiting.due + expired,
      leased,
      setAside: totals.setAside,
      ...(oldest === Infinity ? {} : { oldestDueAt: new Date(oldest) }),
      ...(next === Infinity ? {} : { nextDueAt: new Date(next) }),
      ...(leasedUntil === null ? {} : { leasedUntil: new Date(leasedUntil) }),
    };
  }

  /** When the first of what pauses can be leased, of those that cannot be yet. */
  #nextPaused(now: number): number {
    let next = Infinity;
    for (const lane of this.#order.lanes(STATE.paused)) {
      next = Math.min(next, this.#nextOfPaused.get(now, this.#delayMs, lane)?.[0] ?? Infinity);
      // Nearly always that is the first whose pause ends; else the next ones may be due before it.
      for (const [visibleAt, dueAt] of this.#nextVisible.iterate(now, this.#delayMs, lane)) {
        if (visibleAt >= next) break;
        next = Math.min(next, Math.max(visibleAt, dueAt));
      }
    }
    return next;
  }

  #entry(row: ListedRow, now: number): QueueEntry {
    const [id, imageId, uri, details, requestedAt, ownDue, dueBase, attempts, state, pausedUntil, until, error] = row;
    const dueAt = ownDue === 1 ? dueBase : dueBase + this.#delayMs;
    return {
      id: String(id),
      imageId,
      state: entryState(state, until, now),
      requestedAt: new Date(requestedAt),
      dueAt: new Date(dueAt),
      visibleAt: new Date(Math.max(dueAt, until ?? pausedUntil ?? dueAt)),
      attempts,
      ...(error === null ? {} : { error }),
      ...readLocation({ uri, details }, this.#cipher),
    };
  }
}

/** The state that an entry is shown in, by its row's and the end of its lease. */
export function entryState(state: number, until: number | null, now: number): EntryState {
  if (state === STATE.setAside) return "setAside";
  return until !== null && until > now ? "leased" : "waiting";
}

function passes(entry: QueueEntry, { state, imageId, dueBefore }: EntryFilter): boolean {
  return (
    (state === undefined || entry.state === state) &&
    (imageId === undefined || entry.imageId === imageId) &&
    (dueBefore === undefined || entry.dueAt <= dueBefore)
  );
}
