import { DatabaseSync } from "node:sqlite";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startMariadb } from "../servers/mariadb.ts";
import { startPostgres } from "../servers/postgres.ts";
import { makeGlanceSchema } from "../servers/glance-schema.ts";

export type DatabaseKind = "sqlite" | "mariadb" | "postgres";

/** A database with the schema that Glance's own tool made, and another hand on it than the registry's. */
export interface GlanceDatabase extends AsyncDisposable {
  readonly kind: DatabaseKind;
  /** Such as Glance's configuration has it. */
  readonly sqlAlchemyUrl: string;
  /** The URL of somebody who may only SELECT and UPDATE; on SQLite, which knows no rights, the plain one. */
  readonly restrictedUrl: string;
  query(text: string, values?: readonly unknown[]): Promise<readonly Record<string, unknown>[]>;
  /** Empties the tables of images. */
  clear(): Promise<void>;
  /** Makes the database fail, until the returned function is called. */
  breakDown(): Promise<() => Promise<void>>;
  /** A time as Glance keeps it there. */
  time(at: Date): string;
}

const TABLES = ["image_locations", "image_members", "image_tags", "image_properties", "images"];

export async function openGlanceDatabase(kind: DatabaseKind): Promise<GlanceDatabase> {
  const database = kind === "sqlite" ? await onSqlite() : await onServer(kind);
  return {
    ...database,
    async clear() {
      for (const table of TABLES) await database.query(`DELETE FROM ${table}`);
    },
  };
}

async function onServer(kind: "mariadb" | "postgres"): Promise<Omit<GlanceDatabase, "clear">> {
  const server = await (kind === "mariadb" ? startMariadb() : startPostgres());
  const database = await server.createDatabase("glance");
  await makeGlanceSchema(database.sqlAlchemyUrl);
  const fraction = kind === "mariadb" ? 19 : 23;
  return {
    kind,
    sqlAlchemyUrl: database.sqlAlchemyUrl,
    restrictedUrl: await database.restrictedUrl(),
    query: (text, values) => database.query(text, values),
    async breakDown() {
      await server.stop();
      return () => server.start();
    },
    time: (at) => at.toISOString().slice(0, fraction).replace("T", " "),
    async [Symbol.asyncDispose]() {
      await database[Symbol.asyncDispose]();
      await server[Symbol.asyncDispose]();
    },
  };
}

async function onSqlite(): Promise<Omit<GlanceDatabase, "clear">> {
  const folder = await mkdtemp(join(tmpdir(), "glance-sqlite-"));
  const path = join(folder, "glance.sqlite");
  await makeGlanceSchema(`sqlite:///${path}`);
  const db = new DatabaseSync(path);
  const query: GlanceDatabase["query"] = async (text, values = []) =>
    db
      .prepare(text)
      .all(...(values as string[]))
      .map((row) => ({ ...row }));
  return {
    kind: "sqlite",
    sqlAlchemyUrl: `sqlite:///${path}`,
    restrictedUrl: `sqlite:${path}`,
    query,
    async breakDown() {
      for (const table of TABLES) db.exec(`ALTER TABLE ${table} RENAME TO broken_${table}`);
      return async () => {
        for (const table of TABLES) db.exec(`ALTER TABLE broken_${table} RENAME TO ${table}`);
      };
    },
    time: (at) => `${at.toISOString().slice(0, 23).replace("T", " ")}000`,
    async [Symbol.asyncDispose]() {
      db.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
