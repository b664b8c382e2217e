import type { RestoreResult } from "@scrubber/core";
import type { Database } from "./database.ts";
import { among, lock, now, sql } from "./sql.ts";

/**
 * `Registry.restore`: the image, its locations, and the members, tags and properties that were deleted with it.
 *
 * Glance deletes in an order: first the locations, then the properties, then the image; members and tags get the very `deleted_at` of the image. So a
 * property was deleted with the image if that was not before its last location; one that had been removed before stays so.
 */
export async function restoreImage(database: Database, imageId: string): Promise<RestoreResult> {
  return await database.write(async (session) => {
    const images = await session.all<[id: string, status: string]>(
      sql`SELECT id, status FROM images WHERE id ${among([imageId])}${lock}`,
    );
    // Some collations find an id in another spelling.
    const image = images.find(([id]) => id === imageId);
    if (image === undefined) return { restored: false, reason: "missing" };
    const [, nativeStatus] = image;
    if (nativeStatus !== "pending_delete") return { restored: false, reason: "notPending", nativeStatus };
    const [left] = await session.all<[count: number | string]>(
      sql`SELECT COUNT(*) FROM image_locations WHERE image_id = ${imageId} AND status <> 'deleted'`,
    );
    const locations = Number(left?.[0] ?? 0);
    if (locations === 0) return { restored: false, reason: "noLocations", nativeStatus };

    const withImage = sql`deleted = TRUE AND deleted_at = (SELECT i.deleted_at FROM images i WHERE i.id = ${imageId})`;
    for (const table of [sql`image_members`, sql`image_tags`]) {
      await session.run(sql`
        UPDATE ${table} SET deleted = FALSE, deleted_at = NULL, updated_at = ${now}
        WHERE image_id = ${imageId} AND ${withImage}`);
    }
    await session.run(sql`
      UPDATE image_properties SET deleted = FALSE, deleted_at = NULL, updated_at = ${now}
      WHERE image_id = ${imageId} AND deleted = TRUE
        AND deleted_at >= (
          SELECT COALESCE(MAX(l.deleted_at), MAX(i.deleted_at)) FROM images i
          LEFT JOIN image_locations l ON l.image_id = i.id AND l.status = 'pending_delete'
          WHERE i.id = ${imageId})`);
    await session.run(sql`
      UPDATE image_locations SET status = 'active', deleted = FALSE, deleted_at = NULL, updated_at = ${now}
      WHERE image_id = ${imageId} AND status = 'pending_delete'`);
    await session.run(sql`
      UPDATE images SET status = 'active', deleted = FALSE, deleted_at = NULL, updated_at = ${now}
      WHERE id = ${imageId} AND status = 'pending_delete'`);
    return { restored: true, locations };
  });
}
