import { setTimeout as sleep } from "node:timers/promises";
import { ScrubberError, type Claim, type ErrorCode } from "@scrubber/core";
import { ReadOnlyServer } from "./primary.ts";
import { render, type Bound, type Dialect, type Sql } from "./sql.ts";

/** A connection as a driver gives it out. */
export interface Connection {
  /** Rows, each an array of its values in the order of the columns: to make, keep and read objects instead is twice as dear. */
  all(text: string, values: Bound[]): Promise<readonly (readonly unknown[])[]>;
  /** Resolves with how many rows were changed. */
  run(text: string, values: Bound[]): Promise<number>;
  /** Back to the driver; `broken`: not to be used again. */
  release(broken: boolean): void;
}

/** What an error of the database means. */
export interface Failure {
  readonly code: ErrorCode;
  /** Why, without secrets. */
  readonly reason: string;
  readonly hint?: string;
  /** `transaction`: it was rolled back and may be tried again (a deadlock, a lock that was waited for in vain). `connection`: it is gone. */
  readonly lost?: "transaction" | "connection";
}

/** The one thing that differs between the databases besides the dialect. */
export interface Driver {
  /** The dialect of one unit of work, for which time stands still. */
  dialect(): Dialect;
  /** What begins a transaction that will write. */
  readonly begin: string;
  /** Where it is, for errors; no secrets. */
  readonly name: string;
  /** Times are kept without a fraction of the second. */
  readonly wholeSeconds: boolean;
  acquire(): Promise<Connection>;
  explain(error: unknown): Failure;
  /** The one active scrubber's lock; undefined where somebody else has it. Ends with its holder. */
  claim(): Promise<Claim | undefined>;
  close(): Promise<void>;
}

/** What a unit of work may do. */
export interface Session {
  /** Rows, each an array of its values in the order of the columns. */
  all<Row extends readonly unknown[]>(statement: Sql): Promise<readonly Row[]>;
  run(statement: Sql): Promise<number>;
}

const READ_ONLY: Failure = {
  code: "SCRUBBER_REGISTRY_UNAVAILABLE",
  reason: "it is read-only: nothing can be recorded there, and a replica is late in telling what is alive",
  hint: "Name the primary server in the registry's URL. One that becomes the primary is used as soon as it takes writes. On PostgreSQL default_transaction_read_only must be off for the scrubber's user.",
};

const ATTEMPTS = 10;
/** As many connections of a pool may be dead at once, when the server was started anew. */
const STALE_CONNECTIONS = 5;
const FIRST_PAUSE_MS = 20;
const LONGEST_PAUSE_MS = 1000;

/** A database under one driver: sessions, transactions, what is tried again, and errors in this project's words. */
export class Database implements AsyncDisposable {
  readonly #driver: Driver;
  readonly #claims = new Set<Claim>();

  constructor(driver: Driver) {
    this.#driver = driver;
  }

  get wholeSeconds(): boolean {
    return this.#driver.wholeSeconds;
  }

  /** Runs what only reads; each statement sees what is committed by then. Tried again when the connection was lost. */
  read<T>(work: (session: Session) => Promise<T>): Promise<T> {
    return this.#persist(work, false);
  }

  /**
   * Runs `work` as one transaction, durable when it resolves. After a deadlock or a lock that was waited for in vain it is run again as a whole, up to
   * ten times with growing, random pauses; after a lost connection only if it had not begun.
   */
  write<T>(work: (session: Session) => Promise<T>): Promise<T> {
    return this.#persist(work, true);
  }

  /** Claims to be the one scrubber at work on this database; undefined where another one is. Given up with the database at the latest. */
  async claim(): Promise<Claim | undefined> {
    let claim: Claim | undefined;
    try {
      claim = await this.#driver.claim();
    } catch (error) {
      throw this.#error(this.#explain(error));
    }
    if (claim === undefined) return undefined;
    this.#claims.add(claim);
    return { ...claim, [Symbol.asyncDispose]: () => this.#giveUp(claim) };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // A pool waits for what it gave out.
    for (const claim of this.#claims) await this.#giveUp(claim);
    await this.#driver.close();
  }

  async #giveUp(claim: Claim): Promise<void> {
    if (this.#claims.delete(claim)) await claim[Symbol.asyncDispose]();
  }

  async #persist<T>(work: (session: Session) => Promise<T>, writes: boolean): Promise<T> {
    for (let attempt = 1; ; attempt++) {
      const progress = { begun: false };
      try {
        return await this.#once(work, writes, progress);
      } catch (error) {
        if (error instanceof ScrubberError || error instanceof TypeError) throw error;
        const failure = this.#explain(error);
        const again =
          failure.lost === "transaction" ||
          (failure.lost === "connection" && !progress.begun && attempt <= STALE_CONNECTIONS);
        if (!again || attempt === ATTEMPTS) throw this.#error(failure);
        const ceiling = Math.min(FIRST_PAUSE_MS * 2 ** attempt, LONGEST_PAUSE_MS);
        await sleep(ceiling * (0.5 + Math.random() / 2));
      }
    }
  }

  async #once<T>(work: (session: Session) => Promise<T>, writes: boolean, progress: { begun: boolean }): Promise<T> {
    const connection = await this.#driver.acquire();
    let broken = false;
    try {
      if (!writes) return await work(this.#session(connection));
      await connection.run(this.#driver.begin, []);
      progress.begun = true;
      const result = await work(this.#session(connection));
      await connection.run("COMMIT", []);
      return result;
    } catch (error) {
      // A lost connection would never answer a rollback; the server makes it by itself.
      broken = this.#driver.explain(error).lost === "connection";
      if (progress.begun && !broken) {
        broken = await connection.run("ROLLBACK", []).then(
          () => false,
          () => true,
        );
      }
      throw error;
    } finally {
      connection.release(broken);
    }
  }

  #session(connection: Connection): Session {
    const dialect = this.#driver.dialect();
    return {
      all: async <Row extends readonly unknown[]>(statement: Sql): Promise<readonly Row[]> => {
        const { text, values } = render(statement, dialect);
        return (await connection.all(text, values)) as unknown as readonly Row[];
      },
      run: (statement) => {
        const { text, values } = render(statement, dialect);
        return connection.run(text, values);
      },
    };
  }

  #explain(error: unknown): Failure {
    return error instanceof ReadOnlyServer ? READ_ONLY : this.#driver.explain(error);
  }

  #error(failure: Failure): ScrubberError {
    return new ScrubberError(
      failure.code,
      `the registry's database ${this.#driver.name} does not answer as it should: ${failure.reason}`,
      failure.hint === undefined ? {} : { hint: failure.hint },
    );
  }
}
