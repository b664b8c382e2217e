import { statSync } from "node:fs";
import { DatabaseSync, type SQLInputValue, type StatementSync } from "node:sqlite";
import { setTimeout as sleep } from "node:timers/promises";
import { ScrubberError } from "@scrubber/core";
import { isBusy, queueError } from "./sqlite-errors.ts";

/** A row as an array of columns: half the garbage of an object. */
export type Columns = readonly unknown[];

/** A prepared statement whose rows are of a known shape. */
export class Statement<Row extends Columns = Columns> {
  readonly #statement: StatementSync;

  constructor(statement: StatementSync) {
    this.#statement = statement;
  }

  all(...values: readonly SQLInputValue[]): readonly Row[] {
    // oxlint-disable-next-line no-unsafe-type-assertion -- the typings do not know returnArrays; the SELECT beside it says the shape
    return this.#statement.all(...values) as unknown as readonly Row[];
  }

  get(...values: readonly SQLInputValue[]): Row | undefined {
    // oxlint-disable-next-line no-unsafe-type-assertion -- as above
    return this.#statement.get(...values) as unknown as Row | undefined;
  }

  iterate(...values: readonly SQLInputValue[]): Iterable<Row> {
    // oxlint-disable-next-line no-unsafe-type-assertion -- as above
    return this.#statement.iterate(...values) as unknown as Iterable<Row>;
  }

  /** Resolves with how many rows were changed. */
  run(...values: readonly SQLInputValue[]): number {
    return Number(this.#statement.run(...values).changes);
  }
}

/** How many rows one statement inserts, where there are so many: a statement of its own for each costs a sixth more. */
export const TOGETHER = 20;

/** The same part of a statement several times over, as in `VALUES (?), (?)`. */
export function repeated(part: string, times: number): string {
  return Array.from({ length: times }, () => part).join(", ");
}

/** How long SQLite itself waits for a lock, with the event loop standing still; then the wait goes on without it. */
const BLOCKING_WAIT_MS = 200;

/** Long enough for any transaction of another scrubber, on a slow disk too. */
const DEFAULT_PATIENCE_MS = 30_000;

/** One connection to `queue.sqlite`, and transactions on it. */
export class Database {
  readonly directory: string;
  readonly #file: string;
  /** Which file that is, whatever stands at its path later. */
  readonly #identity: string | undefined;
  readonly #connection: DatabaseSync;
  readonly #patienceMs: number;
  readonly #begin: StatementSync;
  readonly #beginRead: StatementSync;
  readonly #commit: StatementSync;

  /**
   * Opens an existing file: so it has the mode that its maker gave it, and SQLite's files beside it inherit that. While another process opens a new one, it has it to itself.
   *
   * @throws {ScrubberError} `SCRUBBER_QUEUE_*`
   */
  static open(file: string, directory: string, patienceMs: number = DEFAULT_PATIENCE_MS): Promise<Database> {
    return patiently(() => new Database(file, directory, patienceMs), directory, patienceMs);
  }

  private constructor(file: string, directory: string, patienceMs: number) {
    this.directory = directory;
    this.#file = file;
    this.#identity = identityOf(file);
    this.#patienceMs = patienceMs;
    this.#connection = new DatabaseSync(file, {
      timeout: BLOCKING_WAIT_MS,
      returnArrays: true,
      enableDoubleQuotedStringLiterals: false,
    });
    // The cache is the greater part of what a queue keeps in memory; with twice of it nothing measured was quicker. The log comes round at 16 MB: a page that many transactions
    // change goes to its place once for all of them, and a log that is written over in place is quicker to fsync than one that grows.
    try {
      this.#connection.exec(
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA cache_size = -8000;" +
          "PRAGMA wal_autocheckpoint = 4000; PRAGMA journal_size_limit = 33554432; PRAGMA foreign_keys = OFF",
      );
    } catch (error) {
      this.#connection.close();
      throw error;
    }
    this.#begin = this.#connection.prepare("BEGIN IMMEDIATE");
    this.#beginRead = this.#connection.prepare("BEGIN");
    this.#commit = this.#connection.prepare("COMMIT");
  }

  prepare<Row extends Columns = Columns>(sql: string): Statement<Row> {
    return new Statement<Row>(this.#connection.prepare(sql));
  }

  exec(sql: string): void {
    this.#connection.exec(sql);
  }

  /**
   * One transaction, durable when it resolves, in the file that stands in its place then. `work` is synchronous; it may be run again, where somebody else held the lock.
   * @throws {ScrubberError} `SCRUBBER_QUEUE_*`; then nothing has changed.
   */
  write<T>(work: () => T): Promise<T> {
    return this.#patiently(() => {
      const result = this.#transaction(this.#begin, work);
      this.#assertInPlace();
      return result;
    });
  }

  /** One consistent view. As {@link write}, without the right to change anything. */
  read<T>(work: () => T): Promise<T> {
    return this.#patiently(() => this.#transaction(this.#beginRead, work));
  }

  close(): void {
    if (this.#connection.isOpen) this.#connection.close();
  }

  #transaction<T>(begin: StatementSync, work: () => T): T {
    if (!this.#connection.isOpen) {
      throw new ScrubberError("SCRUBBER_QUEUE_UNAVAILABLE", `the queue in ${this.directory} is closed`);
    }
    this.#assertInPlace();
    begin.run();
    try {
      const result = work();
      this.#commit.run();
      return result;
    } catch (error) {
      if (this.#connection.isTransaction) this.#connection.exec("ROLLBACK");
      throw error;
    }
  }

  /**
   * What was moved away is nobody's queue any more, and nothing may be accepted into it. The file in its place is not opened in its stead: an entry there may have the id and the
   * token of another one that is leased here.
   */
  #assertInPlace(): void {
    if (identityOf(this.#file) === this.#identity) return;
    throw new ScrubberError(
      "SCRUBBER_QUEUE_UNAVAILABLE",
      `${this.#file} is not the file any more that was opened: it was moved away or replaced`,
      {
        hint: "Stop every scrubber that uses the queue, put the right file in its place, without the -wal and -shm of another one, and start again.",
      },
    );
  }

  #patiently<T>(attempt: () => T): Promise<T> {
    return patiently(attempt, this.directory, this.#patienceMs);
  }
}

/** Attempts again for as long as somebody else holds the lock, or until the patience is over. */
async function patiently<T>(attempt: () => T, directory: string, patienceMs: number): Promise<T> {
  const until = performance.now() + patienceMs;
  for (;;) {
    try {
      return attempt();
    } catch (error) {
      if (!isBusy(error) || performance.now() >= until) throw queueError(error, directory);
    }
    await sleep(5 + Math.random() * 45);
  }
}

/** Undefined: there is none. */
function identityOf(path: string): string | undefined {
  const stats = statSync(path, { bigint: true, throwIfNoEntry: false });
  return stats && `${stats.dev}:${stats.ino}`;
}
