import { readFileSync, readdirSync } from "node:fs";
import { basename, join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { DatabaseServer, ServerDatabase } from "./servers/database-server.ts";
import { deployGlance } from "./servers/glance.ts";
import { pendingFile } from "./servers/glance-rows.ts";
import { startTheirs, startTraced, type Ended } from "./servers/glance-scrubber.ts";
import { startMariadb } from "./servers/mariadb.ts";

const IMAGES = 50;

describe("fault 8: two scrubbers started at once on one MariaDB", () => {
  let server: DatabaseServer;
  beforeAll(async () => {
    server = await startMariadb();
    // On a busy machine the second may be long in coming.
    await server.admin("SET GLOBAL innodb_lock_wait_timeout = 600");
  });
  afterAll(() => server?.[Symbol.asyncDispose]());

  test("of Debian's both delete every location; of ours one does, each file once, and the other says so and ends with 0", async () => {
    await using database = await server.createDatabase("glance_overlap");
    using deployment = await deployGlance({ connection: database.sqlAlchemyUrl });
    const config = ["--config-file", deployment.configFile];
    const seed = async (): Promise<readonly string[]> => {
      const names: string[] = [];
      while (names.length < IMAGES) names.push(basename(await pendingFile(database, deployment.images)));
      return names;
    };

    const twice = await seed();
    {
      await using first = startTheirs(...config);
      await using second = startTheirs(...config);
      // Neither can record its first image before the other has listed the same.
      await whileLocked(database, () =>
        Promise.all([first.logged("Scrubbing image"), second.logged("Scrubbing image")]),
      );
      const ended = await Promise.all([first.ended, second.ended]);
      expect(ended.map(({ code }) => code)).toEqual([0, 0]);
      for (const { stderr } of ended) expect(found(/Scrubbing image (\S+)/g, stderr)).toEqual(twice.toSorted());
      // Whoever comes second deletes all the same: it finds nothing, or, where both looked before either deleted, fails.
      const late = ended.flatMap(({ stderr }) => found(/location for image '(\S+)' not found in backend/g, stderr));
      expect(late.length).toBeGreaterThan(0);
    }
    expect(await pending(database)).toBe(0);

    const once = await seed();
    const traces = ["first", "second"].map((name) => join(deployment.folder, `${name}.trace`));
    const [one = "", other = ""] = traces;
    await using first = startTraced(one, ...config);
    await using second = startTraced(other, ...config);
    let idle: Ended | undefined;
    await whileLocked(database, async () => {
      // The one at work cannot finish: whoever ends now is the other.
      idle = await Promise.race([first.ended, second.ended]);
      expect(await pending(database)).toBe(IMAGES);
    });
    expect(idle).toMatchObject({
      code: 0,
      stderr: expect.stringContaining("Another glance-scrubber is at work on this database") as string,
    });
    const ended = await Promise.all([first.ended, second.ended]);
    expect(ended.map(({ code }) => code)).toEqual([0, 0]);
    expect(ended.map(({ stderr }) => found(/"msg":"(run finished)"/g, stderr)).flat()).toEqual(["run finished"]);
    const unlinked = traces.flatMap((trace) => found(/unlink(?:at)?\(.*?([^/"]+)"/g, readFileSync(trace, "utf8")));
    expect(unlinked.filter((name) => once.includes(name)).toSorted()).toEqual(once.toSorted());
    expect(await pending(database)).toBe(0);
    expect(readdirSync(deployment.images)).toEqual([]);
  });
});

/** Does something while nobody can record a location as deleted; everybody can read. */
function whileLocked(database: ServerDatabase, work: () => Promise<unknown>): Promise<void> {
  return database.transaction(async (query) => {
    await query("SELECT id FROM image_locations FOR UPDATE");
    await work();
  });
}

/** What the expression's group finds, in order. */
function found(expression: RegExp, text: string): readonly string[] {
  return Array.from(text.matchAll(expression), ([, name = ""]) => name).sort();
}

async function pending(database: ServerDatabase): Promise<number> {
  const [row] = await database.query("SELECT count(*) AS n FROM images WHERE status = 'pending_delete'");
  return Number(row?.["n"]);
}
