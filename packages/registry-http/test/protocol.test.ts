import { createCipher, isScrubberError, type PendingLocation, type Registry } from "@scrubber/core";
import { describe, expect, test } from "vitest";
import { KEY, openPlace, sealed } from "./place.ts";

async function allPending(registry: Registry, limit = 1000): Promise<PendingLocation[]> {
  const found: PendingLocation[] = [];
  for (let after: string | undefined; ;) {
    const page = await registry.pendingLocations({ ...(after !== undefined && { after }), limit });
    expect(page.items.length).toBeLessThanOrEqual(limit);
    found.push(...page.items);
    if (page.next === undefined) return found;
    after = page.next;
  }
}

const uriOf = (item: PendingLocation): string | undefined => ("location" in item ? item.location?.uri : undefined);

describe("listing", () => {
  test("pages with limit and marker until the end, beyond the registry's own 25 and its cap of 1000", async () => {
    await using place = await openPlace();
    for (let n = 0; n < 2300; n++)
      place.addImage(`image-${String(n).padStart(4, "0")}`, "pending_delete", [{ url: `file:///${n}` }]);
    expect((await allPending(place.registry)).map(uriOf)).toEqual(
      Array.from({ length: 2300 }, (_, n) => `file:///${n}`),
    );
    expect(place.server.requests.filter((line) => line.includes("marker=image-0999")).length).toBe(1);
  });

  test("a page never holds more than was asked for, however many locations an image has", async () => {
    await using place = await openPlace();
    const expected: string[] = [];
    for (const id of ["a", "b", "c"]) {
      const urls = [1, 2, 3, 4, 5].map((n) => `file:///${id}/${n}`);
      expected.push(...urls);
      place.addImage(
        id,
        "pending_delete",
        urls.map((url) => ({ url })),
      );
    }
    for (const limit of [1, 2, 4, 5, 7, 15]) {
      expect((await allPending(place.registry, limit)).map(uriOf)).toEqual(expected);
    }
  });

  test("a pending image without locations is shown with none, and one that is not yet marked as deleted is not forgotten", async () => {
    await using place = await openPlace();
    place.addImage("bare", "pending_delete");
    place.addImage("half", "pending_delete", [{ url: "file:///half" }], null);
    const half = place.server.images.get("half");
    if (half !== undefined) Object.assign(half, { deleted: false, updated_at: "2026-11-23T00:00:00.500000" });
    place.addImage("live", "active", [{ url: "file:///live" }]);
    const found = await allPending(place.registry);
    expect(found.map(({ imageId, none }) => [imageId, none])).toEqual([
      ["bare", true],
      ["half", undefined],
    ]);
    expect(found[1]?.requestedAt).toEqual(new Date("2026-11-23T00:00:00.500Z"));
  });

  test.each([
    ["2026-11-20T10:00:00.250000", "2026-11-20T10:00:00.250Z"],
    ["2026-11-20T10:00:00", "2026-11-20T10:00:00.999Z"],
    ["2026-11-20T10:00:00Z", "2026-11-20T10:00:00.999Z"],
    ["2026-11-20T12:00:00.500000+02:00", "2026-11-20T10:00:00.500Z"],
    ["2026-11-24 12:00:00", "2026-11-24T12:00:00.125Z"],
  ])("the deletion's time %s is read as %s", async (text, instant) => {
    await using place = await openPlace();
    place.addImage("a", "pending_delete", [], text);
    expect((await allPending(place.registry))[0]?.requestedAt.toISOString()).toBe(instant);
    expect((await place.registry.images(["a"])).get("a")?.deletedAt?.toISOString()).toBe(instant);
  });

  test("Juno's locations that are deleted are left out; Havana's single location is read", async () => {
    await using place = await openPlace();
    place.addImage("juno", "pending_delete", [
      { url: "file:///gone", status: "deleted" },
      { url: "file:///left", status: "pending_delete" },
    ]);
    expect((await allPending(place.registry)).map(uriOf)).toEqual(["file:///left"]);
    place.server.faults.push({
      json: { images: [{ id: "havana", status: "pending_delete", location: "file:///one" }] },
    });
    expect((await place.registry.pendingLocations({ limit: 10 })).items.map(uriOf)).toEqual(["file:///one"]);
  });

  test("an image whose list of locations is empty beside a single location is not taken to have none", async () => {
    await using place = await openPlace();
    place.server.faults.push({
      json: { images: [{ id: "odd", status: "pending_delete", location: "file:///one", location_data: [] }] },
    });
    const { items } = await place.registry.pendingLocations({ limit: 10 });
    expect(items).toMatchObject([{ imageId: "odd", location: { uri: "file:///one" } }]);
  });

  test("sealed locations are opened, padded to 64 as the registry does; what cannot be is shown with the reason", async () => {
    await using place = await openPlace({ keys: [KEY] });
    const uri = "swift+https://user:secret@auth/v1/c/o";
    place.addImage("a", "pending_delete", [
      { url: sealed(uri), metadata: { store: "fast", note: 1 } },
      { url: sealed(uri, "another-key-0123") },
      { url: "file:///clear" },
      { url: "file:///x", metadata: "odd" },
    ]);
    const found = await allPending(place.registry);
    expect(found[0]).toMatchObject({ location: { uri, store: "fast", metadata: { note: 1 } } });
    expect(found[1]).toMatchObject({ unreadable: expect.stringContaining("cannot be opened") });
    expect(found[2]).toMatchObject({ location: { uri: "file:///clear" } });
    expect(found[3]).toMatchObject({ unreadable: expect.stringContaining("metadata") });
  });

  test("without keys of its own, the scrubber's are used", async () => {
    await using place = await openPlace({}, { cipher: createCipher([KEY]) });
    place.addImage("a", "pending_delete", [{ url: sealed("file:///x") }]);
    expect((await allPending(place.registry)).map(uriOf)).toEqual(["file:///x"]);
  });
});

describe("recording", () => {
  test("tells the registry what it must find, and believes only what it answers", async () => {
    await using place = await openPlace();
    place.addImage("a", "pending_delete", [{ url: "file:///a" }]);
    place.addImage("live", "active");
    place.addImage("deleted", "deleted");
    const ids = ["a", "live", "deleted", "gone"];
    const results = await place.registry.recordDeleted(ids.map((imageId) => ({ imageId, locations: [] })));
    expect(Object.fromEntries(results)).toEqual({
      a: "recorded",
      live: "active",
      deleted: "recorded",
      gone: "missing",
    });
    expect(place.server.requests.filter((line) => line.startsWith("PUT"))).toEqual(["PUT /images/a"]);
    expect(place.server.images.get("live")?.status).toBe("active");
  });

  test("an image that is made active between looking and telling stays active", async () => {
    await using place = await openPlace();
    place.addImage("a", "pending_delete");
    place.server.allows = ({ method }) => {
      const image = place.server.images.get("a");
      if (method === "PUT" && image !== undefined) image.status = "active";
      return true;
    };
    const results = await place.registry.recordDeleted([{ imageId: "a", locations: [] }]);
    expect(results.get("a")).toBe("active");
    expect(place.server.images.get("a")?.status).toBe("active");
  });

  test("an answer that is lost after the registry wrote is asked for again, and is the same", async () => {
    await using place = await openPlace();
    place.addImage("a", "pending_delete");
    let lost = 0;
    place.server.allows = (request) => {
      const image = place.server.images.get("a");
      if (request.method === "PUT" && image !== undefined && lost++ === 0) {
        image.status = "deleted";
        request.socket.destroy();
      }
      return true;
    };
    expect((await place.registry.recordDeleted([{ imageId: "a", locations: [] }])).get("a")).toBe("recorded");
    expect(lost).toBe(2);
  });
});

describe("what goes wrong", () => {
  test.each([
    [{ status: 503 }],
    [{ status: 503, headers: { "retry-after": "0" } }],
    [{ status: 500 }],
    [{ status: 413, headers: { "retry-after": "0" } }],
    ["hangUp"],
    ["truncated"],
  ] as const)("%j passes: the request is made again", async (fault) => {
    await using place = await openPlace();
    place.addImage("a", "pending_delete", [{ url: "file:///a" }]);
    place.server.faults.push(fault, fault);
    expect((await place.registry.images(["a"])).size).toBe(1);
    expect(place.server.requests.length).toBe(3);
  });

  test.each([
    [400, "SCRUBBER_REGISTRY_ANSWER_INVALID"],
    [401, "SCRUBBER_REGISTRY_DENIED"],
    [403, "SCRUBBER_REGISTRY_DENIED"],
    [409, "SCRUBBER_REGISTRY_ANSWER_INVALID"],
    [413, "SCRUBBER_REGISTRY_ANSWER_INVALID"],
    [302, "SCRUBBER_REGISTRY_ANSWER_INVALID"],
  ] as const)("%i is an error at once, that names the request", async (status, code) => {
    await using place = await openPlace();
    place.server.faults.push({ status });
    await expect(place.registry.pendingLocations({ limit: 1 })).rejects.toSatisfy(
      (error) => isScrubberError(error, code) && error.message.includes("req-test") && error.hint !== undefined,
    );
    expect(place.server.requests.length).toBe(1);
  });

  test("404 for an image is an unknown image, if the registry is seen to be there; for the listing it is another server", async () => {
    await using place = await openPlace();
    expect((await place.registry.images(["a"])).size).toBe(0);
    place.server.faults.push({ status: 404 }, { status: 404 });
    await expect(place.registry.images(["a"])).rejects.toSatisfy((error) =>
      isScrubberError(error, "SCRUBBER_REGISTRY_ANSWER_INVALID"),
    );
    place.server.faults.push({ status: 404 });
    await expect(place.registry.pendingLocations({ limit: 1 })).rejects.toSatisfy((error) =>
      isScrubberError(error, "SCRUBBER_REGISTRY_ANSWER_INVALID"),
    );
  });

  test("503 for ever is an outage", async () => {
    await using place = await openPlace();
    place.server.faults.push(...Array.from({ length: 10 }, () => ({ status: 503, headers: { "retry-after": "0" } })));
    await expect(place.registry.images(["a"])).rejects.toSatisfy((error) =>
      isScrubberError(error, "SCRUBBER_REGISTRY_UNAVAILABLE"),
    );
    expect(place.server.requests.length).toBe(6);
  });

  test.each([
    ["garbage"],
    [{ json: [] }],
    [{ json: { images: [{ id: "a" }] } }],
    [{ json: { images: [{ id: "a", status: "active" }] } }],
    [
      {
        json: {
          images: [
            { id: "a", status: "pending_delete" },
            { id: "b", status: "pending_delete" },
          ],
        },
      },
    ],
  ] as const)("a listing that cannot be used whole (%j) is an error, never less", async (fault) => {
    await using place = await openPlace();
    place.server.faults.push(fault);
    await expect(place.registry.pendingLocations({ limit: 1 })).rejects.toSatisfy((error) =>
      isScrubberError(error, "SCRUBBER_REGISTRY_ANSWER_INVALID"),
    );
  });

  test("a registry that heeds no marker is an error, not a listing without end", async () => {
    await using place = await openPlace();
    for (const id of ["a", "b"]) place.addImage(id, "pending_delete", [{ url: `file:///${id}` }]);
    const { next = "" } = await place.registry.pendingLocations({ limit: 1 });
    place.server.faults.push({ json: { images: [{ id: "a", status: "pending_delete" }] } });
    await expect(place.registry.pendingLocations({ after: next, limit: 1 })).rejects.toSatisfy((error) =>
      isScrubberError(error, "SCRUBBER_REGISTRY_ANSWER_INVALID"),
    );
  });

  test("one image of a batch that cannot be asked for fails the batch", async () => {
    await using place = await openPlace();
    for (const id of ["a", "b", "c"]) place.addImage(id, "active");
    place.server.faults.push({ status: 403 });
    await expect(place.registry.images(["a", "b", "c"])).rejects.toSatisfy((error) =>
      isScrubberError(error, "SCRUBBER_REGISTRY_DENIED"),
    );
  });

  test("a registry that finds an id in another spelling does not know the image", async () => {
    await using place = await openPlace();
    place.server.faults.push({ json: { image: { id: "a", status: "pending_delete" } } });
    expect((await place.registry.images(["A"])).size).toBe(0);
  });

  test("a cursor of another registry is refused", async () => {
    await using place = await openPlace();
    await expect(place.registry.pendingLocations({ after: "l:5", limit: 1 })).rejects.toThrow(TypeError);
  });
});
