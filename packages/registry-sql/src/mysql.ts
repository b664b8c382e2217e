import { createPool, type PoolConnection, type PoolOptions, type ResultSetHeader } from "mysql2/promise";
import { claimOnServer } from "./claim.ts";
import { Sockets, type Socket } from "./closing.ts";
import type { Connection, Driver, Failure } from "./database.ts";
import { primaryAssurance } from "./primary.ts";
import { sql, type Dialect, type Sql } from "./sql.ts";
import { readTls, tlsHint } from "./tls.ts";
import { describe, type ServerAddress } from "./url.ts";

const CONNECTIONS = 4;
const CONNECT_MS = 10_000;
const STATEMENT_MS = 120_000;
const IDLE_MS = 60_000;

/** How long to wait for another transaction's rows, in seconds; the server's own default is 50. */
const LOCK_WAIT_S = 10;

/**
 * What a server may be told otherwise for all sessions. Without autocommit, or with a new transaction chained to each one, all that a connection reads would be as it
 * was when its first statement ran; and what is not committed yet is nothing to delete by. A limit of rows would cut answers short without a word.
 */
const SESSION: readonly string[] = [
  `SET SESSION autocommit = 1, SESSION completion_type = 0, SESSION time_zone = '+00:00', SESSION innodb_lock_wait_timeout = ${LOCK_WAIT_S}`,
  "SET SESSION sql_select_limit = 18446744073709551615",
  "SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ WRITE",
];

/** Newer servers have more words than two for it. */
const READ_ONLY = "SELECT @@global.read_only NOT IN ('0', 'OFF')";

/** The driver for MariaDB and MySQL: a small pool, opened when it is first needed. */
export function mysqlDriver(address: ServerAddress): Driver {
  const sockets = new Sockets();
  const pool = createPool(poolOptions(address));
  pool.on("connection", (connection) => sockets.add(socketOf(connection)));
  const prepared = new WeakSet<object>();
  const assurePrimary = primaryAssurance();
  const acquire = async (): Promise<Connection> => {
    const connection = await pool.getConnection();
    const { connection: own } = connection;
    try {
      if (!prepared.has(own)) {
        for (const text of SESSION) await connection.query({ sql: text, timeout: CONNECT_MS });
        prepared.add(own);
      }
      await assurePrimary(own, async () => {
        const [rows] = await connection.query({ sql: READ_ONLY, timeout: CONNECT_MS, rowsAsArray: true });
        return Number((rows as unknown[][])[0]?.[0]) !== 0;
      });
    } catch (error) {
      connection.destroy();
      throw error;
    }
    return session(connection);
  };
  return {
    dialect: () => DIALECT,
    begin: "START TRANSACTION",
    name: describe({ kind: "mysql", ...address }),
    wholeSeconds: true,
    acquire,
    explain,
    // Released with its connection.
    claim: () => claimOnServer(acquire, CLAIM),
    close: () => sockets.close(() => pool.end()),
  };
}

/** What the driver has and its types do not say. */
function socketOf(connection: object): Socket {
  return (connection as { readonly stream: Socket }).stream;
}

function session(connection: PoolConnection): Connection {
  const send = async (text: string, values: unknown[]): Promise<unknown> => {
    // Statements without values are not prepared: they may hold lists of ids, of which no two are alike.
    const options = { sql: text, timeout: STATEMENT_MS, rowsAsArray: true };
    const [result] =
      values.length === 0
        ? await connection.query(options)
        : await connection.execute({ ...options, values: values as string[] });
    return result;
  };
  return {
    all: async (text, values) => (await send(text, values)) as unknown[][],
    run: async (text, values) => ((await send(text, values)) as ResultSetHeader).affectedRows,
    release: (broken) => {
      if (broken) connection.destroy();
      else connection.release();
    },
  };
}

function poolOptions({ host, port, socket, user, password, database, tls }: ServerAddress): PoolOptions {
  return {
    ...(socket === undefined ? { host, port } : { socketPath: socket }),
    ...(user !== undefined && { user }),
    ...(password !== undefined && { password }),
    database,
    charset: "utf8mb4",
    // Times stay text, as they are kept: in UTC, without a zone.
    dateStrings: true,
    timezone: "Z",
    connectTimeout: CONNECT_MS,
    connectionLimit: CONNECTIONS,
    maxIdle: CONNECTIONS,
    idleTimeout: IDLE_MS,
    ...(tls !== undefined && {
      ssl: {
        ...readTls(tls),
        verifyIdentity: tls.verifyHost,
      },
    }),
  };
}

const CLAIM = "SELECT GET_LOCK(CONCAT('scrubber:', LEFT(DATABASE(), 50)), 0)";

const DIALECT: Dialect = {
  placeholder: () => "?",
  now: () => sql`UTC_TIMESTAMP()`,
  among: (values) => {
    const known = values.filter((value) => typeof value === "number" || !/[^\u0000-\uffff]/u.test(value));
    const [first] = known;
    // What three bytes of UTF-8 cannot hold is in no column of Glance's, and would fail the whole statement.
    if (first === undefined) return sql`IN (NULL)`;
    if (typeof first === "number") return { parts: [`IN (${known.map(wholeNumber).join(", ")})`], values: [] };
    // Lists of a few lengths only, so that few statements are prepared.
    const length = 2 ** Math.ceil(Math.log2(known.length));
    const padded = Array.from({ length }, (_, n) => known[n] ?? first);
    return list(padded);
  },
  instant: (time) => time,
  imageOrder: { column: "id", bind: (text) => text },
  lock: " FOR UPDATE",
};

function list(values: readonly (string | number)[]): Sql {
  return { parts: ["IN (", ...Array<string>(values.length - 1).fill(", "), ")"], values };
}

function wholeNumber(value: string | number): number {
  if (!Number.isSafeInteger(value)) throw new TypeError(`${value} is no whole number`);
  return Number(value);
}

/** Rolled back and worth another try: a deadlock, a lock wait, a row that changed since it was read. */
const TRANSIENT: ReadonlySet<number> = new Set([1213, 1205, 1020]);
/** Access denied: to the server, the database, a table, a column, an operation. */
const DENIED: ReadonlySet<number> = new Set([1044, 1045, 1142, 1143, 1227, 1370, 1698]);
/** Unknown database, column, table. */
const SCHEMA: ReadonlySet<number> = new Set([1049, 1054, 1146]);
/** Ended by somebody, or for a limit: MariaDB's, MySQL's. */
const CANCELLED: ReadonlySet<number> = new Set([1317, 1969, 3024]);
/** The server goes down, or somebody ended the connection. */
const ENDED: ReadonlySet<number> = new Set([1053, 1927, 1158, 1159, 1160, 1161]);
const ENDED_CODE = /^(PROTOCOL_|E[A-Z]+$)/;

/** What an error of the server or of the driver means (https://mariadb.com/kb/en/mariadb-error-code-reference/). */
export function explain(error: unknown): Failure {
  const { errno, code, message } = fields(error);
  const reason = message || code;
  if (TRANSIENT.has(errno)) return { code: "SCRUBBER_REGISTRY_UNAVAILABLE", reason, lost: "transaction" };
  if (DENIED.has(errno)) {
    return {
      code: "SCRUBBER_REGISTRY_DENIED",
      reason,
      hint: "The scrubber's user needs SELECT and UPDATE on Glance's tables: GRANT SELECT, UPDATE ON glance.* TO USER.",
    };
  }
  if (SCHEMA.has(errno)) {
    return {
      code: "SCRUBBER_REGISTRY_SCHEMA",
      reason,
      hint: "The URL must name Glance's database (Rocky or later), brought up to date with glance-manage db sync.",
    };
  }
  if (CANCELLED.has(errno)) {
    return {
      code: "SCRUBBER_REGISTRY_UNAVAILABLE",
      reason,
      hint: "Give the scrubber's user more time for a statement: max_statement_time (MySQL: max_execution_time), of two minutes say.",
    };
  }
  return {
    code: "SCRUBBER_REGISTRY_UNAVAILABLE",
    reason,
    hint: tlsHint(message) ?? "See whether the database server runs and can be reached from here.",
    ...((ENDED.has(errno) || ENDED_CODE.test(code)) && { lost: "connection" }),
  };
}

function fields(error: unknown): { errno: number; code: string; message: string } {
  if (!(error instanceof Error)) return { errno: 0, code: "", message: String(error) };
  return {
    errno: "errno" in error ? Number(error.errno) : 0,
    code: "code" in error && typeof error.code === "string" && !error.code.startsWith("ER_") ? error.code : "",
    message: error.message,
  };
}
