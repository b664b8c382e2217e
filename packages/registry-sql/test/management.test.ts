import { spawnSync } from "node:child_process";
import { stat } from "node:fs/promises";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { createCipher, isScrubberError } from "@scrubber/core";
import { describe, expect, test } from "vitest";
import plugin from "../src/index.ts";
import { DELETED_AT, KEY, openPlace, silent } from "./database.ts";

describe("the application's own images", () => {
  test("an added image is live with its locations", async () => {
    await using place = await openPlace();
    await place.registry.addImage({ id: "a", locations: [{ uri: "file:///a" }, { uri: "s3://b/k", store: "fast" }] });
    expect((await place.registry.images(["a"])).get("a")).toEqual({
      id: "a",
      status: "live",
      nativeStatus: "active",
      locations: [
        { ref: 1, status: "live", location: { uri: "file:///a" } },
        { ref: 2, status: "live", location: { uri: "s3://b/k", store: "fast" } },
      ],
    });
    await expect(place.registry.addImage({ id: "a", locations: [] })).rejects.toSatisfy((error) =>
      isScrubberError(error, "SCRUBBER_IMAGE_EXISTS"),
    );
    await expect(place.registry.addImage({ id: "a\n", locations: [] })).rejects.toSatisfy((error) =>
      isScrubberError(error, "SCRUBBER_IMAGE_ID_INVALID"),
    );
  });

  test("locations are sealed at rest under the first key, and with none are kept as they are", async () => {
    await using place = await openPlace({ keys: [KEY] });
    await place.registry.addImage({ id: "a", locations: [{ uri: "s3://user:secret@host/b/k" }] });
    const value = String(place.row("image_locations", "image_id = 'a'")["value"]);
    expect(createCipher([KEY]).open(value)).toBe("s3://user:secret@host/b/k");
    await using plain = await place.second({ keys: undefined });
    await plain.addImage({ id: "b", locations: [{ uri: "file:///b" }] });
    expect(place.row("image_locations", "image_id = 'b'")["value"]).toBe("file:///b");
  });

  test("a deletion that is asked for marks the image as Glance does, once", async () => {
    await using place = await openPlace();
    await place.registry.addImage({ id: "a", locations: [{ uri: "file:///a" }, { uri: "file:///b" }] });
    place.db.exec(`INSERT INTO image_tags (image_id, value, created_at, deleted) VALUES ('a', 't', '2026-11-01', 0)`);
    const removed = place.addLocation("a", { status: "pending_delete" });
    const deleted = place.addLocation("a", { status: "deleted" });
    const asked = new Date(place.now);
    const image = await place.registry.requestDeletion("a");
    expect(image).toMatchObject({ status: "pending", nativeStatus: "pending_delete", deletedAt: asked });
    expect(image.locations.map(({ status }) => status)).toEqual(["pending", "pending", "pending", "deleted"]);
    expect(place.row("images", "id = 'a'")["deleted"]).toBe(1);
    expect(place.row("image_tags", "image_id = 'a'")).toMatchObject({
      deleted: 1,
      deleted_at: place.row("images", "id = 'a'")["deleted_at"],
    });
    for (const id of [removed, deleted]) {
      expect(place.row("image_locations", `id = ${id}`)["deleted_at"]).toBe(DELETED_AT);
    }
    place.now = new Date("2026-11-25T00:00:00Z");
    expect((await place.registry.requestDeletion("a")).deletedAt).toEqual(asked);
    expect(await place.registry.restore("a")).toEqual({ restored: true, locations: 3 });
    expect(place.row("image_tags", "image_id = 'a'")).toMatchObject({ deleted: 0, deleted_at: null });
  });

  test("a deletion of an unknown image, or of a deleted one, is refused", async () => {
    await using place = await openPlace();
    place.addImage("deleted", { status: "deleted" });
    await expect(place.registry.requestDeletion("gone")).rejects.toSatisfy((error) =>
      isScrubberError(error, "SCRUBBER_IMAGE_MISSING"),
    );
    await expect(place.registry.requestDeletion("deleted")).rejects.toSatisfy((error) =>
      isScrubberError(error, "SCRUBBER_IMAGE_STATUS"),
    );
  });

  test("in a database that Glance made, images are Glance's: neither added nor marked here", async () => {
    await using place = await openPlace();
    place.db.exec("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL)");
    place.addImage("a");
    await using registry = await place.second();
    expect(registry.supports).toEqual({ references: true, restore: true, locationStatus: true, manage: false });
    for (const call of [() => registry.addImage({ id: "b", locations: [] }), () => registry.requestDeletion("a")]) {
      await expect(call()).rejects.toSatisfy((error) => isScrubberError(error, "SCRUBBER_UNSUPPORTED"));
    }
    expect(place.row("images", "id = 'a'")["status"]).toBe("active");
  });
});

describe("setUp and open", () => {
  const context = (folder: string) => ({
    id: "registry",
    log: silent,
    now: () => new Date(),
    resolvePath: (path: string) => join(folder, path),
    cipher: undefined,
  });

  test("setUp makes the database once, readable by its owner alone, and touches nothing that is there", async () => {
    await using place = await openPlace();
    const folder = join(place.path, "..");
    const options = { url: "sqlite:new/folder/registry.sqlite" };
    expect(await plugin.setUp?.(options, context(folder))).toEqual([
      `registry database ${join(folder, "new/folder/registry.sqlite")}`,
    ]);
    expect((await stat(join(folder, "new/folder/registry.sqlite"))).mode & 0o777).toBe(0o600);
    expect((await stat(join(folder, "new/folder"))).mode & 0o777).toBe(0o700);
    await using registry = await plugin.open(options, context(folder));
    await registry.addImage({ id: "a", locations: [] });
    expect(await plugin.setUp?.(options, context(folder))).toEqual([]);
    expect((await registry.images(["a"])).size).toBe(1);
  });

  test("opening makes no file: a database that is not there is an error that says how to make one", async () => {
    await using place = await openPlace();
    const folder = join(place.path, "..");
    await expect(plugin.open({ url: "sqlite:nothing.sqlite" }, context(folder))).rejects.toMatchObject({
      code: "SCRUBBER_REGISTRY_UNAVAILABLE",
      message: expect.stringContaining("nothing.sqlite"),
      hint: expect.stringContaining("scrubber init"),
    });
    await expect(stat(join(folder, "nothing.sqlite"))).rejects.toThrow("ENOENT");
  });

  test("a file that is no database is an error and is left as it is", async () => {
    await using place = await openPlace();
    const folder = join(place.path, "..");
    const before = await stat(join(import.meta.dirname, "management.test.ts"));
    const options = { url: `sqlite:${join(import.meta.dirname, "management.test.ts")}` };
    const absolute = { ...context(folder), resolvePath: (path: string) => path };
    await expect(plugin.open(options, absolute)).rejects.toSatisfy((error) => isScrubberError(error));
    await expect(plugin.setUp?.(options, absolute)).rejects.toSatisfy((error) => isScrubberError(error));
    expect((await stat(join(import.meta.dirname, "management.test.ts"))).mtimeMs).toBe(before.mtimeMs);
  });

  test("the journal mode of a database that is there stays what it is", async () => {
    await using place = await openPlace();
    const other = join(place.path, "..", "rollback.sqlite");
    const made = new DatabaseSync(other);
    made.exec("CREATE TABLE images (id TEXT)");
    made.close();
    const options = { url: "sqlite:rollback.sqlite" };
    const surroundings = context(join(place.path, ".."));
    expect(await plugin.setUp?.(options, surroundings)).toEqual([]);
    const registry = await plugin.open(options, surroundings);
    await expect(registry.images(["a"])).rejects.toSatisfy((error) =>
      isScrubberError(error, "SCRUBBER_REGISTRY_SCHEMA"),
    );
    await registry[Symbol.asyncDispose]();
    const again = new DatabaseSync(other);
    expect(again.prepare("PRAGMA journal_mode").get()).toEqual({ journal_mode: "delete" });
    again.close();
  });

  test("SQLite alone is loaded for SQLite: no driver of another database, no query builder", () => {
    const source = new URL("../src/index.ts", import.meta.url).href;
    const script = `
      import { registerHooks } from "node:module";
      const loaded = [];
      registerHooks({ load(url, context, next) { loaded.push(url); return next(url, context); } });
      const { default: plugin } = await import(${JSON.stringify(source)});
      await plugin.setUp({ url: "sqlite:./x.sqlite" }, { resolvePath: () => process.argv[1] });
      const registry = await plugin.open({ url: "sqlite:./x.sqlite" }, { resolvePath: () => process.argv[1], now: () => new Date() });
      await registry.addImage({ id: "a", locations: [] });
      console.log(JSON.stringify(loaded));`;
    const folder = spawnSync("mktemp", ["-d"], { encoding: "utf8" }).stdout.trim();
    const run = spawnSync(
      process.execPath,
      ["--conditions=@scrubber/source", "--input-type=module", "-e", script, join(folder, "x.sqlite")],
      { encoding: "utf8" },
    );
    spawnSync("rm", ["-rf", folder]);
    expect(run.stderr).toBe("");
    const loaded = JSON.parse(run.stdout) as string[];
    expect(loaded.some((url) => url.includes("node:sqlite"))).toBe(true);
    expect(loaded.filter((url) => /\/(mysql2|pg|kysely)\//.test(url))).toEqual([]);
  });
});
