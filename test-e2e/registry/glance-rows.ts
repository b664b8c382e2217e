import type { Context, Registry } from "@scrubber/core";
import type { RegistryUnderTest, SeedImage } from "@scrubber/core/conformance";
import plugin, { type Options } from "@scrubber/registry-sql";
import type { GlanceDatabase } from "./glance-database.ts";

const NATIVE = { live: "active", pending: "pending_delete", deleted: "deleted" };

const silent: Context["log"] = { debug() {}, info() {}, warn() {}, error() {} };

export async function openRegistry(options: Options, now: () => Date = () => new Date()): Promise<Registry> {
  return await plugin.open(options, {
    id: "registry",
    log: silent,
    now,
    resolvePath: (path) => path,
    cipher: undefined,
  });
}

/** Adds an image as Glance would have left it. */
export async function insertImage(db: GlanceDatabase, image: SeedImage, at: Date): Promise<void> {
  const created = db.time(at);
  const gone = db.time(image.deletedAt ?? at);
  const isLive = image.status === "live";
  await db.query(
    `INSERT INTO images (id, status, visibility, created_at, updated_at, deleted, deleted_at, min_disk, min_ram, protected, os_hidden)
    VALUES (?, ?, 'community', ?, ?, ${isLive ? "FALSE" : "TRUE"}, ?, 0, 0, FALSE, FALSE)`,
    [image.id, NATIVE[image.status], created, created, isLive ? null : gone],
  );
  for (const { uri, store, status, unreadable = false } of image.locations) {
    const isGone = status !== "live";
    await db.query(
      `INSERT INTO image_locations (image_id, value, meta_data, status, created_at, updated_at, deleted, deleted_at)
      VALUES (?, ?, ?, ?, ?, ?, ${isGone ? "TRUE" : "FALSE"}, ?)`,
      [
        image.id,
        unreadable ? "c2VhbGVk" : uri,
        JSON.stringify({ store }),
        NATIVE[status],
        created,
        created,
        isGone ? gone : null,
      ],
    );
  }
}

/** The kit's harness on a database that many cases share, one after the other. */
export async function underTest(db: GlanceDatabase): Promise<RegistryUnderTest> {
  await db.clear();
  // MariaDB keeps whole seconds, and what it cut off is taken to be the end of the second.
  let time = Math.floor(Date.now() / 1000) * 1000 + (db.kind === "mariadb" ? 999 : 0);
  const now = (): Date => new Date(time);
  const registry = await openRegistry({ url: db.restrictedUrl }, now);
  return {
    registry,
    now,
    advance: (ms) => void (time += ms),
    seed: (image) => insertImage(db, image, now()),
    async setStatus(imageId, status) {
      const isLive = status === "live";
      await db.query(
        `UPDATE images SET status = ?, deleted = ${isLive ? "FALSE" : "TRUE"}, deleted_at = ? WHERE id = ?`,
        [NATIVE[status], isLive ? null : db.time(now()), imageId],
      );
    },
    ...(db.endClaim === undefined ? {} : { loseClaim: db.endClaim }),
    breakBackend: () => db.breakDown(),
    [Symbol.asyncDispose]: () => registry[Symbol.asyncDispose](),
  };
}
