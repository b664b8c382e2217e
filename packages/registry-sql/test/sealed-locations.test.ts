import { createCipher } from "@scrubber/core";
import { describe, expect, test } from "vitest";
import { KEY, openPlace, sealed, type Place } from "./database.ts";
import { allPending } from "./pages.ts";

describe("sealed locations", () => {
  const uri = "s3+https://user:secret@host/bucket/key";

  async function seed(place: Place): Promise<void> {
    place.addImage("a", { status: "pending_delete" });
    place.addLocation("a", { status: "pending_delete", value: sealed(uri) });
    place.addLocation("a", { status: "pending_delete", value: "file:///in/the/clear" });
    place.addLocation("a", { status: "pending_delete", value: sealed(uri, "another-key-0123") });
    place.addLocation("a", { status: "pending_delete", value: "damaged" });
    place.addLocation("a", { status: "pending_delete", metadata: "{broken" });
    place.addLocation("a", { status: "pending_delete", metadata: "[]" });
  }

  test("are opened with the keys; what cannot be read is listed with a reason, beside its neighbours", async () => {
    await using place = await openPlace({ keys: [KEY] });
    await seed(place);
    const found = await allPending(place.registry);
    expect(found.map((item) => ("location" in item ? item.location?.uri : undefined))).toEqual([
      uri,
      "file:///in/the/clear",
      undefined,
      undefined,
      undefined,
      undefined,
    ]);
    expect(found.map((item) => ("unreadable" in item ? item.unreadable : undefined))).toEqual([
      undefined,
      undefined,
      expect.stringContaining("cannot be opened"),
      expect.stringContaining("cannot be opened"),
      expect.stringContaining("meta_data"),
      expect.stringContaining("meta_data"),
    ]);
    expect(JSON.stringify(found.slice(2))).not.toContain('damaged"');
  });

  test("are opened with the scrubber's own keys where the registry has none", async () => {
    await using place = await openPlace({}, { cipher: createCipher([KEY]) });
    await seed(place);
    expect((await place.registry.images(["a"])).get("a")?.locations[0]).toMatchObject({ location: { uri } });
  });

  test("without any key are unreadable, never taken for a URI", async () => {
    await using place = await openPlace();
    await seed(place);
    const image = (await place.registry.images(["a"])).get("a");
    expect(image?.locations[0]).toMatchObject({ unreadable: expect.stringContaining("no key is configured") });
    expect(image?.locations[0]).not.toHaveProperty("location");
  });

  test("a location with damaged metadata is listed among the references by its URI, which it has in whatever store", async () => {
    await using place = await openPlace();
    place.addImage("a");
    const ref = place.addLocation("a", { metadata: "{broken" });
    const listed = await Array.fromAsync(place.registry.references());
    expect(listed.flat()).toEqual([{ ref, imageId: "a", location: { uri: "file:///images/a" } }]);
  });

  test("metadata keeps what names no store, and Rocky's name for it is understood", async () => {
    await using place = await openPlace();
    place.addImage("a");
    place.addLocation("a", { metadata: '{"backend": "old", "note": {"x": 1}}' });
    place.addLocation("a", { metadata: '{"store": "new", "backend": "old"}' });
    place.addLocation("a", { metadata: '{"store": 7}' });
    place.addLocation("a", { metadata: null });
    const image = (await place.registry.images(["a"])).get("a");
    expect(image?.locations.map(({ location }) => location)).toEqual([
      { uri: "file:///images/a", store: "old", metadata: { note: { x: 1 } } },
      { uri: "file:///images/a", store: "new", metadata: { backend: "old" } },
      { uri: "file:///images/a", metadata: { store: 7 } },
      { uri: "file:///images/a" },
    ]);
  });
});
