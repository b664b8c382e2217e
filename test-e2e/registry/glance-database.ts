import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import type { ServerDatabase } from "../servers/database-server.ts";
import { makeGlanceSchema } from "../servers/glance-schema.ts";
import { startMariadb } from "../servers/mariadb.ts";
import { startPostgres } from "../servers/postgres.ts";

export type DatabaseKind = "sqlite" | "mariadb" | "postgres";

/** A database with the schema that Glance's own tool made, and another hand on it than the registry's. */
export interface GlanceDatabase extends AsyncDisposable {
  readonly kind: DatabaseKind;
  /** The URL of somebody who may only SELECT and UPDATE; on SQLite, which knows no rights, of the file. */
  readonly restrictedUrl: string;
  query(text: string, values?: readonly unknown[]): Promise<readonly Record<string, unknown>[]>;
  /** Ends the connection that holds the scrubber's claim; where a server keeps it. */
  readonly endClaim?: () => Promise<void>;
  /** Empties the tables of images. */
  clear(): Promise<void>;
  /** Makes the database fail, until the returned function is called. */
  breakDown(): Promise<() => Promise<void>>;
  /** Every table and column that there is. */
  describe(): Promise<readonly unknown[]>;
  /** A time as Glance keeps it there. */
  time(at: Date): string;
}

export interface GlanceServerDatabase extends GlanceDatabase {
  /** Sets the server's time zone far from UTC, for new connections. */
  useTimeZone(): Promise<void>;
  /** Settings of the server that change how every session reads, and that somebody may have made. */
  readonly oddSettings: readonly string[];
  /** The setting with which it takes no writes, as replicas do. */
  readonly readOnlySetting: string;
  /** The setting with which it ends statements that take longer than half a second. */
  readonly timeLimitSetting: string;
  /** Gives the server a setting for new sessions, until it is disposed of. */
  useSettings(settings: string): Promise<AsyncDisposable>;
  /** Lets nobody else read the table of locations while `work` runs. */
  withholdLocations<T>(work: () => Promise<T>): Promise<T>;
  /** Runs `work` as one transaction that is not given up in a deadlock; on MariaDB if it has changed more rows than the other. */
  readonly transaction: ServerDatabase["transaction"];
  /** Resolves when another transaction has locked the image's row. */
  untilLocked(imageId: string): Promise<void>;
  /** The URL of a user who may read and not write. */
  readOnlyUrl(): Promise<string>;
  /** The URL of a database without tables. */
  emptyUrl(): Promise<string>;
}

const TABLES = ["image_locations", "image_members", "image_tags", "image_properties", "images"];

export async function openGlanceDatabase(kind: DatabaseKind): Promise<GlanceDatabase> {
  return kind === "sqlite" ? await openSqliteDatabase() : await openServerDatabase(kind);
}

export async function openServerDatabase(kind: "mariadb" | "postgres", how?: string): Promise<GlanceServerDatabase> {
  const server = await (kind === "mariadb" ? startMariadb() : startPostgres());
  const database = await server.createDatabase("glance", how);
  await makeGlanceSchema(database.sqlAlchemyUrl);
  const isMariadb = kind === "mariadb";
  if (!isMariadb) await server.admin("GRANT SET ON PARAMETER deadlock_timeout TO glance");
  const schema = isMariadb ? "glance" : "public";
  return {
    kind,
    restrictedUrl: await database.urlOf("restricted", "SELECT, UPDATE"),
    query: (text, values) => database.query(text, values),
    clear: () => clear(database),
    transaction: (work) =>
      database.transaction(async (query) => {
        // PostgreSQL gives up the one that looks for a deadlock first, after this time of waiting.
        if (!isMariadb) await query("SET LOCAL deadlock_timeout = '10min'");
        return await work(query);
      }),
    async endClaim() {
      if (!isMariadb) {
        await server.admin("SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory'");
        return;
      }
      const [row] = await database.query("SELECT IS_USED_LOCK(CONCAT('scrubber:', LEFT(DATABASE(), 50))) AS id");
      await database.query(`KILL ${Number(row?.["id"])}`);
    },
    async breakDown() {
      await server.stop();
      return () => server.start();
    },
    describe: () =>
      database.query(
        `SELECT table_name, column_name, column_default, is_nullable, data_type FROM information_schema.columns
        WHERE table_schema = ? ORDER BY table_name, column_name`,
        [schema],
      ),
    time: (at) =>
      at
        .toISOString()
        .slice(0, isMariadb ? 19 : 23)
        .replace("T", " "),
    async useTimeZone() {
      await server.admin(
        isMariadb ? "SET GLOBAL time_zone = '+09:30'" : "ALTER DATABASE glance SET timezone TO 'Asia/Tokyo'",
      );
    },
    oddSettings: isMariadb
      ? ["autocommit=OFF", "completion_type=CHAIN", "tx_isolation=READ-UNCOMMITTED", "tx_isolation=SERIALIZABLE"]
      : ["default_transaction_isolation=serializable", "default_transaction_isolation=repeatable read"],
    timeLimitSetting: isMariadb ? "max_statement_time=0.5" : "statement_timeout=500",
    withholdLocations: (work) =>
      database.transaction(async (query) => {
        await query(isMariadb ? "LOCK TABLES image_locations WRITE" : "LOCK TABLE image_locations");
        try {
          return await work();
        } finally {
          if (isMariadb) await query("UNLOCK TABLES");
        }
      }),
    readOnlySetting: isMariadb ? "read_only=ON" : "default_transaction_read_only=on",
    async useSettings(settings) {
      const [name = "", value = ""] = settings.split("=");
      const set = (text: string): string =>
        isMariadb ? `SET GLOBAL ${name} = ${text}` : `ALTER DATABASE glance SET ${name} TO ${text}`;
      await server.admin(set(/^[\d.]+$/.test(value) ? value : `'${value}'`));
      return { [Symbol.asyncDispose]: async () => void (await server.admin(set("DEFAULT"))) };
    },
    async untilLocked(imageId) {
      for (;;) {
        const free = await database.query("SELECT id FROM images WHERE id = ? FOR UPDATE NOWAIT", [imageId]).then(
          () => true,
          () => false,
        );
        if (!free) return;
      }
    },
    readOnlyUrl: () => database.urlOf("reader", "SELECT"),
    async emptyUrl() {
      const empty = await server.createDatabase("empty");
      await empty[Symbol.asyncDispose]();
      return empty.url;
    },
    async [Symbol.asyncDispose]() {
      await database[Symbol.asyncDispose]();
      await server[Symbol.asyncDispose]();
    },
  };
}

async function openSqliteDatabase(): Promise<GlanceDatabase> {
  const folder = await mkdtemp(join(tmpdir(), "glance-sqlite-"));
  const path = join(folder, "glance.sqlite");
  await makeGlanceSchema(`sqlite:///${path}`);
  const db = new DatabaseSync(path);
  const database: Pick<GlanceDatabase, "query"> = {
    query: async (text, values = []) =>
      db
        .prepare(text)
        .all(...(values as string[]))
        .map((row) => ({ ...row })),
  };
  return {
    kind: "sqlite",
    restrictedUrl: `sqlite:${path}`,
    ...database,
    clear: () => clear(database),
    async breakDown() {
      for (const table of TABLES) db.exec(`ALTER TABLE ${table} RENAME TO broken_${table}`);
      return async () => {
        for (const table of TABLES) db.exec(`ALTER TABLE broken_${table} RENAME TO ${table}`);
      };
    },
    describe: () =>
      database.query(
        "SELECT t.name AS t, c.* FROM sqlite_schema t, pragma_table_info(t.name) c ORDER BY t.name, c.cid",
      ),
    time: (at) => `${at.toISOString().slice(0, 23).replace("T", " ")}000`,
    async [Symbol.asyncDispose]() {
      db.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

async function clear(database: Pick<GlanceDatabase, "query">): Promise<void> {
  for (const table of TABLES) await database.query(`DELETE FROM ${table}`);
}
