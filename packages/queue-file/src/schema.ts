import { ScrubberError } from "@scrubber/core";
import type { Database } from "./database.ts";

/** Of a queue as this version writes it. Counted up with every change of the tables; each step from one to the next stands in {@link STEPS}. */
const SCHEMA_VERSION = 2;

/** Marks a SQLite file as a queue: "scrb". */
const APPLICATION_ID = 0x73_63_72_62;

/**
 * What becomes of an entry. Only `ready` and its due time say what a lease hands out.
 *
 * `ready` entries have no `visible_at`. `paused` and `leased` ones have: when that time has come, the next lease makes them ready again. So what waits costs nothing.
 */
export const STATE = { ready: 0, paused: 1, leased: 2, setAside: 3 } as const;

/**
 * - `entries`: `uri` is text in the clear or a blob sealed; `details` is JSON of store, identity and metadata. The due time is `due_base`, where it
 *   is the entry's own (`own_due` 1), else `due_base` + the configured delay: so a changed delay moves a whole queue at no cost.
 *   `lane` is that of the last release, or empty. `token` is that of the last lease, until it is settled.
 * - `digests` finds an entry by what it is (image, URI, store), and all entries of an image. It may name entries that are gone: taking a digest out at once would write one page
 *   for each, all over the index. `removed` keeps them, in order of arrival within each of a few ranges of digests, and one range at a time is taken out together.
 * - `totals`, one row: what would cost a walk to count, the last id and token given out, and the schema's version, which every transaction reads.
 * - `claims` names files of the drop box, how far their entries are committed, and what could not be read.
 */
const TABLES = `
  CREATE TABLE entries (
    id INTEGER PRIMARY KEY,
    digest BLOB NOT NULL,
    image_id TEXT NOT NULL,
    uri ANY NOT NULL,
    details TEXT,
    requested_at INTEGER NOT NULL,
    own_due INTEGER NOT NULL,
    due_base INTEGER NOT NULL,
    state INTEGER NOT NULL,
    lane TEXT NOT NULL DEFAULT '',
    visible_at INTEGER,
    token INTEGER,
    attempts INTEGER NOT NULL DEFAULT 0,
    error TEXT
  ) STRICT;
  CREATE INDEX entries_by_due ON entries (state, lane, own_due, due_base) WHERE state <> 2;
  CREATE INDEX entries_by_visible ON entries (state, lane, visible_at) WHERE visible_at IS NOT NULL;

  CREATE TABLE digests (digest BLOB PRIMARY KEY, id INTEGER NOT NULL) STRICT, WITHOUT ROWID;
  CREATE TABLE removed (range TEXT, id INTEGER, digest BLOB NOT NULL, PRIMARY KEY (range, id)) STRICT, WITHOUT ROWID;

  CREATE TABLE totals (
    version INTEGER NOT NULL,
    active INTEGER NOT NULL,
    set_aside INTEGER NOT NULL,
    last_id INTEGER NOT NULL,
    last_token INTEGER NOT NULL,
    removed INTEGER NOT NULL,
    next_range INTEGER NOT NULL
  ) STRICT;
  INSERT INTO totals VALUES (1, 0, 0, 0, 0, 0, 0);

  CREATE TABLE claims (
    name TEXT PRIMARY KEY,
    position INTEGER NOT NULL,
    lines INTEGER NOT NULL,
    problems TEXT NOT NULL,
    problem_count INTEGER NOT NULL,
    finished INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE notes (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
  CREATE TABLE secret (value TEXT NOT NULL) STRICT;
`;

/**
 * Since version 2 a trigger takes digests out at once, where the token is even (`nextToken`). And the totals may be behind by entries that were added since (`TotalsTable`): what
 * version 1 wrote is right for version 2, but not the other way round.
 *
 * One trigger, which cannot fail: with a second one, or one that could, every deletion costs twice as much.
 */
const TRIGGER = `
  CREATE TRIGGER entries_take_digest_along AFTER DELETE ON entries WHEN old.token & 1 IS NOT 1
    BEGIN DELETE FROM digests WHERE digest = old.digest; END;
`;

/** How a queue of version n becomes one of n + 1: `STEPS[0]` makes the first. */
const STEPS: readonly string[] = [TABLES, TRIGGER];

/**
 * Makes the tables of a new queue, or brings those of an older version up to this one, in one transaction.
 *
 * @throws {ScrubberError} `SCRUBBER_QUEUE_SCHEMA` for a newer queue, or a database of somebody else; then nothing was changed.
 */
export async function migrate(database: Database): Promise<void> {
  const found = await database.read(() => versionOf(database));
  if (found === SCHEMA_VERSION) return;
  await database.write(() => {
    const version = versionOf(database);
    for (const step of STEPS.slice(version)) database.exec(step);
    database.exec(
      `PRAGMA application_id = ${APPLICATION_ID}; PRAGMA user_version = ${SCHEMA_VERSION}; UPDATE totals SET version = ${SCHEMA_VERSION}`,
    );
  });
}

function versionOf(database: Database): number {
  const version = pragma(database, "user_version");
  const isEmpty = database.prepare("SELECT 1 FROM sqlite_schema LIMIT 1").get() === undefined;
  if (!isEmpty && pragma(database, "application_id") !== APPLICATION_ID) {
    throw new ScrubberError(
      "SCRUBBER_QUEUE_SCHEMA",
      `queue.sqlite in ${database.directory} is not a queue of Scrubber`,
      {
        hint: "Give the queue a directory of its own.",
      },
    );
  }
  assertVersion(version, database.directory);
  return version;
}

function pragma(database: Database, name: string): number {
  return Number(database.prepare(`PRAGMA ${name}`).get()?.[0]);
}

/** Refuses a queue that a newer version has changed, at open and under our feet. */
export function assertVersion(version: number, directory: string): void {
  if (version <= SCHEMA_VERSION) return;
  throw new ScrubberError(
    "SCRUBBER_QUEUE_SCHEMA",
    `the queue in ${directory} has schema version ${version}; this version of @scrubber/queue-file knows ${SCHEMA_VERSION}`,
    { hint: "Nothing was changed. Upgrade @scrubber/queue-file to the version that wrote it, or a later one." },
  );
}
