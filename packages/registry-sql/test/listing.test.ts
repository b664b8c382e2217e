import { isScrubberError } from "@scrubber/core";
import { describe, expect, test } from "vitest";
import { DELETED_AT, openPlace } from "./database.ts";
import { allPending } from "./pages.ts";

describe("images", () => {
  test("an image is shown with its status, its deletion's time and every location in order of its id", async () => {
    await using place = await openPlace();
    place.addImage("a", { status: "pending_delete" });
    const first = place.addLocation("a", { status: "pending_delete", metadata: '{"store": "fast"}' });
    const second = place.addLocation("a", { value: "s3://b/k", status: "deleted" });
    const image = (await place.registry.images(["a", "unknown"])).get("a");
    expect(image).toEqual({
      id: "a",
      status: "pending",
      nativeStatus: "pending_delete",
      deletedAt: new Date("2026-11-20T10:00:00.250Z"),
      locations: [
        {
          ref: first,
          status: "pending",
          deletedAt: new Date("2026-11-20T10:00:00.250Z"),
          location: { uri: "file:///images/a", store: "fast" },
        },
        { ref: second, status: "deleted", location: { uri: "s3://b/k" } },
      ],
    });
    expect((await place.registry.images(["unknown"])).size).toBe(0);
  });

  test.each(["active", "saving", "queued", "killed", "deactivated", "importing", "uploading", "something new"])(
    "an image that is %s is live",
    async (status) => {
      await using place = await openPlace();
      place.addImage("a", { status });
      place.addLocation("a");
      const image = (await place.registry.images(["a"])).get("a");
      expect(image).toMatchObject({ status: "live", nativeStatus: status, locations: [{ status: "live" }] });
      expect(image).not.toHaveProperty("deletedAt");
    },
  );

  test("a thousand images with a hundred properties each are read in two statements that touch no property", async () => {
    await using place = await openPlace();
    const ids = Array.from({ length: 1000 }, (_, n) => `image-${n}`);
    place.db.exec("BEGIN");
    for (const id of ids) {
      place.addImage(id, { status: "pending_delete" });
      place.addLocation(id, { status: "pending_delete" });
      place.addLocation(id, { status: "pending_delete", value: `file:///second/${id}` });
    }
    place.db.exec("COMMIT");
    place.db.exec("ALTER TABLE image_properties RENAME TO out_of_reach");
    const images = await place.registry.images(ids);
    expect(images.size).toBe(1000);
    expect([...images.values()].every(({ locations }) => locations.length === 2)).toBe(true);
  });

  test("locations that Glance's own restore left pending belong to a live image and are live", async () => {
    await using place = await openPlace();
    place.addImage("hollow", { status: "active", deleted: 0, deletedAt: DELETED_AT });
    const ref = place.addLocation("hollow", { status: "pending_delete" });
    const images = await place.registry.images(["hollow"]);
    expect(images.get("hollow")?.locations).toMatchObject([{ status: "live" }]);
    expect(await allPending(place.registry)).toEqual([]);
    const results = await place.registry.recordDeleted([{ imageId: "hollow", locations: [{ ref }] }]);
    expect(results.get("hollow")).toBe("active");
    expect(place.row("image_locations", `id = ${ref}`)["status"]).toBe("pending_delete");
  });

  test.each(["active", "deactivated"])(
    "an image that a person made %s by its status alone is live with its locations: they are its only data",
    async (status) => {
      await using place = await openPlace();
      place.addImage("by hand", { status, deleted: 0, deletedAt: null });
      for (const value of ["file:///a", "file:///b"]) place.addLocation("by hand", { status: "pending_delete", value });
      place.addLocation("by hand", { status: "deleted" });
      const images = await place.registry.images(["by hand"]);
      expect(images.get("by hand")?.locations.map((location) => location.status)).toEqual(["live", "live", "deleted"]);
    },
  );

  test("a location that was removed from an image with another one, or from one that has no data, is pending", async () => {
    await using place = await openPlace();
    place.addImage("active");
    place.addLocation("active");
    place.addLocation("active", { status: "pending_delete" });
    place.addImage("queued", { status: "queued" });
    place.addLocation("queued", { status: "pending_delete" });
    const images = await place.registry.images(["active", "queued"]);
    const statuses = (id: string): unknown => images.get(id)?.locations.map((location) => location.status);
    expect([statuses("active"), statuses("queued")]).toEqual([["live", "pending"], ["pending"]]);
  });

  test("no image at all, and more than a thousand, are mistakes of the caller", async () => {
    await using place = await openPlace();
    await expect(place.registry.images([])).rejects.toThrow(TypeError);
    await expect(place.registry.images(Array.from({ length: 1001 }, String))).rejects.toThrow(TypeError);
    await expect(place.registry.pendingLocations({ limit: 0 })).rejects.toThrow(TypeError);
  });
});

describe("pendingLocations", () => {
  test("leaves out what was asked for in between the times that the caller knows, and nothing else, however the time is written", async () => {
    await using place = await openPlace();
    const times: Record<string, string | null> = {
      "1 before": "2026-11-20 09:59:59.999999",
      "1 before, with a T": "2026-11-20T09:59:59",
      "1 before, whole seconds": "2026-11-20 09:59:59",
      "1 first": "2026-11-20 10:00:00.500000",
      "2 in between": "2026-11-20 10:00:00.500001",
      "2 in between, with a T": "2026-11-20T23:00:00",
      "2 in between, whole seconds": "2026-11-21 23:00:00",
      "3 last": "2026-11-22 10:00:00.500000",
      "3 last, perhaps": "2026-11-22 10:00:00",
      "3 after": "2026-11-22 10:00:01.000000",
      "3 after, with a T": "2026-11-22T10:00:01",
      "3 no time": "0000-00-00 00:00:00",
      "3 none at all": null,
    };
    for (const [id, deletedAt] of Object.entries(times)) {
      place.addImage(id, { status: "pending_delete", deletedAt: null });
      place.addLocation(id, { status: "pending_delete", deletedAt });
      place.addImage(`${id}, of the image`, { status: "pending_delete", deletedAt });
      place.addLocation(`${id}, of the image`, { status: "pending_delete", deletedAt: null });
      place.addImage(`${id}, without a location`, { status: "pending_delete", deletedAt });
    }
    const known = { after: new Date("2026-11-20T10:00:00.500Z"), before: new Date("2026-11-22T10:00:00.500Z") };
    const everyone = (await allPending(place.registry)).map(({ imageId }) => imageId);
    expect(everyone).toHaveLength(3 * Object.keys(times).length);
    const wanted = everyone.filter((id) => !id.startsWith("2"));
    for (const limit of [1, 4, 1000]) {
      expect((await allPending(place.registry, limit, known)).map(({ imageId }) => imageId)).toEqual(wanted);
    }
  });

  test("pages by primary key: locations first, then pending images without one, whatever their visibility", async () => {
    await using place = await openPlace();
    const expected: string[] = [];
    for (const [n, visibility] of ["public", "private", "shared", "community"].entries()) {
      place.addImage(`image-${n}`, { status: "pending_delete", visibility });
      place.addLocation(`image-${n}`, { status: "pending_delete" });
      expected.push(`image-${n}`);
    }
    place.addImage("bare-a", { status: "pending_delete", visibility: "community" });
    place.addImage("bare-b", { status: "pending_delete" });
    place.addLocation("bare-b", { status: "deleted" });
    place.addImage("live");
    place.addLocation("live");
    for (const limit of [1, 2, 3, 1000]) {
      const found = await allPending(place.registry, limit);
      expect(found.map(({ imageId }) => imageId)).toEqual([...expected, "bare-a", "bare-b"]);
      expect(found.map(({ none }) => none)).toEqual([...expected.map(() => undefined), true, true]);
    }
  });

  test("rows that come or go between two pages shift nothing", async () => {
    await using place = await openPlace();
    const refs: number[] = [];
    for (let n = 0; n < 6; n++) {
      place.addImage(`image-${n}`, { status: "pending_delete" });
      refs.push(place.addLocation(`image-${n}`, { status: "pending_delete" }));
    }
    const first = await place.registry.pendingLocations({ limit: 3 });
    place.db.exec(`UPDATE image_locations SET status = 'deleted' WHERE id IN (${refs[0]}, ${refs[1]})`);
    const second = await place.registry.pendingLocations({
      limit: 3,
      ...(first.next !== undefined && { after: first.next }),
    });
    expect(second.items.map(({ imageId }) => imageId)).toEqual(["image-3", "image-4", "image-5"]);
  });

  test("a single location of an active image that Glance removed is listed, with the image's status", async () => {
    await using place = await openPlace();
    place.addImage("active");
    place.addLocation("active");
    const ref = place.addLocation("active", { status: "pending_delete", value: "s3://b/removed" });
    expect(await allPending(place.registry)).toEqual([
      {
        imageId: "active",
        imageStatus: "live",
        requestedAt: new Date("2026-11-20T10:00:00.250Z"),
        ref,
        location: { uri: "s3://b/removed" },
      },
    ]);
  });

  test("the deletion's time is the location's, else the image's, else when a row last changed, else now", async () => {
    await using place = await openPlace();
    place.addImage("a", { status: "pending_delete", deletedAt: "2026-11-02 00:00:00.000000" });
    place.addLocation("a", { status: "pending_delete", deletedAt: "2026-11-01 00:00:00.000001" });
    place.addLocation("a", { status: "pending_delete", deletedAt: null });
    place.addImage("b", { status: "pending_delete", deletedAt: null, updatedAt: "2026-11-03 00:00:00" });
    place.addLocation("b", { status: "pending_delete", deletedAt: null });
    place.addImage("c", { status: "pending_delete", deletedAt: null });
    place.addLocation("c", { status: "pending_delete", deletedAt: null });
    place.addImage("d", { status: "pending_delete", deletedAt: null, updatedAt: "2026-11-04 00:00:00" });
    place.addImage("e", { status: "pending_delete", deletedAt: null });
    const times = (await allPending(place.registry)).map(({ requestedAt }) => requestedAt.toISOString());
    expect(times).toEqual([
      "2026-11-01T00:00:00.001Z",
      "2026-11-02T00:00:00.000Z",
      "2026-11-03T00:00:00.000Z",
      place.now.toISOString(),
      "2026-11-04T00:00:00.000Z",
      place.now.toISOString(),
    ]);
  });

  test("gaps of the primary key, however wide, are stepped over", async () => {
    await using place = await openPlace();
    place.addImage("a", { status: "pending_delete" });
    for (const id of [1, 50_000, 50_001, 9_000_000, 2_147_483_647]) {
      place.db
        .prepare(
          `INSERT INTO image_locations (id, image_id, value, status, deleted, created_at)
          VALUES (?, 'a', ?, 'pending_delete', 1, '2026-11-01 00:00:00.000000')`,
        )
        .run(id, `file:///${id}`);
    }
    const found = await allPending(place.registry);
    expect(found.map((item) => "ref" in item && item.ref)).toEqual([1, 50_000, 50_001, 9_000_000, 2_147_483_647]);
    const refs: number[] = [];
    for await (const page of place.registry.references()) refs.push(...page.map(({ ref }) => ref));
    expect(refs).toEqual([1, 50_000, 50_001, 9_000_000, 2_147_483_647]);
  });

  test("a pending image without a location is found once, wherever it is among very many", async () => {
    await using place = await openPlace();
    place.db.exec("BEGIN");
    const expected: string[] = [];
    for (let n = 0; n < 100_100; n++) {
      const isPending = n % 20_000 === 10;
      if (isPending) expected.push(`image-${n}`);
      place.addImage(`image-${n}`, { status: isPending ? "pending_delete" : "active" });
    }
    place.db.exec("COMMIT");
    for (const limit of [1, 1000]) {
      expect((await allPending(place.registry, limit)).map(({ imageId }) => imageId)).toEqual(expected);
    }
  });

  test("a cursor of another registry is refused", async () => {
    await using place = await openPlace();
    await expect(place.registry.pendingLocations({ after: "elsewhere", limit: 1 })).rejects.toThrow(TypeError);
  });
});

describe("references", () => {
  test("every location that is not deleted is listed once, in order of its id, after the one that is named", async () => {
    await using place = await openPlace();
    const expected: number[] = [];
    place.db.exec("BEGIN");
    for (const status of ["active", "pending_delete", "deactivated"]) {
      place.addImage(status, { status });
      for (let n = 0; n < 1500; n++) {
        expected.push(place.addLocation(status, { status: n % 2 === 0 ? "active" : "pending_delete" }));
        place.addLocation(status, { status: "deleted" });
      }
    }
    place.db.exec("COMMIT");
    const listed = async (after?: number): Promise<number[]> => {
      const refs: number[] = [];
      for await (const page of place.registry.references(after)) refs.push(...page.map(({ ref }) => ref));
      return refs;
    };
    expect(await listed()).toEqual(expected);
    expect(await listed(expected[2000])).toEqual(expected.slice(2001));
    expect(await listed(expected.at(-1))).toEqual([]);
  });
});

test("a registry whose tables are gone fails every call; it never answers that there is nothing", async () => {
  await using place = await openPlace();
  place.addImage("a", { status: "pending_delete" });
  const ref = place.addLocation("a", { status: "pending_delete" });
  place.db.exec("ALTER TABLE image_locations RENAME TO elsewhere; ALTER TABLE images RENAME TO elsewhere_too");
  const calls = [
    () => place.registry.images(["a"]),
    () => place.registry.pendingLocations({ limit: 10 }),
    () => place.registry.references()[Symbol.asyncIterator]().next(),
    () => place.registry.recordDeleted([{ imageId: "a", locations: [{ ref }] }]),
    () => place.registry.restore("a"),
    () => place.registry.addImage({ id: "b", locations: [] }),
    () => place.registry.requestDeletion("a"),
  ];
  for (const call of calls) {
    await expect(call()).rejects.toSatisfy((error) => isScrubberError(error, "SCRUBBER_REGISTRY_SCHEMA"));
  }
  place.db.exec("ALTER TABLE elsewhere RENAME TO image_locations; ALTER TABLE elsewhere_too RENAME TO images");
  expect((await allPending(place.registry)).length).toBe(1);
});
