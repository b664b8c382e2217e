import { existsSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import plugin from "@scrubber/registry-sql";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openRegistry } from "./registry/glance-rows.ts";
import { makeGlanceSchema } from "./servers/glance-schema.ts";
import { theirs } from "./servers/glance-scrubber.ts";

const TABLES = ["images", "image_locations", "image_members", "image_properties", "image_tags"];

describe("the database that setUp makes for whoever has no registry", () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "own-schema-"));
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  async function makeOwn(name: string): Promise<{ url: string; path: string }> {
    const path = join(folder, name);
    const url = `sqlite:${path}`;
    const silent = (): void => {};
    await plugin.setUp?.(
      { url },
      {
        id: "registry",
        log: { debug: silent, info: silent, warn: silent, error: silent },
        now: () => new Date(),
        resolvePath: (given) => given,
        cipher: undefined,
      },
    );
    return { url, path };
  }

  test("has Glance's tables of images: the same columns, defaults, keys and indexes", async () => {
    const glances = join(folder, "glance.sqlite");
    await makeGlanceSchema(`sqlite:///${glances}`);
    const { path } = await makeOwn("own.sqlite");
    for (const table of TABLES) expect(shapeOf(path, table)).toEqual(shapeOf(glances, table));
  });

  test("is one that Debian's glance-scrubber works on: it restores, and it scrubs", async () => {
    const { url, path } = await makeOwn("shared.sqlite");
    const config = join(folder, "glance.conf");
    await writeFile(
      config,
      `[DEFAULT]\nscrub_time = 0\n[database]\nconnection = sqlite:///${path}\n[oslo_concurrency]\nlock_path = ${folder}\n` +
        `[glance_store]\nstores = file\ndefault_store = file\nfilesystem_store_datadir = ${folder}\n`,
    );
    const data = join(folder, "data");
    await writeFile(data, "data");
    await using registry = await openRegistry({ url }, () => new Date(Date.now() - 60_000));
    for (const id of ["restored", "scrubbed"]) {
      const file = id === "scrubbed" ? data : join(folder, "other");
      await registry.addImage({ id, locations: [{ uri: `file://${file}` }] });
      await registry.requestDeletion(id);
    }
    const restoring = await theirs("--config-file", config, "--restore", "restored");
    expect({ code: restoring.code, error: /ERROR.*/.exec(restoring.stderr)?.[0] }).toEqual({
      code: 0,
      error: undefined,
    });
    const scrubbing = await theirs("--config-file", config);
    expect({ code: scrubbing.code, error: /ERROR.*/.exec(scrubbing.stderr)?.[0] }).toEqual({
      code: 0,
      error: undefined,
    });
    expect(existsSync(data)).toBe(false);
    const images = await registry.images(["restored", "scrubbed"]);
    expect(images.get("scrubbed")).toMatchObject({ nativeStatus: "deleted", locations: [{ status: "deleted" }] });
    // Theirs leaves the locations of what it restores pending: they are its only data, and count as live here.
    expect(images.get("restored")).toMatchObject({ nativeStatus: "active", locations: [{ status: "live" }] });
    expect((await registry.pendingLocations({ limit: 10 })).items).toEqual([]);
  });
});

function shapeOf(path: string, table: string): object {
  const db = new DatabaseSync(path, { readOnly: true });
  const rows = (query: string): object[] =>
    db
      .prepare(query)
      .all()
      .map((row) => ({ ...row }));
  try {
    return {
      // In any order: columns are found by their names.
      columns: rows(
        `SELECT name, type, "notnull", dflt_value, pk, hidden FROM pragma_table_xinfo('${table}') ORDER BY name`,
      ),
      foreignKeys: rows(`SELECT "table", "from", "to", on_update, on_delete FROM pragma_foreign_key_list('${table}')`),
      indexes: rows(
        `SELECT CASE origin WHEN 'c' THEN l.name END AS name, "unique", origin, partial,
          (SELECT group_concat(i.name) FROM pragma_index_info(l.name) i) AS columns
        FROM pragma_index_list('${table}') l ORDER BY origin, l.name`,
      ),
    };
  } finally {
    db.close();
  }
}
