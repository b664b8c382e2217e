import type { Database, Statement } from "./database.ts";
import { assertVersion } from "./schema.ts";

/** What is counted along, so that nobody has to walk for it. Changed within a transaction. */
export interface Totals {
  /** Entries that are not set aside. */
  active: number;
  setAside: number;
  /** Ids are never given twice: a digest that names an entry that is gone must not find another. */
  lastId: number;
  lastToken: number;
  /** Digests that name entries that are gone. */
  removed: number;
  /** Of which range of digests those are taken out next. */
  nextRange: number;
}

type TotalsRow = readonly [number, number, number, number, number, number, number];

/** Transactions that change the totals. */
export class TotalsTable {
  readonly #database: Database;
  readonly #select: Statement<TotalsRow>;
  readonly #update: Statement;

  constructor(database: Database) {
    this.#database = database;
    this.#select = database.prepare(
      "SELECT version, active, set_aside, last_id, last_token, removed, next_range FROM totals",
    );
    this.#update = database.prepare(
      "UPDATE totals SET active = ?, set_aside = ?, last_id = ?, last_token = ?, removed = ?, next_range = ?",
    );
  }

  /** One durable transaction; see {@link Database.write}. What `work` leaves in the totals is written with it. */
  write<T>(work: (totals: Totals) => T): Promise<T> {
    return this.#database.write(() => {
      const before = this.read();
      const totals = { ...before };
      const result = work(totals);
      if (differ(before, totals)) {
        const { active, setAside, lastId, lastToken, removed, nextRange } = totals;
        this.#update.run(active, setAside, lastId, lastToken, removed, nextRange);
      }
      return result;
    });
  }

  /** The totals, within a transaction. */
  read(): Totals {
    const [version, active, setAside, lastId, lastToken, removed, nextRange] = this.#select.get() ?? [
      0, 0, 0, 0, 0, 0, 0,
    ];
    assertVersion(version, this.#database.directory);
    return { active, setAside, lastId, lastToken, removed, nextRange };
  }
}

function differ(a: Totals, b: Totals): boolean {
  return (
    a.active !== b.active ||
    a.setAside !== b.setAside ||
    a.lastId !== b.lastId ||
    a.lastToken !== b.lastToken ||
    a.removed !== b.removed ||
    a.nextRange !== b.nextRange
  );
}
