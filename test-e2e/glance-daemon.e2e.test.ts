import { existsSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { DatabaseServer, ServerDatabase } from "./servers/database-server.ts";
import { deployGlance } from "./servers/glance.ts";
import { pendingFile } from "./servers/glance-rows.ts";
import { GlanceLab } from "./servers/glance-lab.ts";
import { ours, startDaemon, startTheirs } from "./servers/glance-scrubber.ts";
import { startMariadb } from "./servers/mariadb.ts";
import { startPostgres } from "./servers/postgres.ts";

const REFUSED = {
  code: 1,
  stderr: "ERROR: glance-scrubber is already running. Please ensure that the daemon is stopped.\n",
};

test("a daemon that stands by takes over from one that was killed with -9, also its mark on the host", async () => {
  using lab = await GlanceLab.make();
  await using first = startDaemon(...lab.config);
  await first.logged("sweep finished");
  await using second = startDaemon(...lab.config);
  await second.logged("standing by");

  // A restore that has no configuration to find the database by is refused all the same.
  expect(await ours("--restore", "x")).toMatchObject(REFUSED);
  expect(await ours(...lab.config)).toMatchObject({
    code: 0,
    stderr: expect.stringContaining("Another glance-scrubber is at work on this database") as string,
  });

  await first.end("SIGKILL");
  await second.logged("sweep finished");
  expect(await ours("--restore", "x")).toMatchObject(REFUSED);
  const path = lab.file("late");
  const id = lab.pending([{ value: `file://${path}` }]);
  await expect.poll(() => lab.status(id), { timeout: 120_000 }).toBe("deleted");
  expect(existsSync(path)).toBe(false);

  expect(await second.end("SIGTERM")).toBe(0);
  expect(await ours(...lab.config, "--restore", id)).toMatchObject({
    code: 1,
    stderr: expect.stringContaining("cannot restore the image from deleted to active") as string,
  });
});

test("with a wakeup_time of 0 Debian's daemon begins run after run without a pause; ours says that it takes 1 s, and works", async () => {
  using lab = await GlanceLab.make({ defaults: "wakeup_time = 0" });
  {
    await using debian = startTheirs(...lab.config, "--daemon", "--debug");
    // At one a second they would be begun in a quarter of an hour only.
    await expect
      .poll(() => debian.log.split("Next run scheduled in 0 seconds").length, { timeout: 120_000 })
      .toBeGreaterThan(1000);
  }
  const id = lab.pending([{ value: `file://${lab.file("an image")}` }]);
  await using daemon = startDaemon(...lab.config);
  await expect.poll(() => lab.status(id), { timeout: 120_000 }).toBe("deleted");
  expect(await daemon.end("SIGTERM")).toBe(0);
  expect(daemon.log).toMatch(/"level":"warn".*wakeup_time = 0 .*: 1 s is used instead/);
});

describe.each([
  ["MariaDB", startMariadb, "SELECT IS_USED_LOCK('scrubber:glance_lost') AS id", (id: number) => `KILL ${id}`],
  [
    "PostgreSQL",
    startPostgres,
    "SELECT pid AS id FROM pg_locks WHERE locktype = 'advisory' AND granted",
    (id: number) => `SELECT pg_terminate_backend(${id})`,
  ],
] as const)("on %s", (_, start, holders, end) => {
  let server: DatabaseServer;
  beforeAll(async () => {
    server = await start();
  });
  afterAll(() => server?.[Symbol.asyncDispose]());

  test("a daemon that stands by takes over from one that was killed with -9, and nothing is deleted twice", async () => {
    await using database = await server.createDatabase("glance_standby");
    using deployment = await deployGlance({ connection: database.sqlAlchemyUrl });
    const config = ["--config-file", deployment.configFile];
    await using first = startDaemon(...config);
    await first.logged("sweep finished");
    await using second = startDaemon(...config);
    await second.logged("standing by");
    expect(await ours(...config)).toMatchObject({
      code: 0,
      stderr: expect.stringContaining("Another glance-scrubber is at work on this database") as string,
    });
    expect(second.log).not.toContain("sweep finished");

    const late = await pendingFile(database, deployment.images);
    await first.logged("run finished");
    expect(existsSync(late)).toBe(false);
    await first.end("SIGKILL");
    await second.logged("sweep finished");
    const later = await pendingFile(database, deployment.images);
    await second.logged("run finished");
    expect(existsSync(later)).toBe(false);
    expect(await pending(database)).toBe(0);
    expect(await second.end("SIGTERM")).toBe(0);
    expect(`${first.log}${second.log}`).not.toContain('"absent":1');
  });

  test("a daemon that begins while the database is down says so, not that another one is at work, and works once it is up", async () => {
    await using database = await server.createDatabase("glance_down");
    using deployment = await deployGlance({ connection: database.sqlAlchemyUrl });
    const late = await pendingFile(database, deployment.images);
    await server.stop();
    await using daemon = startDaemon("--config-file", deployment.configFile);
    await daemon.logged("the database does not answer");
    await server.start();
    await daemon.logged("run finished");
    expect(existsSync(late)).toBe(false);
    expect(daemon.log).not.toContain("another glance-scrubber");
    expect(await daemon.end("SIGTERM")).toBe(0);
  });

  test("a daemon whose lock ended with its connection notices, and takes it anew", async () => {
    await using database = await server.createDatabase("glance_lost");
    using deployment = await deployGlance({ connection: database.sqlAlchemyUrl });
    const holder = async (): Promise<number> => Number((await server.admin(holders))[0]?.["id"] ?? 0);
    await using daemon = startDaemon("--config-file", deployment.configFile);
    await daemon.logged("sweep finished");
    const first = await holder();
    expect(first).toBeGreaterThan(0);

    await server.admin(end(first));
    await daemon.logged("the lock was lost");
    await expect.poll(holder, { timeout: 120_000 }).toBeGreaterThan(0);
    expect(await holder()).not.toBe(first);
    expect(await daemon.end("SIGTERM")).toBe(0);
    expect(await holder()).toBe(0);
  });
});

async function pending(database: ServerDatabase): Promise<number> {
  const [row] = await database.query("SELECT count(*) AS n FROM images WHERE status = 'pending_delete'");
  return Number(row?.["n"]);
}
