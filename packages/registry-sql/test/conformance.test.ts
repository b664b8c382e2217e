import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { SeedImage } from "@scrubber/core/conformance";
import { testPlugin, testRegistry } from "@scrubber/core/conformance";
import { afterAll, describe, test } from "vitest";
import plugin from "../src/index.ts";
import { writeInstant } from "../src/instants.ts";
import { KEY, openPlace, sealed, type Place } from "./database.ts";

const NATIVE = { live: "active", pending: "pending_delete", deleted: "deleted" };

function seed(place: Place, image: SeedImage): void {
  const gone = writeInstant(image.deletedAt ?? place.now);
  place.addImage(image.id, { status: NATIVE[image.status], deletedAt: image.status === "live" ? null : gone });
  for (const { uri, store, status, unreadable = false } of image.locations) {
    place.addLocation(image.id, {
      value: unreadable ? sealed(uri, "another-key-0123") : sealed(uri),
      metadata: JSON.stringify({ store }),
      status: NATIVE[status],
      deletedAt: status === "live" ? null : gone,
    });
  }
}

testRegistry(
  { describe, test },
  {
    name: "sql on SQLite",
    async open() {
      const place = await openPlace({ keys: [KEY] });
      return {
        registry: place.registry,
        now: () => place.now,
        advance: (ms) => void (place.now = new Date(place.now.getTime() + ms)),
        seed: async (image) => seed(place, image),
        async setStatus(imageId, status) {
          place.db
            .prepare("UPDATE images SET status = ?, deleted = ?, deleted_at = ? WHERE id = ?")
            .run(
              NATIVE[status],
              status === "live" ? 0 : 1,
              status === "live" ? null : writeInstant(place.now),
              imageId,
            );
        },
        async breakBackend() {
          place.db.exec("ALTER TABLE images RENAME TO broken; ALTER TABLE image_locations RENAME TO broken_too");
          return async () =>
            place.db.exec("ALTER TABLE broken RENAME TO images; ALTER TABLE broken_too RENAME TO image_locations");
        },
        [Symbol.asyncDispose]: () => place[Symbol.asyncDispose](),
      };
    },
  },
);

const folder = mkdtempSync(join(tmpdir(), "registry-sql-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

testPlugin(
  { describe, test },
  {
    name: "registry-sql",
    plugin,
    async options() {
      const options = { url: `sqlite:${join(folder, "registry.sqlite")}`, keys: [KEY] };
      await plugin.setUp?.(options, {
        id: "registry",
        log: { debug() {}, info() {}, warn() {}, error() {} },
        now: () => new Date(),
        resolvePath: (path) => path,
        cipher: undefined,
      });
      return options;
    },
    refused: [
      { options: {}, names: "url" },
      { options: { url: "oracle://u:p@h/d" }, names: "connection URL" },
      { options: { url: "mysql://u:p@h" }, names: "names no database" },
      { options: { url: "sqlite:" }, names: "names no file" },
      { options: { url: "sqlite:./x", keys: ["short"] }, names: "keys.0" },
      { options: { url: "sqlite:./x", keys: [] }, names: "keys" },
    ],
  },
);
