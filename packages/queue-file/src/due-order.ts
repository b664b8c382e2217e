import type { Database, Statement } from "./database.ts";
import { STATE } from "./schema.ts";

/** A place in the order of due times: what is due at one time is told apart by id. */
export interface Place {
  readonly dueAt: number;
  readonly id: number;
}

/** id, due_base or due time */
type PlaceRow = readonly [number, number];

/** A part of the order that can be read as it stands: what is due at `due_base` + `delay`, in one state and lane. */
interface Run {
  readonly state: number;
  readonly lane: string;
  readonly ownDue: 0 | 1;
  readonly delay: number;
}

/** What of the order is asked for. */
export interface Part {
  readonly states: readonly number[];
  /** What is leased, too. */
  readonly leased: boolean;
  readonly upTo: number;
  readonly limit: number;
  readonly after: Place | undefined;
}

/**
 * What is not leased, in the order of due times, whatever its number; within a transaction.
 *
 * It stands by state, lane, and whether the due time is its own: several runs, each in order. They are found by skipping from lane to lane, and merged. So what is not due, and
 * lanes that are left out, are never read. What is leased, and the few that were added last (`TotalsTable`), stand in no run: they are sorted when somebody asks.
 */
export class DueOrder {
  readonly #delayMs: number;
  readonly #nextLane: Statement<readonly [string | null]>;
  readonly #run: Statement<PlaceRow>;
  readonly #cut: Statement;
  readonly #count: Statement<readonly [number, number | null]>;
  readonly #first: Statement<readonly [number | null]>;
  readonly #leased: Statement<PlaceRow>;
  readonly #added: Statement<PlaceRow>;
  readonly #addedFigures: Statement<readonly [number, number | null, number | null]>;
  readonly #fileAfter: Statement;
  readonly #file: Statement;
  readonly #unfile: Statement;

  constructor(database: Database, delayMs: number) {
    this.#delayMs = delayMs;
    this.#nextLane = database.prepare("SELECT min(lane) FROM due WHERE state = ? AND lane >= ?");
    const ofRun = "FROM due WHERE state = ? AND lane = ? AND own_due = ?";
    this.#run = database.prepare(
      `SELECT id, due_base ${ofRun} AND due_base <= ? AND (due_base, id) > (?, ?) ORDER BY due_base, id LIMIT ?`,
    );
    this.#cut = database.prepare(`DELETE ${ofRun} AND (due_base, id) <= (?, ?)`);
    this.#count = database.prepare(`SELECT count(*), min(due_base) ${ofRun} AND due_base <= ?`);
    this.#first = database.prepare(`SELECT min(due_base) ${ofRun} AND due_base > ?`);
    const due = "due_base + (1 - own_due) * ?1";
    const inOrder = `${due} <= ?2 AND (${due}, id) > (?3, ?4) ORDER BY 2, 1 LIMIT ?5`;
    this.#leased = database.prepare(
      `SELECT id, ${due} FROM leases JOIN entries USING (id) WHERE until IS NOT NULL AND ${inOrder}`,
    );
    const added = "FROM entries WHERE id > (SELECT last_id FROM totals)";
    this.#added = database.prepare(`SELECT id, ${due} ${added} AND ${inOrder}`);
    this.#addedFigures = database.prepare(
      `SELECT count(*) FILTER (WHERE due <= ?2), min(due) FILTER (WHERE due <= ?2), min(due) FILTER (WHERE due > ?2) FROM (SELECT ${due} AS due ${added})`,
    );
    const place = "state, lane, own_due, due_base, id";
    const these = "id IN (SELECT value FROM json_each(?))";
    this.#fileAfter = database.prepare(`INSERT INTO due SELECT ${place} FROM entries WHERE id > ?`);
    this.#file = database.prepare(`INSERT INTO due SELECT ${place} FROM entries WHERE ${these}`);
    this.#unfile = database.prepare(
      `DELETE FROM due WHERE (${place}) IN (SELECT ${place} FROM entries WHERE ${these})`,
    );
  }

  /** Puts entries (a JSON array of ids) where their rows say that they belong. */
  file(ids: string): void {
    this.#file.run(ids);
  }

  /** Puts what was added after this id where it belongs. */
  fileAfter(id: number): void {
    this.#fileAfter.run(id);
  }

  /** Takes out those of these entries that are in; before their rows change. */
  unfile(ids: string): void {
    this.#unfile.run(ids);
  }

  /** Takes out what is ready and due at `now`, oldest due first, and returns the ids. */
  take(now: number, limit: number, exceptLanes?: ReadonlySet<string>): readonly number[] {
    const taken: (Place & { readonly run: Run })[] = [];
    let runs = 0;
    for (const run of this.#runs([STATE.ready])) {
      if (exceptLanes?.has(run.lane) === true) continue;
      const rows = this.#rowsOf(run, now, limit);
      if (rows.length > 0) runs++;
      rows.forEach((row) => taken.push({ dueAt: row[1] + run.delay, id: row[0], run }));
    }
    if (runs > 1) taken.sort(byPlace);
    if (taken.length > limit) taken.length = limit;
    // Each run is read from its start: what it gave is all that stands there.
    const ends = new Map<Run, Place>();
    taken.forEach((place) => ends.set(place.run, place));
    for (const [{ state, lane, ownDue, delay }, { dueAt, id }] of ends) {
      this.#cut.run(state, lane, ownDue, dueAt - delay, id);
    }
    return taken.map(({ id }) => id);
  }

  /** A part of the order. */
  places({ states, leased, upTo, limit, after }: Part): readonly Place[] {
    const found: Place[] = [];
    for (const run of this.#runs(states)) {
      for (const [id, dueBase] of this.#rowsOf(run, upTo, limit, after)) found.push({ dueAt: dueBase + run.delay, id });
    }
    const { dueAt, id } = after ?? START;
    const sort = (statement: Statement<PlaceRow>): void => {
      for (const row of statement.all(this.#delayMs, upTo, dueAt, id, limit)) found.push({ dueAt: row[1], id: row[0] });
    };
    if (leased) sort(this.#leased);
    if (states.includes(STATE.ready)) sort(this.#added);
    found.sort(byPlace);
    return found.length > limit ? found.slice(0, limit) : found;
  }

  /** How many of those that are ready or paused are due at `now`, and the earliest due time among them; and the first due time after `now` of what is ready. Infinity: there is none. */
  figures(now: number): { readonly due: number; readonly oldest: number; readonly next: number } {
    const [added, oldestAdded, nextAdded] = this.#addedFigures.get(this.#delayMs, now) ?? [0, null, null];
    let due = added;
    let oldest = oldestAdded ?? Infinity;
    let next = nextAdded ?? Infinity;
    for (const { state, lane, ownDue, delay } of this.#runs([STATE.ready, STATE.paused])) {
      const [count, first] = this.#count.get(state, lane, ownDue, now - delay) ?? [0, null];
      due += count;
      if (first !== null) oldest = Math.min(oldest, first + delay);
      const following = state === STATE.ready ? this.#first.get(state, lane, ownDue, now - delay)?.[0] : null;
      if (typeof following === "number") next = Math.min(next, following + delay);
    }
    return { due, oldest, next };
  }

  #rowsOf({ state, lane, ownDue, delay }: Run, upTo: number, limit: number, after: Place = START): readonly PlaceRow[] {
    return this.#run.all(state, lane, ownDue, upTo - delay, after.dueAt - delay, after.id, limit);
  }

  /** The lanes that have entries of a state. */
  *lanes(state: number): Generator<string> {
    for (let from = ""; ;) {
      const lane = this.#nextLane.get(state, from)?.[0];
      if (typeof lane !== "string") return;
      yield lane;
      // The first text behind it.
      from = `${lane}\0`;
    }
  }

  *#runs(states: readonly number[]): Generator<Run> {
    for (const state of states) {
      for (const lane of this.lanes(state)) {
        yield { state, lane, ownDue: 0, delay: this.#delayMs };
        yield { state, lane, ownDue: 1, delay: 0 };
      }
    }
  }
}

const START: Place = { dueAt: -Infinity, id: 0 };

function byPlace(a: Place, b: Place): number {
  return a.dueAt - b.dueAt || a.id - b.id;
}
