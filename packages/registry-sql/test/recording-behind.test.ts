import { describe, expect, test } from "vitest";
import { openPlace } from "./database.ts";

/** Triggers stand for another program that writes between the registry's statements. */
describe("what another program writes while deletions are recorded is heeded", () => {
  test("a row that is made live keeps its image from being called deleted", async () => {
    await using place = await openPlace();
    place.addImage("a", { status: "pending_delete" });
    const ref = place.addLocation("a", { status: "pending_delete" });
    const other = place.addLocation("a", { status: "deleted" });
    // Stands for another program that writes between the registry's reading and its writing.
    place.db.exec(`CREATE TRIGGER behind AFTER UPDATE ON image_locations WHEN NEW.id = ${ref} AND NEW.status = 'deleted'
      BEGIN UPDATE image_locations SET status = 'active' WHERE id = ${other}; END`);
    const results = await place.registry.recordDeleted([{ imageId: "a", locations: [{ ref }] }]);
    expect(results.get("a")).toBe("incomplete");
    expect(place.row("images", "id = 'a'")["status"]).toBe("pending_delete");
  });

  test("a row that is made live stays as it was made, flag and all", async () => {
    await using place = await openPlace();
    place.addImage("a", { status: "pending_delete" });
    const [first = 0, second = 0] = [1, 2].map(() => place.addLocation("a", { status: "pending_delete" }));
    place.db.exec("UPDATE image_locations SET deleted = 0, deleted_at = NULL");
    // Another program's write, between the registry's reading and its writing of the second row, which it then does not find any more.
    place.db
      .exec(`CREATE TRIGGER behind BEFORE UPDATE ON image_locations WHEN OLD.id = ${second} AND OLD.status = 'pending_delete'
      BEGIN UPDATE image_locations SET status = 'active' WHERE id = ${second}; SELECT RAISE(IGNORE); END`);
    await place.registry.recordDeleted([{ imageId: "a", locations: [{ ref: first }, { ref: second }] }]);
    expect(place.row("image_locations", `id = ${first}`)).toMatchObject({ status: "deleted", deleted: 1 });
    expect(place.row("image_locations", `id = ${second}`)).toMatchObject({
      status: "active",
      deleted: 0,
      deleted_at: null,
    });
  });

  test("a row that is made live while others are recorded is not recorded", async () => {
    await using place = await openPlace();
    place.addImage("a", { status: "pending_delete" });
    place.db.exec("BEGIN");
    const refs = Array.from({ length: 1001 }, () => place.addLocation("a", { status: "pending_delete" }));
    place.db.exec("COMMIT");
    const last = refs.at(-1) ?? 0;
    place.db
      .exec(`CREATE TRIGGER behind AFTER UPDATE ON image_locations WHEN NEW.id = ${refs[0]} AND NEW.status = 'deleted'
      BEGIN UPDATE image_locations SET status = 'active' WHERE id = ${last}; END`);
    const results = await place.registry.recordDeleted([{ imageId: "a", locations: refs.map((ref) => ({ ref })) }]);
    expect(results.get("a")).toBe("incomplete");
    expect(place.row("image_locations", `id = ${last}`)["status"]).toBe("active");
  });

  test("an image that is made live stays so", async () => {
    await using place = await openPlace();
    place.addImage("a", { status: "pending_delete" });
    const ref = place.addLocation("a", { status: "pending_delete" });
    place.db.exec(`CREATE TRIGGER behind AFTER UPDATE ON image_locations WHEN NEW.id = ${ref} AND NEW.status = 'deleted'
      BEGIN UPDATE images SET status = 'active' WHERE id = 'a'; END`);
    const results = await place.registry.recordDeleted([{ imageId: "a", locations: [{ ref }] }]);
    expect(results.get("a")).toBe("incomplete");
    expect(place.row("images", "id = 'a'")["status"]).toBe("active");
  });
});
