import { isScrubberError } from "@scrubber/core";
import { testRegistry } from "@scrubber/core/conformance";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  openGlanceDatabase,
  openServerDatabase,
  type DatabaseKind,
  type GlanceDatabase,
  type GlanceServerDatabase,
} from "./registry/glance-database.ts";
import { insertImage, openRegistry, underTest } from "./registry/glance-rows.ts";

const KINDS: readonly DatabaseKind[] = ["sqlite", "mariadb", "postgres"];

describe.each(KINDS)("registry-sql on the schema that glance-manage makes on %s", (kind) => {
  let db: GlanceDatabase;
  beforeAll(async () => {
    db = await openGlanceDatabase(kind);
  });
  afterAll(async () => {
    await db?.[Symbol.asyncDispose]();
  });

  testRegistry({ describe, test }, { name: `sql on ${kind}`, open: () => underTest(db) });

  test("restoring brings back tags, members and properties that were deleted with the image, and no others", async () => {
    await using place = await underTest(db);
    await place.seed({ id: "a", status: "pending", locations: [{ uri: "file:///a", status: "pending" }] });
    const now = db.time(place.now());
    const longAgo = db.time(new Date(place.now().getTime() - 3_600_000));
    const child = (table: string, columns: string, values: string, deletedAt: string): Promise<unknown> =>
      db.query(
        `INSERT INTO ${table} (image_id, ${columns}, created_at, deleted, deleted_at) VALUES ('a', ${values}, ?, TRUE, ?)`,
        [longAgo, deletedAt],
      );
    for (const [name, deletedAt] of [
      ["with", now],
      ["before", longAgo],
    ] as const) {
      await child("image_tags", "value", `'${name}'`, deletedAt);
      await child("image_properties", "name, value", `'${name}', ''`, deletedAt);
      await child("image_members", "member, can_share, status", `'${name}', FALSE, 'accepted'`, deletedAt);
    }
    expect(await place.registry.restore("a")).toEqual({ restored: true, locations: 1 });
    for (const [table, column] of [
      ["image_tags", "value"],
      ["image_properties", "name"],
      ["image_members", "member"],
    ] as const) {
      const rows = await db.query(
        `SELECT ${column} AS name FROM ${table} WHERE deleted = FALSE AND deleted_at IS NULL`,
      );
      expect({ [table]: rows }).toEqual({ [table]: [{ name: "with" }] });
    }
    const [image] = await db.query("SELECT * FROM images WHERE deleted = FALSE AND deleted_at IS NULL");
    expect(image).toMatchObject({ id: "a", status: "active", visibility: "community" });
  });

  test("an id that no column can hold is unknown, and spoils nothing for its neighbours", async () => {
    await using place = await underTest(db);
    await place.seed({ id: "a", status: "pending", locations: [{ uri: "file:///a", status: "pending" }] });
    const odd = ["\u{1f600}", "A", "a ", "\u00e1", "x".repeat(255), "'; DROP TABLE images; --", "\\"];
    expect([...(await place.registry.images([...odd, "a"])).keys()]).toEqual(["a"]);
    const results = await place.registry.recordDeleted([...odd, "a"].map((imageId) => ({ imageId, locations: [] })));
    expect(Object.fromEntries(results)).toEqual({
      ...Object.fromEntries(odd.map((id) => [id, "missing"])),
      a: "incomplete",
    });
    for (const id of odd) expect(await place.registry.restore(id)).toEqual({ restored: false, reason: "missing" });
  });

  test("a thousand images of two locations are listed, read and recorded", async () => {
    await using place = await underTest(db);
    for (let n = 0; n < 1000; n++) {
      const locations = [1, 2].map((part) => ({ uri: `file:///${n}/${part}`, status: "pending" as const }));
      await place.seed({ id: `image-${n}`, status: "pending", locations });
    }
    const { items } = await place.registry.pendingLocations({ limit: 1000 });
    expect(items.length).toBe(1000);
    const images = await place.registry.images(Array.from({ length: 1000 }, (_, n) => `image-${n}`));
    const deletions = Array.from(images.values(), ({ id, locations }) => ({
      imageId: id,
      locations: locations.map(({ ref }) => ({ ...(ref !== undefined && { ref }) })),
    }));
    const results = await place.registry.recordDeleted(deletions);
    expect(new Set(results.values())).toEqual(new Set(["recorded"]));
    const [left] = await db.query("SELECT COUNT(*) AS n FROM image_locations WHERE status <> 'deleted'");
    expect(Number(left?.["n"])).toBe(0);
  });

  test("nothing was made or altered in Glance's database", async () => {
    await using place = await underTest(db);
    const before = await db.describe();
    await place.seed({ id: "a", status: "pending", locations: [{ uri: "file:///a", status: "pending" }] });
    await place.registry.images(["a"]);
    await place.registry.pendingLocations({ limit: 10 });
    await place.registry.restore("a");
    expect(before.length).toBeGreaterThan(50);
    expect(await db.describe()).toEqual(before);
  });

  // The last one here: no row fits after it.
  test("the greatest id that the column holds is listed, and nothing is looked for beyond it", async () => {
    await using place = await underTest(db);
    await place.seed({ id: "a", status: "pending", locations: [{ uri: "file:///a", status: "pending" }] });
    await db.query("UPDATE image_locations SET id = 2147483647");
    const seen: unknown[] = [];
    for await (const page of place.registry.references()) seen.push(...page.map(({ ref }) => ref));
    expect(seen).toEqual([2147483647]);
    const { items } = await place.registry.pendingLocations({ limit: 10, after: "l:2147483600" });
    expect(items).toMatchObject([{ imageId: "a", ref: 2147483647 }]);
  });
});

describe.each(["mariadb", "postgres"] as const)("registry-sql on a server: %s", (kind) => {
  let db: GlanceServerDatabase;
  beforeAll(async () => {
    db = await openServerDatabase(kind);
  });
  afterAll(async () => {
    await db?.[Symbol.asyncDispose]();
  });

  test("times are UTC by the database's clock, whatever its time zone, this process's, or this process's clock", async () => {
    await using place = await underTest(db);
    await place.seed({ id: "a", status: "pending", locations: [{ uri: "file:///a", status: "pending" }] });
    await db.useTimeZone();
    const wrong = new Date("2001-01-01T00:00:00Z");
    await using registry = await openRegistry({ url: db.restrictedUrl }, () => wrong);
    const [pending] = (await registry.pendingLocations({ limit: 1 })).items;
    const asked = pending?.requestedAt.getTime() ?? 0;
    expect(Math.abs(asked - place.now().getTime())).toBeLessThan(1000);
    const earliest = db.time(new Date(Date.now() - 60_000));
    await registry.recordDeleted([{ imageId: "a", locations: [{ uri: "file:///a" }] }]);
    const latest = db.time(new Date(Date.now() + 60_000));
    for (const table of ["images", "image_locations"]) {
      const rows = await db.query(
        `SELECT 1 AS one FROM ${table} WHERE status = 'deleted' AND updated_at BETWEEN ? AND ?`,
        [earliest, latest],
      );
      expect({ [table]: rows }).toEqual({ [table]: [{ one: 1 }] });
    }
  });

  test("what others have committed is seen, and nothing else, whatever the server's settings for all sessions", async () => {
    const pending = { status: "pending", locations: [{ uri: "file:///a", status: "pending" }] } as const;
    for (const settings of db.oddSettings) {
      await using place = await underTest(db);
      for (const id of ["a", "z"]) await insertImage(db, { id, ...pending }, place.now());
      await using _settings = await db.useSettings(settings);
      await using registry = await openRegistry({ url: db.restrictedUrl });
      const statusOf = async (id: string): Promise<string | undefined> => (await registry.images([id])).get(id)?.status;
      expect((await registry.recordDeleted([{ imageId: "z", locations: [] }])).get("z")).toBe("incomplete");
      expect(await statusOf("a")).toBe("pending");
      await db.query("UPDATE images SET status = 'active', deleted = FALSE, deleted_at = NULL WHERE id = 'a'");
      expect({ settings, status: await statusOf("a") }).toEqual({ settings, status: "live" });
      await db.transaction(async (query) => {
        await query("UPDATE images SET status = 'pending_delete' WHERE id = 'a'");
        expect({ settings, status: await statusOf("a") }).toEqual({ settings, status: "live" });
        await query("UPDATE images SET status = 'active' WHERE id = 'a'");
      });
    }
  });

  test("a server that takes no writes, as replicas do, is not asked what is alive either", async () => {
    await using place = await underTest(db);
    await place.seed({ id: "a", status: "pending", locations: [{ uri: "file:///a", status: "pending" }] });
    await using registry = await openRegistry({ url: db.restrictedUrl });
    {
      await using _settings = await db.useSettings(db.readOnlySetting);
      for (const call of [() => registry.images(["a"]), () => registry.claim?.()]) {
        await expect(call()).rejects.toSatisfy(
          (error) => isScrubberError(error, "SCRUBBER_REGISTRY_UNAVAILABLE") && error.message.includes("read-only"),
        );
      }
    }
    expect((await registry.images(["a"])).size, "it takes writes again").toBe(1);
  });

  test("of two transactions that wait for each other the registry's is tried again, and both end well", async () => {
    await using place = await underTest(db);
    const ids = ["a", "b", ...Array.from({ length: 200 }, (_, n) => `other-${n}`)];
    for (const id of ids) await insertImage(db, { id, status: "pending", locations: [] }, place.now());
    const recording = await db.transaction(async (query) => {
      // Many changed rows make MariaDB choose the other transaction, the registry's, as its victim.
      await query("UPDATE images SET name = 'changed' WHERE id LIKE 'other-%'");
      await query("UPDATE images SET name = 'changed' WHERE id = 'b'");
      const results = place.registry.recordDeleted(["a", "b"].map((imageId) => ({ imageId, locations: [] })));
      await db.untilLocked("a");
      // Ends only when the registry lets go of what it has.
      await query("UPDATE images SET name = 'changed' WHERE id = 'a'");
      return { results };
    });
    expect(Object.fromEntries(await recording.results)).toEqual({ a: "recorded", b: "recorded" });
    const rows = await db.query("SELECT id FROM images WHERE name = 'changed' AND status = 'deleted' ORDER BY id");
    expect(rows).toEqual([{ id: "a" }, { id: "b" }]);
  });

  test("who is not let in, or may not write, is told what is missing, without a password", async () => {
    await using place = await underTest(db);
    await place.seed({ id: "a", status: "pending", locations: [{ uri: "file:///a", status: "pending" }] });
    const url = new URL(db.restrictedUrl);
    url.username = "nobody";
    url.password = "hunter2";
    await using stranger = await openRegistry({ url: url.href });
    await using reader = await openRegistry({ url: await db.readOnlyUrl() });
    expect((await reader.images(["a"])).size).toBe(1);
    for (const call of [
      () => stranger.images(["a"]),
      () => reader.recordDeleted([{ imageId: "a", locations: [{ uri: "file:///a" }] }]),
      () => reader.restore("a"),
    ]) {
      await expect(call()).rejects.toSatisfy(
        (error) =>
          isScrubberError(error, "SCRUBBER_REGISTRY_DENIED") &&
          error.hint?.includes("UPDATE") === true &&
          !JSON.stringify([error.message, error.hint, error.cause, error.stack]).includes("hunter2"),
      );
    }
  });

  test("a database without Glance's tables is said to be that", async () => {
    await using registry = await openRegistry({ url: await db.emptyUrl() });
    await expect(registry.pendingLocations({ limit: 1 })).rejects.toSatisfy((error) =>
      isScrubberError(error, "SCRUBBER_REGISTRY_SCHEMA"),
    );
  });

  test("a server that was down and is back is used again by the same registry, stale connections and all", async () => {
    await using place = await underTest(db);
    await place.seed({ id: "a", status: "pending", locations: [] });
    await Promise.all(Array.from({ length: 4 }, () => place.registry.images(["a"])));
    const mend = await place.breakBackend();
    await expect(place.registry.images(["a"])).rejects.toSatisfy((error) =>
      isScrubberError(error, "SCRUBBER_REGISTRY_UNAVAILABLE"),
    );
    await mend();
    expect((await place.registry.images(["a"])).size).toBe(1);
    const mendAgain = await place.breakBackend();
    await mendAgain();
    const results = await place.registry.recordDeleted([{ imageId: "a", locations: [] }]);
    expect(results.get("a")).toBe("recorded");
  });
});
