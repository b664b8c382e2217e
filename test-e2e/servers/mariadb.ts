import { spawnSync } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import { createPool, type Pool, type PoolOptions } from "mysql2/promise";
import type { Certificate } from "./authority.ts";
import {
  freePort,
  startProcess,
  type DatabaseServer,
  type ServerDatabase,
  type ServerProcess,
} from "./database-server.ts";

const ADMIN: Pick<PoolOptions, "host" | "user" | "password"> = { host: "127.0.0.1", user: "admin", password: "admin" };

/** Starts Debian's MariaDB; with a certificate, for TLS beside connections in the clear. */
export async function startMariadb(certificate?: Certificate): Promise<DatabaseServer> {
  const folder = await mkdtemp(join(tmpdir(), "mariadb-"));
  const data = join(folder, "data");
  const { username } = userInfo();
  // By a relative path: the script cannot bear a space in it.
  const install = spawnSync(
    "mariadb-install-db",
    ["--no-defaults", `--user=${username}`, "--datadir=./data", "--skip-test-db"],
    { encoding: "utf8", cwd: folder },
  );
  if (install.status !== 0) throw new Error(`mariadb-install-db: ${install.error?.message ?? install.stderr}`);
  const init = join(folder, "init.sql");
  await writeFile(
    init,
    "CREATE USER IF NOT EXISTS 'admin'@'%' IDENTIFIED BY 'admin';\nGRANT ALL ON *.* TO 'admin'@'%' WITH GRANT OPTION;\n",
  );
  const port = await freePort();
  let running: ServerProcess;
  const start = async (): Promise<void> => {
    running = startProcess(
      "/usr/sbin/mariadbd",
      [
        "--no-defaults",
        `--user=${username}`,
        `--datadir=${data}`,
        `--init-file=${init}`,
        // Relative to the data folder: the path of a socket must be short, and that of a temporary folder may not be.
        "--socket=s.sock",
        "--pid-file=mariadbd.pid",
        "--bind-address=127.0.0.1",
        `--port=${port}`,
        "--skip-name-resolve",
        "--innodb-buffer-pool-size=128M",
        "--innodb-flush-log-at-trx-commit=2",
        ...(certificate === undefined ? [] : [`--ssl-cert=${certificate.cert}`, `--ssl-key=${certificate.key}`]),
      ],
      join(folder, "log"),
      {},
    );
    await running.ready(() => asAdmin(port, async (admin) => void (await query(admin, "SELECT 1"))));
  };
  await start();
  return {
    kind: "mariadb",
    port,
    start,
    createDatabase: (name, how) => createDatabase(name, port, how),
    admin: (text) => asAdmin(port, (admin) => query(admin, text)),
    stop: () => running.stop("SIGTERM"),
    async [Symbol.asyncDispose]() {
      await running.stop("SIGTERM");
      await rm(folder, { recursive: true, force: true });
    },
  };
}

async function asAdmin<T>(port: number, work: (admin: Pool) => Promise<T>): Promise<T> {
  const admin = createPool({ ...ADMIN, port });
  try {
    return await work(admin);
  } finally {
    await admin.end();
  }
}

async function createDatabase(name: string, port: number, how = "CHARACTER SET utf8"): Promise<ServerDatabase> {
  await asAdmin(port, async (admin) => {
    await admin.query(`CREATE DATABASE ${name} ${how}`);
    await createUser(admin, name, `ALL ON ${name}.*`);
  });
  const pool = createPool({ ...ADMIN, port, database: name, dateStrings: true, connectionLimit: 2 });
  return {
    url: `mysql://${name}:secret@127.0.0.1:${port}/${name}`,
    sqlAlchemyUrl: `mysql+pymysql://${name}:secret@127.0.0.1:${port}/${name}?charset=utf8`,
    query: (text, values) => query(pool, text, values),
    async transaction(work) {
      const connection = await pool.getConnection();
      try {
        await connection.beginTransaction();
        const result = await work((text, values) => query(connection, text, values));
        await connection.commit();
        return result;
      } catch (error) {
        await connection.rollback();
        throw error;
      } finally {
        connection.release();
      }
    },
    async urlOf(user, rights) {
      await createUser(pool, user, `${rights} ON ${name}.*`);
      return `mysql://${user}:secret@127.0.0.1:${port}/${name}`;
    },
    [Symbol.asyncDispose]: () => pool.end(),
  };
}

async function query(
  on: Pick<Pool, "query">,
  text: string,
  values: readonly unknown[] = [],
): Promise<readonly Record<string, unknown>[]> {
  const [rows] = await on.query(text, [...values]);
  return Array.isArray(rows) ? (rows as Record<string, unknown>[]) : [];
}

async function createUser(pool: Pool, name: string, rights: string): Promise<void> {
  await pool.query(`CREATE USER '${name}'@'%' IDENTIFIED BY 'secret'`);
  await pool.query(`GRANT ${rights} TO '${name}'@'%'`);
}
