import { Socket } from "node:net";
import pg from "pg";
import { claimOnServer } from "./claim.ts";
import { Sockets } from "./closing.ts";
import type { Connection, Driver, Failure } from "./database.ts";
import { primaryAssurance } from "./primary.ts";
import { sql, type Dialect } from "./sql.ts";
import { readTls, tlsHint } from "./tls.ts";
import { describe, type ServerAddress } from "./url.ts";

const CONNECTIONS = 4;
const CONNECT_MS = 10_000;
const STATEMENT_MS = 120_000;
const IDLE_MS = 60_000;
const TIMESTAMP_OID = 1114;

/** The driver for PostgreSQL: a small pool, opened when it is first needed. */
export function postgresDriver(address: ServerAddress): Driver {
  const sockets = new Sockets();
  const pool = new pg.Pool({
    ...poolOptions(address),
    stream: () => {
      const socket = new Socket();
      sockets.add(socket);
      return socket;
    },
  });
  const prepared = new WeakSet<pg.PoolClient>();
  // An idle connection that the server ended is taken out of the pool by the pool itself.
  pool.on("error", () => {});
  // One that it ended while a claim or a transaction holds it fails at its next statement; unheard, the event would end the process.
  pool.on("connect", (client) => client.on("error", () => {}));
  const assurePrimary = primaryAssurance();
  let dialect: Dialect = DIALECT;
  const acquire = async (): Promise<Connection> => {
    const client = await pool.connect();
    try {
      if (!prepared.has(client)) {
        await client.query("SET TIME ZONE 'UTC'; SET datestyle TO ISO; SET lock_timeout TO '10s'");
        const { rows } = await client.query<{ server_encoding: string }>("SHOW server_encoding");
        dialect = rows[0]?.server_encoding === "LATIN1" ? LATIN1_DIALECT : DIALECT;
        prepared.add(client);
      }
      await assurePrimary(client, async () => {
        const { rows } = await client.query<{ transaction_read_only: string }>("SHOW transaction_read_only");
        return rows[0]?.transaction_read_only !== "off";
      });
    } catch (error) {
      client.release(true);
      throw error;
    }
    return {
      all: async (text, values) => (await client.query<unknown[]>({ text, values, rowMode: "array" })).rows,
      run: async (text, values) => (await client.query(text, values)).rowCount ?? 0,
      release: (broken) => client.release(broken),
    };
  };
  return {
    dialect: () => dialect,
    // Whatever the server's default: a view that is older than the locks would not show what came to an image since.
    begin: "BEGIN ISOLATION LEVEL READ COMMITTED",
    name: describe({ kind: "postgres", ...address }),
    wholeSeconds: false,
    acquire,
    explain,
    // Released with its connection. The number is a name of this project's own choice.
    claim: () => claimOnServer(acquire, CLAIM),
    close: () => sockets.close(() => pool.end()),
  };
}

function poolOptions({ host, port, socket, user, password, database, tls }: ServerAddress): pg.PoolConfig {
  return {
    host: socket ?? host,
    port,
    ...(user !== undefined && { user }),
    ...(password !== undefined && { password }),
    database,
    application_name: "scrubber",
    connectionTimeoutMillis: CONNECT_MS,
    query_timeout: STATEMENT_MS,
    max: CONNECTIONS,
    idleTimeoutMillis: IDLE_MS,
    keepAlive: true,
    // Times stay text, as they are kept: in UTC, without a zone.
    types: {
      getTypeParser: ((oid: number, format?: "text") =>
        oid === TIMESTAMP_OID
          ? (text: string) => text
          : pg.types.getTypeParser(oid, format)) as typeof pg.types.getTypeParser,
    },
    ...(tls !== undefined && {
      ssl: {
        ...readTls(tls),
        ...(!tls.verifyHost && { checkServerIdentity: () => undefined }),
      },
    }),
  };
}

const CLAIM = "SELECT CASE WHEN pg_try_advisory_lock(1935897202) THEN 1 ELSE 0 END";

const DIALECT: Dialect = {
  placeholder: (n) => `$${n}`,
  now: () => sql`(now() AT TIME ZONE 'utc')`,
  among: (values) => sql`= ANY(${values})`,
  instant: (time) => time,
  imageOrder: { column: "id", bind: (text) => text },
  lock: " FOR UPDATE",
};

/** What such a database cannot hold is in no column of it, and would fail the whole statement. Of other encodings than this and UTF8 the server is the judge. */
const LATIN1_DIALECT: Dialect = {
  ...DIALECT,
  among: (values) =>
    DIALECT.among(values.filter((value) => typeof value === "number" || !/[^\u0000-\u00ff]/u.test(value))),
};

/** Rolled back and worth another try: a serialization failure, a deadlock, a lock that was waited for in vain. */
const TRANSIENT: ReadonlySet<string> = new Set(["40001", "40P01", "55P03"]);
/** No privilege, a wrong password, no such role. */
const DENIED: ReadonlySet<string> = new Set(["42501", "28000", "28P01"]);
/** No such database, table, column; another type. */
const SCHEMA: ReadonlySet<string> = new Set(["3D000", "42P01", "42703", "42804", "42883"]);
/** Ended by the server for a limit or by somebody. */
const CANCELLED = "57014";
/** Text that another encoding cannot hold; bytes that are no text. */
const ENCODING: ReadonlySet<string> = new Set(["22P05", "22021"]);
/** The server goes down, or somebody ended the connection; what Node calls a connection that failed. */
const ENDED = /^(57P0[1-3]|08[A-Z0-9]{3}|E[A-Z]+)$/;
/** These errors of the driver have no code. */
const ENDED_MESSAGE = /connection (terminated|timeout|error)|timeout exceeded|read timeout/i;

/** What an error of the server or of the driver means (https://www.postgresql.org/docs/current/errcodes-appendix.html). */
export function explain(error: unknown): Failure {
  const message = error instanceof Error ? error.message : String(error);
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  const reason = message || code;
  if (TRANSIENT.has(code)) return { code: "SCRUBBER_REGISTRY_UNAVAILABLE", reason, lost: "transaction" };
  if (DENIED.has(code)) {
    return {
      code: "SCRUBBER_REGISTRY_DENIED",
      reason,
      hint: "The scrubber's user needs SELECT and UPDATE on Glance's tables: GRANT SELECT, UPDATE ON ALL TABLES IN SCHEMA public TO USER.",
    };
  }
  if (SCHEMA.has(code)) {
    return {
      code: "SCRUBBER_REGISTRY_SCHEMA",
      reason,
      hint: "The URL must name Glance's database (Rocky or later), brought up to date with glance-manage db sync, and its tables must be on the search_path of the scrubber's user.",
    };
  }
  if (code === CANCELLED) {
    return {
      code: "SCRUBBER_REGISTRY_UNAVAILABLE",
      reason,
      hint: "Give the scrubber's user more time for a statement: ALTER ROLE USER SET statement_timeout = '2min'.",
    };
  }
  if (ENCODING.has(code)) {
    return {
      code: "SCRUBBER_REGISTRY_UNAVAILABLE",
      reason,
      hint: "The database's encoding cannot hold an image's id, or a location there is no UTF-8. Correct what is named, or move Glance to a database in UTF8.",
    };
  }
  return {
    code: "SCRUBBER_REGISTRY_UNAVAILABLE",
    reason,
    hint: tlsHint(message) ?? "See whether the database server runs and can be reached from here.",
    ...((ENDED.test(code) || ENDED_MESSAGE.test(message)) && { lost: "connection" }),
  };
}
