import { ScrubberError } from "@scrubber/core";
import type { Database } from "./database.ts";

/** Of a queue as this version writes it. Counted up with every change of the tables. */
const SCHEMA_VERSION = 3;

/** Marks a SQLite file as a queue: "scrb". */
const APPLICATION_ID = 0x73_63_72_62;

/** What becomes of an entry: it is `ready` from its due time on; `paused` until its `visible_at`, when the next lease makes it ready; or `setAside`. What is leased is ready, too. */
export const STATE = { ready: 0, paused: 1, setAside: 3 } as const;

/**
 * An entry has a wide row, which is written when it comes, when it goes and when something went wrong; and narrow ones, which follow it through the queue.
 *
 * - `entries`: `uri` is text in the clear or a blob sealed; `details` is JSON of store, identity and metadata. The due time is `due_base`, where it
 *   is the entry's own (`own_due` 1), else `due_base` + the configured delay: so a changed delay moves a whole queue at no cost.
 *   `lane` is that of the last release, or empty.
 * - `due` has what is not leased, in order; but not yet the few that were added last, beyond the `last_id` of the totals. `leases` has what is, with the `token` that may settle it: a null one, when the entry was asked for anew. Once a lease has run out,
 *   its `until` is null and the entry is due again; but until the next lease it can still be settled.
 * - `digests` finds an entry by what it is (image, URI, store), and all entries of an image. It may name entries that are gone: in a large queue, taking a digest out at once would
 *   write one page for each, all over the index. `removed` keeps them, in order of arrival within each of a few ranges of digests, and one range at a time is taken out together.
 * - `totals`, one row: what would cost a walk to count, the last id and token (but for what was added since), whether digests are taken out late, when the first lease may run out, and the schema's
 *   version, which every transaction reads.
 * - `claims` names files of the drop box, how far their entries are committed, and what could not be read.
 */
const DUE_AND_LEASES = `
  CREATE TABLE due (
    state INTEGER NOT NULL,
    lane TEXT NOT NULL,
    own_due INTEGER NOT NULL,
    due_base INTEGER NOT NULL,
    id INTEGER NOT NULL,
    PRIMARY KEY (state, lane, own_due, due_base, id)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE leases (id INTEGER PRIMARY KEY, token INTEGER, until INTEGER) STRICT;
`;

const INDEX = "CREATE INDEX entries_paused ON entries (lane, visible_at) WHERE visible_at IS NOT NULL;";

/** One trigger, which cannot fail: with a second one, or one that could, every deletion costs twice as much. */
const TRIGGER = `
  CREATE TRIGGER entries_take_digest_along AFTER DELETE ON entries WHEN NOT (SELECT late FROM totals)
    BEGIN DELETE FROM digests WHERE digest = old.digest; END;
`;

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
    attempts INTEGER NOT NULL DEFAULT 0,
    error TEXT
  ) STRICT;

  CREATE TABLE digests (digest BLOB PRIMARY KEY, id INTEGER NOT NULL) STRICT, WITHOUT ROWID;
  CREATE TABLE removed (range TEXT, id INTEGER, digest BLOB NOT NULL, PRIMARY KEY (range, id)) STRICT, WITHOUT ROWID;

  CREATE TABLE totals (
    version INTEGER NOT NULL,
    active INTEGER NOT NULL,
    set_aside INTEGER NOT NULL,
    last_id INTEGER NOT NULL,
    last_token INTEGER NOT NULL,
    removed INTEGER NOT NULL,
    next_range INTEGER NOT NULL,
    late INTEGER NOT NULL DEFAULT 0,
    first_until INTEGER
  ) STRICT;
  INSERT INTO totals VALUES (${SCHEMA_VERSION}, 0, 0, 0, 0, 0, 0, 0, NULL);

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
  ${DUE_AND_LEASES}
  ${INDEX}
  ${TRIGGER}
`;

/**
 * From version 1 or 2. There, what was leased had a state of its own, 2, and token and end of the lease in its wide row; the rest stood in an index, which is read in its order here, so
 * that nothing has to be sorted; and the counts could be behind by what was added since.
 */
const UPGRADE = `
  DROP TRIGGER IF EXISTS entries_take_digest_along;
  ${DUE_AND_LEASES}
  INSERT INTO leases SELECT id, token, visible_at FROM entries WHERE visible_at IS NOT NULL AND state = 2;
  INSERT INTO due SELECT state, lane, own_due, due_base, id FROM entries WHERE state <> 2 ORDER BY state, lane, own_due, due_base, id;
  DROP INDEX entries_by_due;
  DROP INDEX entries_by_visible;
  UPDATE entries SET state = ${STATE.ready}, visible_at = NULL WHERE id IN (SELECT id FROM leases);
  ALTER TABLE entries DROP COLUMN token;
  ${INDEX}
  ALTER TABLE totals ADD COLUMN late INTEGER NOT NULL DEFAULT 0;
  ALTER TABLE totals ADD COLUMN first_until INTEGER;
  UPDATE totals SET (active, last_id, first_until) = (
    SELECT active + max(last_id, coalesce(max(id), 0)) - last_id, max(last_id, coalesce(max(id), 0)), (SELECT min(until) FROM leases) FROM entries
  );
  ${TRIGGER}
`;

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
    if (version === SCHEMA_VERSION) return;
    database.exec(version === 0 ? TABLES : UPGRADE);
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
