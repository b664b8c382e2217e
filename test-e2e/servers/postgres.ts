import { spawnSync } from "node:child_process";
import { chmod, chown, copyFile, mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import { tmpdir } from "node:os";
import pg from "pg";
import type { Certificate } from "./authority.ts";
import {
  freePort,
  startProcess,
  type DatabaseServer,
  type ServerDatabase,
  type ServerProcess,
} from "./database-server.ts";

const BINARIES = "/usr/lib/postgresql/15/bin";

/**
 * Starts Debian's PostgreSQL; as the user postgres where this process is root, which PostgreSQL refuses to be. With a certificate, for TLS beside
 * connections in the clear.
 */
export async function startPostgres(certificate?: Certificate): Promise<DatabaseServer> {
  const isRoot = process.getuid?.() === 0;
  // Another user cannot reach a temporary folder below one of root's.
  const folder = await mkdtemp(join(isRoot ? "/tmp" : tmpdir(), "postgres-"));
  const identity = isRoot ? { uid: idOf("-u"), gid: idOf("-g") } : {};
  if (identity.uid !== undefined) await chown(folder, identity.uid, identity.gid);
  const surroundings = { ...identity, cwd: folder, env: { PATH: process.env["PATH"], LC_ALL: "C.UTF-8" } };
  const data = join(folder, "data");
  const init = spawnSync(
    join(BINARIES, "initdb"),
    ["-D", data, "-U", "admin", "--auth=trust", "--encoding=UTF8", "--no-sync"],
    { ...surroundings, encoding: "utf8" },
  );
  if (init.status !== 0) throw new Error(`initdb: ${init.error?.message ?? init.stderr}`);
  const tls = certificate === undefined ? [] : await tlsOptions(certificate, folder, identity);
  const port = await freePort();
  let running: ServerProcess;
  const start = async (): Promise<void> => {
    running = startProcess(
      join(BINARIES, "postgres"),
      [
        "-D",
        data,
        "-p",
        String(port),
        "-c",
        "listen_addresses=127.0.0.1",
        "-c",
        "unix_socket_directories=",
        "-c",
        "fsync=off",
        ...tls,
      ],
      join(folder, "log"),
      surroundings,
    );
    await running.ready(() => asAdmin(port, async () => {}));
  };
  await start();
  return {
    kind: "postgres",
    port,
    start,
    createDatabase: (name, how) => createDatabase(name, port, how),
    admin: (text) => asAdmin(port, (client) => query(client, text)),
    stop: () => running.stop("SIGINT"),
    async [Symbol.asyncDispose]() {
      await running.stop("SIGINT");
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** The server reads a key only that is its user's own and nobody else's to read: so it gets a copy. */
async function tlsOptions(
  { cert, key }: Certificate,
  folder: string,
  { uid, gid }: { readonly uid?: number; readonly gid?: number },
): Promise<readonly string[]> {
  const copies = { cert: join(folder, "server.pem"), key: join(folder, "server.key") };
  await copyFile(cert, copies.cert);
  await copyFile(key, copies.key);
  await chmod(copies.key, 0o600);
  if (uid !== undefined && gid !== undefined) for (const copy of Object.values(copies)) await chown(copy, uid, gid);
  return ["-c", "ssl=on", "-c", `ssl_cert_file=${copies.cert}`, "-c", `ssl_key_file=${copies.key}`];
}

function idOf(flag: "-u" | "-g"): number {
  const { stdout, status } = spawnSync("id", [flag, "postgres"], { encoding: "utf8" });
  if (status !== 0) throw new Error("there is no user postgres: install Debian's postgresql");
  return Number(stdout);
}

async function asAdmin<T>(port: number, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ host: "127.0.0.1", port, user: "admin", database: "postgres" });
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

async function createDatabase(name: string, port: number, how = ""): Promise<ServerDatabase> {
  await asAdmin(port, async (client) => {
    await client.query(`CREATE USER ${name} PASSWORD 'secret'`);
    await client.query(`CREATE DATABASE ${name} OWNER ${name} ${how}`);
  });
  const pool = new pg.Pool({ host: "127.0.0.1", port, user: name, database: name, max: 2 });
  pool.on("error", () => {});
  return {
    url: `postgres://${name}:secret@127.0.0.1:${port}/${name}`,
    sqlAlchemyUrl: `postgresql+psycopg2://${name}:secret@127.0.0.1:${port}/${name}`,
    query: (text, values) => query(pool, text, values),
    async transaction(work) {
      const client = await pool.connect();
      try {
        await client.query("BEGIN");
        const result = await work((text, values) => query(client, text, values));
        await client.query("COMMIT");
        return result;
      } catch (error) {
        await client.query("ROLLBACK");
        throw error;
      } finally {
        client.release();
      }
    },
    async urlOf(user, rights) {
      await asAdmin(port, (client) => client.query(`CREATE USER ${user} PASSWORD 'secret'`));
      await pool.query(`GRANT ${rights} ON ALL TABLES IN SCHEMA public TO ${user}`);
      return `postgres://${user}:secret@127.0.0.1:${port}/${name}`;
    },
    [Symbol.asyncDispose]: () => pool.end(),
  };
}

async function query(
  on: Pick<pg.ClientBase, "query">,
  text: string,
  values: readonly unknown[] = [],
): Promise<readonly Record<string, unknown>[]> {
  let n = 0;
  const numbered = text.replaceAll("?", () => `$${++n}`);
  return (await on.query<Record<string, unknown>>(numbered, [...values])).rows;
}
