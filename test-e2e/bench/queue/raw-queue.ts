import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { DatabaseSync, type StatementSync } from "node:sqlite";

/** The floor: the least that a queue in SQLite can do, written as a loop. No drop box, no lanes, no retries, no counts; the same driver, cache, checkpoints and durability. */
export class RawQueue implements Disposable {
  readonly #database: DatabaseSync;
  readonly #insert: StatementSync;
  readonly #lease: StatementSync;
  readonly #settle: StatementSync;
  #token = 0;

  constructor(directory: string) {
    this.#database = new DatabaseSync(join(directory, "raw.sqlite"), { returnArrays: true });
    this.#database.exec(
      `PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA cache_size = -8000; PRAGMA wal_autocheckpoint = 4000;
       CREATE TABLE jobs (id INTEGER PRIMARY KEY, digest BLOB NOT NULL UNIQUE, image_id TEXT NOT NULL, uri TEXT NOT NULL, due_at INTEGER NOT NULL, visible_at INTEGER NOT NULL, token INTEGER) STRICT;
       CREATE INDEX jobs_by_visible ON jobs (visible_at)`,
    );
    this.#insert = this.#database.prepare(
      "INSERT INTO jobs (digest, image_id, uri, due_at, visible_at) VALUES (?, ?, ?, ?, ?)",
    );
    this.#lease = this.#database.prepare(
      `UPDATE jobs SET visible_at = ?, token = ? WHERE id IN (SELECT id FROM jobs WHERE visible_at <= ? ORDER BY visible_at LIMIT ?)
       RETURNING id, image_id, uri, due_at`,
    );
    this.#settle = this.#database.prepare(
      "DELETE FROM jobs WHERE id IN (SELECT value FROM json_each(?)) AND token = ?",
    );
  }

  add(locations: readonly { readonly imageId: string; readonly uri: string; readonly dueAt: number }[]): void {
    this.#database.exec("BEGIN IMMEDIATE");
    for (const { imageId, uri, dueAt } of locations) this.#insert.run(randomBytes(16), imageId, uri, dueAt, dueAt);
    this.#database.exec("COMMIT");
  }

  /** Leases, and settles as done. Returns how many. */
  leaseAndSettle(limit: number, now: number): number {
    const token = ++this.#token;
    this.#database.exec("BEGIN IMMEDIATE");
    // oxlint-disable-next-line no-unsafe-type-assertion -- the typings do not know returnArrays
    const rows = this.#lease.all(now + 600_000, token, now, limit) as unknown as readonly [number, string][];
    this.#database.exec("COMMIT");
    this.#database.exec("BEGIN IMMEDIATE");
    this.#settle.run(JSON.stringify(rows.map(([id]) => id)), token);
    this.#database.exec("COMMIT");
    return rows.length;
  }

  [Symbol.dispose](): void {
    this.#database.close();
  }
}
