import type { Database, Statement } from "./database.ts";
import { STATE } from "./schema.ts";

/** A place in the order of due times: what is due at one time is told apart by id. */
export interface Place {
  readonly dueAt: number;
  readonly id: number;
}

type PlaceRow = readonly [number, number];

/**
 * Finds entries by due time, whatever their number.
 *
 * One index holds them by state, lane, and whether the due time is their own: several runs, each in order. They are found by skipping from lane to lane, and merged. So what is
 * not due, and lanes that are left out, are never read. What is leased stands in no run: it is little, and sorted when somebody asks.
 */
export class DueOrder {
  readonly #delayMs: number;
  readonly #nextLane: Statement<readonly [string | null]>;
  readonly #run: Statement<PlaceRow>;
  readonly #count: Statement<readonly [number, number | null]>;
  readonly #first: Statement<readonly [number | null]>;
  readonly #leased: Statement<PlaceRow>;

  constructor(database: Database, delayMs: number) {
    this.#delayMs = delayMs;
    // The index leaves out what is leased, and is only taken where the question does so too.
    const indexed = `state <> ${STATE.leased}`;
    this.#nextLane = database.prepare(`SELECT min(lane) FROM entries WHERE state = ? AND lane > ? AND ${indexed}`);
    const ofRun = `FROM entries WHERE state = ? AND lane = ? AND own_due = ? AND ${indexed}`;
    this.#run = database.prepare(
      `SELECT id, due_base ${ofRun} AND due_base <= ? AND (due_base, id) > (?, ?) ORDER BY due_base, id LIMIT ?`,
    );
    this.#count = database.prepare(`SELECT count(*), min(due_base) ${ofRun} AND due_base <= ?`);
    this.#first = database.prepare(`SELECT min(due_base) ${ofRun} AND due_base > ?`);
    const due = "due_base + (1 - own_due) * ?1";
    this.#leased = database.prepare(
      `SELECT id, ${due} FROM entries WHERE state = ${STATE.leased} AND visible_at IS NOT NULL
       AND ${due} <= ?2 AND (${due}, id) > (?3, ?4) ORDER BY 2, 1 LIMIT ?5`,
    );
  }

  /** The ids of what is ready and due at `now`, oldest due first. */
  ready(now: number, limit: number, exceptLanes?: ReadonlySet<string>): readonly number[] {
    return this.places([STATE.ready], { upTo: now, limit, exceptLanes }).map(({ id }) => id);
  }

  /** Entries of these states after a place, in order. */
  places(
    states: readonly number[],
    of: {
      readonly upTo: number;
      readonly limit: number;
      readonly after?: Place | undefined;
      readonly exceptLanes?: ReadonlySet<string> | undefined;
    },
  ): readonly Place[] {
    const { dueAt, id } = of.after ?? { dueAt: -Infinity, id: 0 };
    const found: Place[] = [];
    let runs = 0;
    for (const [state, lane, ownDue] of this.#runs(states)) {
      if (of.exceptLanes?.has(lane) === true) continue;
      const delay = ownDue === 1 ? 0 : this.#delayMs;
      const rows = this.#run.all(state, lane, ownDue, of.upTo - delay, dueAt - delay, id, of.limit);
      if (rows.length > 0) runs++;
      for (const row of rows) found.push({ dueAt: row[1] + delay, id: row[0] });
    }
    if (states.includes(STATE.leased)) {
      runs++;
      const rows = this.#leased.all(this.#delayMs, of.upTo, dueAt, id, of.limit);
      for (const row of rows) found.push({ dueAt: row[1], id: row[0] });
    }
    if (runs > 1) found.sort((a, b) => a.dueAt - b.dueAt || a.id - b.id);
    return found.length > of.limit ? found.slice(0, of.limit) : found;
  }

  /** How many entries of these states are due at `now`, and the earliest due time among them. */
  due(states: readonly number[], now: number): { readonly count: number; readonly oldest: number } {
    let count = 0;
    let oldest = Infinity;
    for (const [state, lane, ownDue] of this.#runs(states)) {
      const delay = ownDue === 1 ? 0 : this.#delayMs;
      const [n, first] = this.#count.get(state, lane, ownDue, now - delay) ?? [0, null];
      count += n;
      if (first !== null) oldest = Math.min(oldest, first + delay);
    }
    return { count, oldest };
  }

  /** The first due time after `now` of what is ready; Infinity if there is none. */
  nextReady(now: number): number {
    let next = Infinity;
    for (const [state, lane, ownDue] of this.#runs([STATE.ready])) {
      const delay = ownDue === 1 ? 0 : this.#delayMs;
      const first = this.#first.get(state, lane, ownDue, now - delay)?.[0];
      if (typeof first === "number") next = Math.min(next, first + delay);
    }
    return next;
  }

  *#runs(states: readonly number[]): Generator<readonly [number, string, 0 | 1]> {
    for (const state of states) {
      if (state === STATE.leased) continue;
      for (
        let lane: string | null | undefined = "";
        typeof lane === "string";
        lane = this.#nextLane.get(state, lane)?.[0]
      ) {
        yield [state, lane, 0];
        yield [state, lane, 1];
      }
    }
  }
}
