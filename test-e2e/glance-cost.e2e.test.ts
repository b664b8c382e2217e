import { existsSync } from "node:fs";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { DatabaseServer } from "./servers/database-server.ts";
import { deployGlance } from "./servers/glance.ts";
import { pendingFile } from "./servers/glance-rows.ts";
import { ours, theirs } from "./servers/glance-scrubber.ts";
import { startMariadb } from "./servers/mariadb.ts";

const IMAGES = 100;

let server: DatabaseServer;
beforeAll(async () => {
  server = await startMariadb();
});
afterAll(() => server?.[Symbol.asyncDispose]());

test("12: a hundred images cost Debian's scrubber more than a thousand statements, and ours no more than a few do", async () => {
  await using database = await server.createDatabase("glance_cost");
  using deployment = await deployGlance({ connection: database.sqlAlchemyUrl });
  /** How many statements the server gets while a scrubber deletes so many images. */
  const statementsOf = async (scrubber: typeof ours, images: number): Promise<number> => {
    const paths = await Promise.all(Array.from({ length: images }, () => pendingFile(database, deployment.images)));
    const before = await statements();
    expect(await scrubber("--config-file", deployment.configFile)).toMatchObject({ code: 0 });
    const seen = (await statements()) - before;
    expect(paths.filter((path) => existsSync(path))).toEqual([]);
    return seen;
  };
  // The first one finds a database that it does not know yet.
  await statementsOf(ours, 1);
  const few = await statementsOf(ours, 3);
  const many = await statementsOf(ours, IMAGES);
  expect(many).toBeLessThan(few + 10);
  expect(await statementsOf(theirs, IMAGES)).toBeGreaterThan(10 * IMAGES);
});

async function statements(): Promise<number> {
  const [row] = await server.admin("SHOW GLOBAL STATUS LIKE 'Questions'");
  return Number(row?.["Value"]);
}
