import { isScrubberError, type Reference } from "@scrubber/core";
import { testRegistry } from "@scrubber/core/conformance";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openServerDatabase, type GlanceServerDatabase } from "./registry/glance-database.ts";
import { insertImage, openRegistry, underTest } from "./registry/glance-rows.ts";

describe.each(["mariadb", "postgres"] as const)("registry-sql on a server that ends long statements: %s", (kind) => {
  let db: GlanceServerDatabase;
  beforeAll(async () => {
    db = await openServerDatabase(kind);
  });
  afterAll(async () => {
    await db?.[Symbol.asyncDispose]();
  });

  test("what was ended is an outage that names the limit, and half an answer is never taken for whole", async () => {
    await using place = await underTest(db);
    const locations = Array.from({ length: 2001 }, (_, n) => ({ uri: `file:///${n}`, status: "live" as const }));
    await place.seed({ id: "a", status: "live", locations });
    await using _settings = await db.useSettings(db.timeLimitSetting);
    await using registry = await openRegistry({ url: db.restrictedUrl });
    const pages = registry.references()[Symbol.asyncIterator]();
    const first = await pages.next();
    expect((first.value as readonly Reference[]).length).toBe(2000);
    const isOutage = (error: unknown): boolean =>
      isScrubberError(error, "SCRUBBER_REGISTRY_UNAVAILABLE") &&
      error.hint?.includes(db.timeLimitSetting.split("=")[0] ?? "") === true;
    await db.withholdLocations(async () => {
      await expect(pages.next()).rejects.toSatisfy(isOutage);
      await expect(registry.images(["a"])).rejects.toSatisfy(isOutage);
      await expect(registry.pendingLocations({ limit: 1 })).rejects.toSatisfy(isOutage);
      await expect(registry.recordDeleted([{ imageId: "a", locations: [{ uri: "file:///0" }] }])).rejects.toSatisfy(
        isOutage,
      );
    });
    expect((await registry.images(["a"])).get("a")?.locations.length, "it answers again").toBe(2001);
  });
});

describe("registry-sql on MariaDB with modes and limits for all sessions", () => {
  const SETTINGS = [
    "sql_mode=NO_BACKSLASH_ESCAPES,ANSI_QUOTES",
    "sql_mode=ORACLE,EMPTY_STRING_IS_NULL,PAD_CHAR_TO_FULL_LENGTH",
    "sql_select_limit=1",
  ];
  let db: GlanceServerDatabase;
  beforeAll(async () => {
    db = await openServerDatabase("mariadb");
  });
  afterAll(async () => {
    await db?.[Symbol.asyncDispose]();
  });

  test.each(SETTINGS)("%s changes nothing that is read or written", async (settings) => {
    await using place = await underTest(db);
    const uris = [`file:///it's`, 'file:///"quoted"', "file:///back\\slash", "file:///last"];
    const locations = uris.map((uri) => ({ uri, status: "pending" as const }));
    for (const id of ["a", "b"]) await insertImage(db, { id, status: "pending", locations }, place.now());
    await using _settings = await db.useSettings(settings);
    await using registry = await openRegistry({ url: db.restrictedUrl });
    const images = await registry.images(["a", "b", "\\", "'", '"']);
    expect(Array.from(images.values(), (image) => image.locations.map(({ location }) => location?.uri))).toEqual([
      uris,
      uris,
    ]);
    expect((await registry.pendingLocations({ limit: 10 })).items.length).toBe(8);
    const references: unknown[] = [];
    for await (const page of registry.references()) references.push(...page);
    expect(references.length).toBe(8);
    // By key: no ref is given.
    const results = await registry.recordDeleted(
      ["a", "b"].map((imageId) => ({
        imageId,
        locations: uris.slice(imageId === "a" ? 0 : 1).map((uri) => ({ uri })),
      })),
    );
    expect(Object.fromEntries(results)).toEqual({ a: "recorded", b: "incomplete" });
    expect(await registry.restore("b")).toMatchObject({ restored: true });
  });
});

describe.each(["LATIN1", "SQL_ASCII"])("registry-sql on PostgreSQL in the encoding %s", (encoding) => {
  let db: GlanceServerDatabase;
  beforeAll(async () => {
    db = await openServerDatabase("postgres", `ENCODING '${encoding}' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0`);
  });
  afterAll(async () => {
    await db?.[Symbol.asyncDispose]();
  });

  testRegistry({ describe, test }, { name: `sql on ${encoding}`, open: () => underTest(db) });

  test("an id that no column can hold is unknown, and spoils nothing for its neighbours", async () => {
    await using place = await underTest(db);
    for (const id of ["a", "\u00e9"]) await place.seed({ id, status: "live", locations: [] });
    const odd = ["\u{1f600}", "\u20ac", "\u0080"];
    expect([...(await place.registry.images([...odd, "a", "\u00e9"])).keys()].toSorted()).toEqual(["a", "\u00e9"]);
    const results = await place.registry.recordDeleted([...odd, "a"].map((imageId) => ({ imageId, locations: [] })));
    expect(Object.fromEntries(results)).toEqual({
      ...Object.fromEntries(odd.map((id) => [id, "missing"])),
      a: "active",
    });
    for (const id of odd) expect(await place.registry.restore(id)).toEqual({ restored: false, reason: "missing" });
  });
});

describe("registry-sql as a role of PostgreSQL with settings of its own", () => {
  let db: GlanceServerDatabase;
  beforeAll(async () => {
    db = await openServerDatabase("postgres");
  });
  afterAll(async () => {
    await db?.[Symbol.asyncDispose]();
  });

  test("finds Glance's tables by its search_path, and says so where it does not", async () => {
    await using place = await underTest(db);
    await place.seed({ id: "a", status: "live", locations: [] });
    await db.query("CREATE SCHEMA elsewhere");
    await db.query("GRANT USAGE ON SCHEMA elsewhere TO restricted");
    const tables = ["images", "image_locations", "image_members", "image_properties", "image_tags"];
    for (const table of tables) await db.query(`ALTER TABLE ${table} SET SCHEMA elsewhere`);
    {
      await using registry = await openRegistry({ url: db.restrictedUrl });
      await expect(registry.images(["a"])).rejects.toSatisfy(
        (error) => isScrubberError(error, "SCRUBBER_REGISTRY_SCHEMA") && error.hint?.includes("search_path") === true,
      );
    }
    {
      await using _settings = await db.useSettings("search_path=elsewhere");
      await using registry = await openRegistry({ url: db.restrictedUrl });
      expect((await registry.images(["a"])).size).toBe(1);
    }
    for (const table of tables) await db.query(`ALTER TABLE elsewhere.${table} SET SCHEMA public`);
  });
});
