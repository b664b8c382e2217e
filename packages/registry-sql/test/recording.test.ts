import { setImmediate } from "node:timers/promises";
import { isScrubberError } from "@scrubber/core";
import { describe, expect, test } from "vitest";
import { DELETED_AT, KEY, openPlace, sealed } from "./database.ts";

const NOW = "2026-11-24 12:00:00.125000";

describe("recordDeleted", () => {
  test("writes what Glance's scrubber writes, and nothing else", async () => {
    await using place = await openPlace();
    place.addImage("a", { status: "pending_delete" });
    const ref = place.addLocation("a", { status: "pending_delete" });
    const image = place.row("images", "id = 'a'");
    const location = place.row("image_locations", `id = ${ref}`);
    const results = await place.registry.recordDeleted([{ imageId: "a", locations: [{ ref }] }]);
    expect([...results]).toEqual([["a", "recorded"]]);
    expect(place.row("images", "id = 'a'")).toEqual({ ...image, status: "deleted", updated_at: NOW });
    expect(place.row("image_locations", `id = ${ref}`)).toEqual({
      ...location,
      status: "deleted",
      updated_at: NOW,
      deleted_at: NOW,
    });
  });

  test("each image of a batch gets its own answer, and one does not spoil the other", async () => {
    await using place = await openPlace();
    const ref = (id: string, status = "pending_delete"): number => place.addLocation(id, { status });
    place.addImage("whole", { status: "pending_delete" });
    const whole = [ref("whole"), ref("whole")];
    place.addImage("half", { status: "pending_delete" });
    const half = [ref("half"), ref("half")];
    place.addImage("active");
    const active = [ref("active", "active"), ref("active")];
    place.addImage("done", { status: "deleted" });
    const done = ref("done");
    place.addImage("bare", { status: "pending_delete" });
    place.addImage("odd", { status: "pending_delete" });
    const odd = ref("odd", "active");
    const results = await place.registry.recordDeleted([
      { imageId: "whole", locations: whole.map((r) => ({ ref: r })) },
      { imageId: "half", locations: [{ ref: half[0] ?? 0 }] },
      { imageId: "active", locations: active.map((r) => ({ ref: r })) },
      { imageId: "done", locations: [{ ref: done }] },
      { imageId: "bare", locations: [] },
      { imageId: "odd", locations: [{ ref: odd }] },
      { imageId: "gone", locations: [{ ref: 1 }] },
    ]);
    expect(Object.fromEntries(results)).toEqual({
      whole: "recorded",
      half: "incomplete",
      active: "active",
      done: "recorded",
      bare: "recorded",
      odd: "incomplete",
      gone: "missing",
    });
    const statuses = place.db.prepare("SELECT image_id, status FROM image_locations ORDER BY id").all();
    expect(statuses.map((row) => `${String(row["image_id"])} ${String(row["status"])}`)).toEqual([
      "whole deleted",
      "whole deleted",
      "half deleted",
      "half pending_delete",
      "active active",
      "active deleted",
      "done deleted",
      "odd active",
    ]);
    expect(place.row("images", "id = 'active'")["status"]).toBe("active");
  });

  test("a location without a ref is found by its URI and store, sealed or not", async () => {
    await using place = await openPlace({ keys: [KEY] });
    place.addImage("a", { status: "pending_delete" });
    place.addLocation("a", { status: "pending_delete", value: sealed("file:///x") });
    place.addLocation("a", { status: "pending_delete", value: sealed("file:///x"), metadata: '{"store":"fast"}' });
    place.addLocation("a", { status: "pending_delete", value: "file:///x", metadata: '{"backend":"slow"}' });
    const left = (): number =>
      Number(place.row("(SELECT COUNT(*) AS n FROM image_locations WHERE status = 'pending_delete')", "TRUE")["n"]);
    const tell = async (uri: string, store?: string): Promise<string | undefined> =>
      (
        await place.registry.recordDeleted([
          { imageId: "a", locations: [{ uri, ...(store !== undefined && { store }) }] },
        ])
      ).get("a");
    expect(await tell("file:///y")).toBe("incomplete");
    expect(left()).toBe(3);
    expect(await tell("file:///x", "fast")).toBe("incomplete");
    expect(left()).toBe(2);
    expect(await tell("file:///x")).toBe("incomplete");
    expect(left()).toBe(1);
    expect(await tell("file:///x", "slow")).toBe("recorded");
  });

  test("a ref of another image marks nothing, whatever URI comes with it", async () => {
    await using place = await openPlace();
    place.addImage("a", { status: "pending_delete" });
    place.addImage("b", { status: "pending_delete" });
    place.addLocation("a", { status: "pending_delete" });
    const other = place.addLocation("b", { status: "pending_delete" });
    const named = { ref: other, uri: "file:///images/a" };
    const results = await place.registry.recordDeleted([{ imageId: "a", locations: [named] }]);
    expect(results.get("a")).toBe("incomplete");
    expect(place.row("image_locations", "image_id = 'a'")["status"]).toBe("pending_delete");
    expect(place.row("image_locations", `id = ${other}`)["status"]).toBe("pending_delete");
  });

  test("an image that its application left half-way through deleting is finished like the others", async () => {
    await using place = await openPlace();
    place.addImage("a", { status: "pending_delete", deleted: 0, deletedAt: null });
    const ref = place.addLocation("a", { status: "pending_delete" });
    place.db.exec(`UPDATE image_locations SET deleted = 0 WHERE id = ${ref}`);
    await place.registry.recordDeleted([{ imageId: "a", locations: [{ ref }] }]);
    expect(place.row("images", "id = 'a'")).toMatchObject({ status: "deleted", deleted: 1, deleted_at: NOW });
    expect(place.row("image_locations", `id = ${ref}`)).toMatchObject({
      status: "deleted",
      deleted: 1,
      deleted_at: NOW,
    });
  });

  test("being told twice, or in two parts of one batch, is the same as once", async () => {
    await using place = await openPlace();
    place.addImage("a", { status: "pending_delete" });
    const refs = [1, 2].map(() => place.addLocation("a", { status: "pending_delete" }));
    const parts = refs.map((ref) => ({ imageId: "a", locations: [{ ref }] }));
    expect([...(await place.registry.recordDeleted(parts))]).toEqual([["a", "recorded"]]);
    const before = place.row("images", "id = 'a'");
    place.now = new Date("2026-11-25T00:00:00Z");
    expect([...(await place.registry.recordDeleted(parts))]).toEqual([["a", "recorded"]]);
    expect(place.row("images", "id = 'a'")).toEqual(before);
  });

  test("several thousand images are one transaction: all or nothing", async () => {
    await using place = await openPlace();
    const deletions: { imageId: string; locations: { ref: number }[] }[] = [];
    place.db.exec("BEGIN");
    for (let n = 0; n < 2500; n++) {
      place.addImage(`image-${n}`, { status: "pending_delete" });
      deletions.push({
        imageId: `image-${n}`,
        locations: [{ ref: place.addLocation(`image-${n}`, { status: "pending_delete" }) }],
      });
    }
    place.db.exec("COMMIT");
    place.db.exec(
      "CREATE TRIGGER refuse BEFORE UPDATE ON images WHEN NEW.id = 'image-999' BEGIN SELECT RAISE(ABORT, 'refused'); END",
    );
    await expect(place.registry.recordDeleted(deletions)).rejects.toSatisfy((error) =>
      isScrubberError(error, "SCRUBBER_REGISTRY_UNAVAILABLE"),
    );
    const count = (table: string): number =>
      Number(place.row(`(SELECT COUNT(*) AS n FROM ${table} WHERE status = 'deleted')`, "TRUE")["n"]);
    expect([count("images"), count("image_locations")]).toEqual([0, 0]);
    place.db.exec("DROP TRIGGER refuse");
    const results = await place.registry.recordDeleted(deletions);
    expect(new Set(results.values())).toEqual(new Set(["recorded"]));
    expect(results.size).toBe(2500);
    expect([count("images"), count("image_locations")]).toEqual([2500, 2500]);
  });

  test("waits for another program's lock, and gives up with an outage when it is held for too long", async () => {
    await using place = await openPlace();
    place.addImage("a", { status: "pending_delete" });
    const ref = place.addLocation("a", { status: "pending_delete" });
    const deletion = [{ imageId: "a", locations: [{ ref }] }];
    place.db.exec("BEGIN IMMEDIATE");
    const waiting = place.registry.recordDeleted(deletion);
    // By the next turn of the event loop the registry has met the lock once.
    await setImmediate();
    place.db.exec("COMMIT");
    expect((await waiting).get("a")).toBe("recorded");

    place.db.exec("BEGIN IMMEDIATE");
    await expect(place.registry.recordDeleted(deletion)).rejects.toSatisfy(
      (error) => isScrubberError(error, "SCRUBBER_REGISTRY_UNAVAILABLE") && error.message.includes("locked"),
    );
    place.db.exec("COMMIT");
  });
});

describe("restore", () => {
  test("brings back the image, its locations, and the tags, members and properties that were deleted with it", async () => {
    await using place = await openPlace();
    place.addImage("a", { status: "pending_delete" });
    // As Glance leaves it: the locations a little earlier than the properties, these a little earlier than the image.
    const early = "2026-11-20 10:00:00.180000";
    place.addLocation("a", { status: "pending_delete", deletedAt: early });
    const other = place.addLocation("a", { status: "pending_delete", deletedAt: "2026-11-20 10:00:00.190000" });
    const scrubbed = place.addLocation("a", { status: "deleted" });
    const child = (table: string, columns: string, values: string, deletedAt: string | null): void => {
      place.db.exec(`INSERT INTO ${table} (image_id, ${columns}, created_at, deleted, deleted_at)
        VALUES ('a', ${values}, '2026-11-01 00:00:00.000000', ${deletedAt === null ? "0, NULL" : `1, '${deletedAt}'`})`);
    };
    const longAgo = "2026-11-10 00:00:00.000000";
    child("image_properties", "name, value", "'colour', 'red'", "2026-11-20 10:00:00.200000");
    child("image_properties", "name, value", "'removed before', ''", longAgo);
    child("image_properties", "name, value", "'never removed', ''", null);
    child("image_tags", "value", "'t1'", DELETED_AT);
    child("image_tags", "value", "'removed before'", longAgo);
    child("image_members", "member, can_share", "'m1', 0", DELETED_AT);
    child("image_members", "member, can_share", "'removed before', 0", longAgo);

    expect(await place.registry.restore("a")).toEqual({ restored: true, locations: 2 });

    expect(place.row("images", "id = 'a'")).toMatchObject({
      status: "active",
      deleted: 0,
      deleted_at: null,
      updated_at: NOW,
    });
    expect(place.row("image_locations", `id = ${other}`)).toMatchObject({
      status: "active",
      deleted: 0,
      deleted_at: null,
    });
    expect(place.row("image_locations", `id = ${scrubbed}`)).toMatchObject({ status: "deleted", deleted: 1 });
    const live = (table: string, name: string): unknown[] =>
      place.db
        .prepare(`SELECT ${name} AS name FROM ${table} WHERE deleted = 0 AND deleted_at IS NULL ORDER BY id`)
        .all()
        .map((row) => row["name"]);
    expect(live("image_properties", "name")).toEqual(["colour", "never removed"]);
    expect(live("image_tags", "value")).toEqual(["t1"]);
    expect(live("image_members", "member")).toEqual(["m1"]);
  });

  test("is refused with nothing changed where the image is missing, not pending, or has no location left", async () => {
    await using place = await openPlace();
    place.addImage("active");
    place.addImage("deleted", { status: "deleted" });
    place.addImage("killed", { status: "killed" });
    place.addImage("bare", { status: "pending_delete" });
    place.addLocation("bare", { status: "deleted" });
    const before = place.db.prepare("SELECT * FROM images").all();
    const refused = (reason: string, nativeStatus?: string): object => ({
      restored: false,
      reason,
      ...(nativeStatus !== undefined && { nativeStatus }),
    });
    expect(await place.registry.restore("gone")).toEqual(refused("missing"));
    expect(await place.registry.restore("active")).toEqual(refused("notPending", "active"));
    expect(await place.registry.restore("deleted")).toEqual(refused("notPending", "deleted"));
    expect(await place.registry.restore("killed")).toEqual(refused("notPending", "killed"));
    expect(await place.registry.restore("bare")).toEqual(refused("noLocations", "pending_delete"));
    expect(place.db.prepare("SELECT * FROM images").all()).toEqual(before);
  });

  test("of two registries of which one restores and one records, one wins whole", async () => {
    await using place = await openPlace();
    await using other = await place.second();
    for (let round = 0; round < 50; round++) {
      const id = `image-${round}`;
      place.addImage(id, { status: "pending_delete" });
      const ref = place.addLocation(id, { status: "pending_delete" });
      const [recorded, restored] = await Promise.all([
        place.registry.recordDeleted([{ imageId: id, locations: [{ ref }] }]),
        other.restore(id),
      ]);
      const image = place.row("images", `id = '${id}'`)["status"];
      const location = place.row("image_locations", `id = ${ref}`)["status"];
      const ends = [recorded.get(id), restored.restored, image, location];
      expect([
        ["recorded", false, "deleted", "deleted"],
        ["active", true, "active", "active"],
      ]).toContainEqual(ends);
    }
  });
});
