import { rename, rm } from "node:fs/promises";
import { DatabaseSync } from "node:sqlite";
import { expect, test } from "vitest";
import { openPlace } from "./database.ts";

test("a file that takes the place of the one that was opened is what is read from then on, and written", async () => {
  await using place = await openPlace();
  place.addImage("a", { status: "pending_delete" });
  place.addLocation("a", { status: "pending_delete" });
  expect((await place.registry.images(["a"])).get("a")?.status).toBe("pending");
  const backup = `${place.path}.backup`;
  place.db.exec(`VACUUM INTO '${backup}'`);
  const restored = new DatabaseSync(backup);
  restored.exec("UPDATE images SET status = 'active', deleted = 0, deleted_at = NULL");
  restored.exec("UPDATE image_locations SET status = 'active', deleted = 0, deleted_at = NULL");
  // As a careful operator does: the log of the file before is none of the new one's.
  for (const part of ["-wal", "-shm"]) await rm(place.path + part);
  await rename(backup, place.path);
  expect((await place.registry.images(["a"])).get("a")).toMatchObject({
    status: "live",
    locations: [{ status: "live" }],
  });
  await place.registry.requestDeletion("a");
  expect(restored.prepare("SELECT status FROM images").all()).toMatchObject([{ status: "pending_delete" }]);
  restored.close();
});

test("while no file is there, nothing is answered; once it is back, it is read", async () => {
  await using place = await openPlace();
  place.addImage("a");
  await rename(place.path, `${place.path}.away`);
  for (let time = 0; time < 2; time++) {
    await expect(place.registry.images(["a"])).rejects.toMatchObject({ code: "SCRUBBER_REGISTRY_UNAVAILABLE" });
  }
  await rename(`${place.path}.away`, place.path);
  expect((await place.registry.images(["a"])).get("a")?.status).toBe("live");
});
