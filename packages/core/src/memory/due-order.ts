/** What can be kept in order of its due time. */
export interface Due {
  dueAt: number;
  /** Tells those of one due time apart: what came first goes first. */
  readonly serial: number;
  gone: boolean;
}

/** Rows in order of their due time. Cheap for what comes in order; sorted again, when asked for, where something did not. */
export class DueOrder<R extends Due> {
  #rows: R[] = [];
  #sorted = true;
  #gone = 0;

  add(row: R): void {
    const last = this.#rows.at(-1);
    if (last !== undefined && compare(last, row) > 0) this.#sorted = false;
    this.#rows.push(row);
  }

  /** Says that a row's due time has changed. */
  moved(): void {
    this.#sorted = false;
  }

  remove(row: R): void {
    row.gone = true;
    this.#gone++;
  }

  /** Oldest due first. Rows that are `gone` may still be among them. Later changes of order make a new array, so a reader keeps its place. */
  rows(): readonly R[] {
    if (this.#gone * 2 > this.#rows.length) {
      this.#rows = this.#rows.filter((row) => !row.gone);
      this.#gone = 0;
    }
    if (!this.#sorted) {
      this.#rows = this.#rows.toSorted(compare);
      this.#sorted = true;
    }
    return this.#rows;
  }
}

function compare(a: Due, b: Due): number {
  return a.dueAt - b.dueAt || a.serial - b.serial;
}
