import type { Database, Statement } from "./database.ts";
import type { DueOrder } from "./due-order.ts";
import { assertVersion } from "./schema.ts";

/** So many entries, at most, are added before they are put in the order of due times, all at once: alone, each would write one page more. */
const MOST_UNFILED = 200;

/** What is counted along, so that nobody has to walk for it. Changed within a transaction. */
export interface Totals {
  /** Entries that are not set aside. */
  active: number;
  setAside: number;
  /** Ids are never given twice: a digest that names an entry that is gone must not find another. */
  lastId: number;
  /** Up to this id, entries stand in the order of due times. */
  filedId: number;
  lastToken: number;
  /** Digests that name entries that are gone. */
  removed: number;
  /** Of which range of digests those are taken out next. */
  nextRange: number;
  /** Whether digests are taken out late, 1, or at once, 0. */
  late: number;
  /** No lease runs out before; null: there is none. */
  firstUntil: number | null;
}

/** version, active, set_aside, last_id, last_token, removed, next_range, late, first_until, the last id in use */
type TotalsRow = readonly [
  number,
  number,
  number,
  number,
  number,
  number,
  number,
  number,
  number | null,
  number | null,
];

/**
 * Transactions that change the totals.
 *
 * What does nothing but add a few entries does not write them: ids are given out in a row, so whatever is beyond the id that is written down was added since, and none of it is gone.
 */
export class TotalsTable {
  readonly #database: Database;
  readonly #order: DueOrder;
  readonly #select: Statement<TotalsRow>;
  readonly #update: Statement;

  constructor(database: Database, order: DueOrder) {
    this.#database = database;
    this.#order = order;
    this.#select = database.prepare(
      "SELECT version, active, set_aside, last_id, last_token, removed, next_range, late, first_until, (SELECT max(id) FROM entries) FROM totals",
    );
    this.#update = database.prepare(
      "UPDATE totals SET active = ?, set_aside = ?, last_id = ?, last_token = ?, removed = ?, next_range = ?, late = ?, first_until = ?",
    );
  }

  /** One durable transaction; see {@link Database.write}. What `work` leaves in the totals is written with it. All that is not leased stands in the order of due times. */
  write<T>(work: (totals: Totals) => T): Promise<T> {
    return this.append((totals) => {
      this.#file(totals);
      return work(totals);
    });
  }

  /** As {@link write}, for what only adds: the entries that were added last may stand in no order yet. */
  append<T>(work: (totals: Totals) => T): Promise<T> {
    return this.#database.write(() => {
      const before = this.read();
      const totals = { ...before };
      const result = work(totals);
      if (!onlyAdded(before, totals) || totals.lastId - totals.filedId > MOST_UNFILED) {
        this.#file(totals);
        const { active, setAside, lastId, lastToken, removed, nextRange, late, firstUntil } = totals;
        this.#update.run(active, setAside, lastId, lastToken, removed, nextRange, late, firstUntil);
      }
      return result;
    });
  }

  #file(totals: Totals): void {
    if (totals.lastId > totals.filedId) this.#order.fileAfter(totals.filedId);
    totals.filedId = totals.lastId;
  }

  /** The totals, within a transaction. */
  read(): Totals {
    const row = this.#select.get();
    if (row === undefined) throw new TypeError("the totals have a row");
    const [version, counted, setAside, filedId, lastToken, removed, nextRange, late, firstUntil, last] = row;
    assertVersion(version, this.#database.directory);
    const lastId = Math.max(filedId, last ?? 0);
    const active = counted + (lastId - filedId);
    return { active, setAside, lastId, filedId, lastToken, removed, nextRange, late, firstUntil };
  }
}

/** Whether nothing has happened but that entries were added. */
function onlyAdded(before: Totals, after: Totals): boolean {
  return (
    after.active - before.active === after.lastId - before.lastId &&
    after.filedId === before.filedId &&
    after.setAside === before.setAside &&
    after.lastToken === before.lastToken &&
    after.removed === before.removed &&
    after.nextRange === before.nextRange &&
    after.late === before.late &&
    after.firstUntil === before.firstUntil
  );
}
