import { statSync } from "node:fs";
import { pathToFileURL } from "node:url";
import { DatabaseSync, type StatementSync } from "node:sqlite";
import { messageOf } from "@scrubber/core";
import { claimBesideFile } from "./claim.ts";
import { sql, type Dialect } from "./sql.ts";
import type { Connection, Driver, Failure } from "./database.ts";
import { writeInstant } from "./instants.ts";

/** How long a call may hold up the whole process for another process's lock; longer waits are tried again without holding it up. */
const BUSY_MS = 25;

const BUSY = 5;
const LOCKED = 6;
const READONLY = 8;
const CORRUPT = 11;
const NOT_A_DATABASE = 26;

/** Opens a database that is there; never makes one, never changes its journal mode. */
export function openSqlite(path: string): DatabaseSync {
  const url = pathToFileURL(path);
  url.searchParams.set("mode", "rw");
  const database = new DatabaseSync(url, { timeout: BUSY_MS });
  database.exec("PRAGMA synchronous = FULL");
  return database;
}

/**
 * The driver for SQLite: one connection, used by one unit of work after the other. Where another file has taken the place of the one that was opened (a
 * backup, say), it is opened in its stead: what is gone from its place says nothing of what is alive.
 */
export function sqliteDriver(first: DatabaseSync, path: string, clock: () => Date): Driver {
  let open = { database: first, file: fileAt(path) };
  const statements = new Map<string, StatementSync>();
  const refresh = (): void => {
    const file = fileAt(path);
    if (file === open.file && open.database.isOpen) return;
    statements.clear();
    if (open.database.isOpen) open.database.close();
    open = { database: openSqlite(path), file };
  };
  const prepare = (text: string): StatementSync => {
    const known = statements.get(text);
    if (known !== undefined) return known;
    const statement = open.database.prepare(text);
    statement.setReturnArrays(true);
    statements.set(text, statement);
    return statement;
  };
  let last: Promise<void> = Promise.resolve();
  return {
    dialect: () => dialect(writeInstant(clock())),
    begin: "BEGIN IMMEDIATE",
    name: path,
    wholeSeconds: false,
    async acquire(): Promise<Connection> {
      const turn = Promise.withResolvers<void>();
      const before = last;
      last = turn.promise;
      await before;
      try {
        refresh();
      } catch (error) {
        turn.resolve();
        throw error;
      }
      return {
        all: async (text, values) => prepare(text).all(...(values as string[])) as unknown as unknown[][],
        run: async (text, values) => Number(prepare(text).run(...(values as string[])).changes),
        release: () => turn.resolve(),
      };
    },
    explain,
    claim: async () => claimBesideFile(path),
    async close(): Promise<void> {
      await last;
      statements.clear();
      if (open.database.isOpen) open.database.close();
    },
  };
}

function fileAt(path: string): string | undefined {
  const found = statSync(path, { bigint: true, throwIfNoEntry: false });
  return found && `${found.dev}:${found.ino}`;
}

function dialect(at: string): Dialect {
  return {
    placeholder: () => "?",
    now: () => sql`${at}`,
    among: (values) => sql`IN (SELECT value FROM json_each(${JSON.stringify(values)}))`,
    // Times are text there, and some programs write them with a T.
    instant: (time) => sql`REPLACE(${time}, 'T', ' ')`,
    // Ids are random, and so is the way through the table in their order.
    imageOrder: { column: "rowid", bind: Number },
    lock: "",
  };
}

/** What an error of SQLite means (https://www.sqlite.org/rescode.html). */
export function explain(error: unknown): Failure {
  const reason = messageOf(error);
  const code = error instanceof Error && "errcode" in error ? Number(error.errcode) & 0xff : undefined;
  if (code === BUSY || code === LOCKED) {
    return {
      code: "SCRUBBER_REGISTRY_UNAVAILABLE",
      reason: `it is locked by another program (${reason})`,
      lost: "transaction",
    };
  }
  if (code === READONLY) {
    return {
      code: "SCRUBBER_REGISTRY_DENIED",
      reason,
      hint: "Give the scrubber's user the right to write the file and its folder.",
    };
  }
  if (code === CORRUPT || code === NOT_A_DATABASE) {
    return {
      code: "SCRUBBER_REGISTRY_UNAVAILABLE",
      reason,
      hint: "Check the file with sqlite3 FILE 'PRAGMA integrity_check' and restore it from a backup.",
    };
  }
  if (/no such (table|column)/.test(reason)) {
    return {
      code: "SCRUBBER_REGISTRY_SCHEMA",
      reason,
      hint: "It must have Glance's schema (Rocky or later). Let scrubber init make a new one, or bring Glance's up to date with glance-manage db sync.",
    };
  }
  return { code: "SCRUBBER_REGISTRY_UNAVAILABLE", reason };
}
