import { randomUUID } from "node:crypto";
import { utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { ServerDatabase } from "./database-server.ts";

/** Makes a file of an image that waits for deletion since an hour, on MariaDB or PostgreSQL; answers with its path. */
export async function pendingFile(database: ServerDatabase, images: string): Promise<string> {
  const id = randomUUID();
  const path = join(images, id);
  writeFileSync(path, "data");
  const before = Date.now() / 1000 - 7200;
  utimesSync(path, before, before);
  const at = new Date(Date.now() - 3_600_000).toISOString().slice(0, 19).replace("T", " ");
  await database.transaction(async (query) => {
    await query(
      "INSERT INTO images (id, name, status, created_at, updated_at, deleted_at, deleted, min_disk, min_ram, protected, visibility, os_hidden) VALUES (?, 'late', 'pending_delete', ?, ?, ?, TRUE, 0, 0, FALSE, 'shared', FALSE)",
      [id, at, at, at],
    );
    await query(
      "INSERT INTO image_locations (image_id, value, meta_data, status, created_at, updated_at, deleted_at, deleted) VALUES (?, ?, '{}', 'pending_delete', ?, ?, ?, TRUE)",
      [id, `file://${path}`, at, at, at],
    );
  });
  return path;
}
