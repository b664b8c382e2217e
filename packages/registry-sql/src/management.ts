import { imageIdProblem, ScrubberError } from "@scrubber/core";
import type { Database } from "./database.ts";
import { livenessOf, type LocationCodec } from "./rows.ts";
import { lock, now, sql } from "./sql.ts";

/** `Registry.addImage`. */
export async function addImage(
  database: Database,
  codec: LocationCodec,
  image: { readonly id: string; readonly locations: readonly { readonly uri: string; readonly store?: string }[] },
): Promise<void> {
  const problem = imageIdProblem(image.id);
  if (problem !== undefined) {
    throw new ScrubberError("SCRUBBER_IMAGE_ID_INVALID", `this is no image id: ${problem}`, {
      hint: "An image id is 1 to 255 bytes without control characters.",
    });
  }
  await database.write(async (session) => {
    const [known] = await session.all<[status: string]>(sql`SELECT status FROM images WHERE id = ${image.id}`);
    if (known !== undefined) {
      throw new ScrubberError("SCRUBBER_IMAGE_EXISTS", `the registry has an image ${image.id} already (${known[0]})`, {
        hint: "Choose another id; ids are never used again.",
      });
    }
    await session.run(sql`
      INSERT INTO images (id, status, visibility, created_at, updated_at, deleted, min_disk, min_ram, protected, os_hidden)
      VALUES (${image.id}, 'active', 'shared', ${now}, ${now}, FALSE, 0, 0, FALSE, FALSE)`);
    for (const location of image.locations) {
      const [value, metadata] = codec.write(location);
      await session.run(sql`
        INSERT INTO image_locations (image_id, value, meta_data, status, created_at, updated_at, deleted)
        VALUES (${image.id}, ${value}, ${metadata}, 'active', ${now}, ${now}, FALSE)`);
    }
  });
}

/** Marks a live image as Glance's delayed delete does: locations, properties, the image, members and tags, here all at one instant. */
export async function requestDeletion(database: Database, imageId: string): Promise<void> {
  await database.write(async (session) => {
    const [image] = await session.all<[status: string]>(sql`SELECT status FROM images WHERE id = ${imageId}${lock}`);
    if (image === undefined) {
      throw new ScrubberError("SCRUBBER_IMAGE_MISSING", `the registry has no image ${imageId}`, {
        hint: "Check the id: scrubber show IMAGE_ID.",
      });
    }
    const liveness = livenessOf(image[0]);
    if (liveness === "pending") return;
    if (liveness === "deleted") {
      throw new ScrubberError("SCRUBBER_IMAGE_STATUS", `the image ${imageId} is deleted already`, {
        hint: "Nothing is left to do: scrubber receipts show IMAGE_ID tells what became of its data.",
      });
    }
    await session.run(sql`
      UPDATE image_locations SET status = 'pending_delete', deleted = TRUE, updated_at = ${now}, deleted_at = ${now}
      WHERE image_id = ${imageId} AND status NOT IN ('pending_delete', 'deleted')`);
    for (const table of [sql`image_properties`, sql`image_members`, sql`image_tags`]) {
      await session.run(
        sql`UPDATE ${table} SET deleted = TRUE, deleted_at = ${now} WHERE image_id = ${imageId} AND deleted = FALSE`,
      );
    }
    await session.run(sql`
      UPDATE images SET status = 'pending_delete', deleted = TRUE, updated_at = ${now}, deleted_at = ${now}
      WHERE id = ${imageId}`);
  });
}
