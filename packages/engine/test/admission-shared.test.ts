import type { Image, Reference, Registry } from "@scrubber/core";
import type { MemoryRegistry } from "@scrubber/core/memory";
import { describe, expect, test } from "vitest";
import { AdmissionBatch } from "../src/admission-batch.ts";
import { DueRows } from "../src/admission-times.ts";
import { addressesOf } from "../src/references-address.ts";
import { createWorld, deletedAt, DELAY, HOUR, liveAt, pendingAt, withReferences } from "./admission-world.ts";

const A = "memory://bucket/a";
const B = "memory://bucket/b";

describe("an object that somebody else needs is kept", () => {
  test("by a live image, in another spelling and with other credentials", async () => {
    const world = createWorld();
    world.seed("i", "pending", [pendingAt(A)]);
    world.seed("j", "live", [liveAt("memory://user:secret@Bucket/%61")]);
    expect(await world.admit(["i", A])).toEqual([{ kind: "shared", ref: 1, with: "j" }]);
  });

  test("by its own image, where another row of it is live", async () => {
    const world = createWorld();
    world.seed("i", "live", [liveAt(A), pendingAt("memory://bucket/%61")]);
    expect(await world.admit(["i", "memory://bucket/%61"])).toEqual([{ kind: "shared", ref: 2, with: "i" }]);
  });

  test("by a pending image until its delay has passed, and not after", async () => {
    const world = createWorld();
    world.seed("i", "pending", [pendingAt(A)]);
    world.seed("j", "pending", [pendingAt(A)], DELAY - HOUR);
    expect(await world.admit(["i", A])).toMatchObject([{ kind: "shared", with: "j" }]);
    world.clock.advance(HOUR);
    expect(await world.admit(["i", A])).toMatchObject([{ kind: "delete" }]);
  });

  test("by a live row of an image that is pending or deleted", async () => {
    const world = createWorld();
    for (const [at, status] of (["pending", "deleted"] as const).entries()) {
      world.seed(`i${at}`, "pending", [pendingAt(`memory://bucket/${at}`)]);
      world.seed(`j${at}`, status, [liveAt(`memory://bucket/${at}`)]);
    }
    const verdicts = await world.admit(["i0", "memory://bucket/0"], ["i1", "memory://bucket/1"]);
    expect(verdicts).toMatchObject([{ kind: "shared" }, { kind: "shared" }]);
  });

  test("by a live image of which a single location was removed, since nobody knows when", async () => {
    const world = createWorld();
    world.seed("i", "pending", [pendingAt(A)]);
    world.seed("j", "live", [liveAt(B), pendingAt(A)]);
    expect(await world.admit(["i", A])).toMatchObject([{ kind: "shared", with: "j" }]);
  });

  test("by an image that is listed, but not to be seen yet", async () => {
    const world = createWorld({
      wrap: (registry) => ({
        ...withReferences(registry, (after) => registry.references(after)),
        images: async (ids) => registry.images(ids).then((found) => new Map([...found].filter(([id]) => id !== "j"))),
      }),
    });
    world.seed("i", "pending", [pendingAt(A)]);
    world.seed("j", "live", [liveAt(A)]);
    expect(await world.admit(["i", A])).toMatchObject([{ kind: "shared", with: "j" }]);
  });

  test("not by another row of its own image that waits for deletion too", async () => {
    const world = createWorld();
    world.seed("i", "live", [pendingAt(A), pendingAt("memory://bucket/%61")]);
    expect(await world.admit(["i", A])).toMatchObject([{ kind: "delete", ref: 1 }]);
  });

  test("by a live image, and not by its own row, where the registry's images come without refs", async () => {
    const world = createWorld({
      wrap: (registry) => ({
        ...withReferences(registry, (after) => registry.references(after)),
        images: async (ids) => {
          const found = [...(await registry.images(ids)).values()];
          const bare = found.map((image) => ({
            ...image,
            locations: image.locations.map(({ status, location }) => ({ status, location: location ?? { uri: A } })),
          }));
          return new Map(bare.map((image) => [image.id, image]));
        },
      }),
    });
    world.seed("i", "pending", [pendingAt(A)], HOUR);
    // Asked for as the image was deleted, and due at a time of its own.
    const { entry, ...to } = world.entry("i", A);
    const batch = [{ ...to, entry: { ...entry, requestedAt: new Date(world.clock.now().getTime() - HOUR) } }];
    expect(await world.admission.admit(batch)).toEqual([{ kind: "delete", askedAt: 0 }]);
    world.seed("j", "live", [liveAt(B), liveAt("memory://u:p@bucket/a")]);
    expect(await world.admission.admit(batch)).toEqual([{ kind: "shared", with: "j" }]);
  });

  test("not by a row that was listed and is recorded as deleted a moment later", async () => {
    const world = createWorld({
      wrap: (registry) => ({
        ...withReferences(registry, (after) => registry.references(after)),
        images: async (ids) => {
          if (ids.includes("j")) await registry.recordDeleted([{ imageId: "j", locations: [{ ref: 2 }] }]);
          const found = [...(await registry.images(ids)).values()];
          const shown = found.map((image) => ({
            ...image,
            locations: image.locations.filter((row) => row.status !== "deleted"),
          }));
          return new Map(shown.map((image) => [image.id, image]));
        },
      }),
    });
    world.seed("i", "pending", [pendingAt(A)]);
    world.seed("j", "live", [pendingAt(A)]);
    expect(await world.admit(["i", A])).toMatchObject([{ kind: "delete" }]);
  });

  test("not by what only has the same hash", async () => {
    const world = createWorld();
    world.seed("i", "pending", [pendingAt(A)]);
    world.seed("j", "live", [liveAt(B)]);
    world.seed("k", "live", [liveAt("other://o/c"), pendingAt("other://o/d")]);
    const batch = new AdmissionBatch({
      batch: [world.entry("i", A), world.entry("k", "other://o/d")],
      images: await world.registry.images(["i", "k"]),
      deletesUnknown: false,
      addresses: ({ uri }) => addressesOf({ uri }, world.router.route, []),
      dueRows: new DueRows(() => 0),
      restorableSince: 0,
      delayMs: 0,
    });
    const listing = async (refs: readonly number[]) => {
      const rows: Reference[] = [];
      for await (const block of world.registry.references()) rows.push(...block);
      return new Map(rows.filter(({ ref }) => refs.includes(ref)).map((row) => [row.ref, row]));
    };
    const find = () => [1, 2, 3, 4];
    const images = (ids: Iterable<string>) => world.registry.images([...ids]);
    await batch.compare({ current: () => Promise.resolve({ find }), forget() {}, rows: listing }, images);
    expect(batch.verdicts(0, undefined)).toMatchObject([{ kind: "delete" }, { kind: "delete" }]);
  });

  test("by a pending image of which it is not known when its deletion was asked for", async () => {
    const wrap = (registry: MemoryRegistry): Registry => {
      const images = registry.images.bind(registry);
      registry.images = async (ids) => {
        const found = await images(ids);
        const timeless = Array.from(found, ([id, image]): [string, Image] => {
          const { deletedAt: _, ...rest } = image;
          const locations = image.locations.map(({ deletedAt: __, ...location }) => location);
          return [id, { ...rest, locations }];
        });
        return new Map(timeless);
      };
      return registry;
    };
    const world = createWorld({ wrap });
    world.seed("i", "pending", [pendingAt(A)]);
    world.seed("j", "pending", [pendingAt(A)]);
    expect(await world.admit(["i", A])).toMatchObject([{ kind: "shared", with: "j" }]);
  });

  test("not by a pending row of a deleted image, nor by a row that is recorded as deleted", async () => {
    const world = createWorld();
    world.seed("i", "pending", [pendingAt(A)]);
    world.seed("j", "deleted", [pendingAt(A)], HOUR);
    world.seed("k", "live", [deletedAt(A)]);
    expect(await world.admit(["i", A])).toMatchObject([{ kind: "delete" }]);
  });

  test("not by another image that is due: both go, and the object once", async () => {
    const world = createWorld();
    world.seed("i", "pending", [pendingAt(A)]);
    world.seed("j", "pending", [pendingAt(A)]);
    expect(await world.admit(["i", A], ["j", A])).toMatchObject([{ kind: "delete" }, { kind: "delete" }]);
    expect(await world.admit(["i", A])).toMatchObject([{ kind: "delete" }]);
  });

  test("not by a due image for the sake of another location of it that is live", async () => {
    const world = createWorld();
    world.seed("i", "pending", [pendingAt(A)]);
    world.seed("j", "pending", [pendingAt(A), liveAt(B)]);
    expect(await world.admit(["i", A])).toMatchObject([{ kind: "delete" }]);
  });

  test("not by single removed locations of live images that are due themselves, in this batch or in one before", async () => {
    const world = createWorld();
    world.seed("i", "live", [pendingAt(A)]);
    world.seed("j", "live", [pendingAt(A)]);
    expect(await world.admit(["i", A], ["j", A])).toMatchObject([{ kind: "delete" }, { kind: "delete" }]);
    const later = createWorld();
    later.seed("i", "live", [pendingAt(A)]);
    later.seed("j", "live", [pendingAt(A)]);
    expect(await later.admit(["i", A])).toMatchObject([{ kind: "shared", with: "j" }]);
    expect(await later.admit(["j", A])).toMatchObject([{ kind: "delete" }]);
  });

  test("a deletion that was taken back and asked for again makes a row not yet due, whatever was seen before", async () => {
    const world = createWorld();
    world.seed("i", "pending", [pendingAt(A)]);
    world.seed("j", "pending", [pendingAt(A)]);
    expect(await world.admit(["j", A])).toMatchObject([{ kind: "delete" }]);
    await world.registry.restore("j");
    await world.registry.requestDeletion("j");
    expect(await world.admit(["i", A])).toMatchObject([{ kind: "shared", with: "j" }]);
  });

  test("an image that comes to need it between two checks is seen by the second", async () => {
    const world = createWorld();
    world.seed("i", "pending", [pendingAt(A)]);
    expect(await world.admit(["i", A])).toMatchObject([{ kind: "delete" }]);
    world.seed("j", "live", [liveAt(A)]);
    expect(await world.admit(["i", A])).toMatchObject([{ kind: "shared", with: "j" }]);
    world.registry.purge("j");
    expect(await world.admit(["i", A])).toMatchObject([{ kind: "delete" }]);
  });

  test("an unknown image that may be deleted does not take what others need", async () => {
    const world = createWorld({ unknownImage: "delete" });
    world.seed("j", "live", [liveAt(A)]);
    expect(await world.admit(["i", A], ["i", B])).toMatchObject([{ kind: "shared", with: "j" }, { kind: "delete" }]);
  });

  test("one among thousands is found", async () => {
    const world = createWorld();
    world.seed("i", "pending", [pendingAt(A)]);
    for (let n = 0; n < 3000; n++)
      world.seed(`j${n}`, n === 2999 ? "live" : "pending", [n === 2999 ? liveAt(A) : pendingAt(A)]);
    expect(await world.admit(["i", A])).toMatchObject([{ kind: "shared", with: "j2999" }]);
    world.registry.purge("j2999");
    expect(await world.admit(["i", A])).toMatchObject([{ kind: "delete" }]);
  });

  test("an object that more than 10,000 others name is kept, until they are fewer", async () => {
    const world = createWorld();
    world.seed("i", "pending", [pendingAt(A)]);
    for (let n = 0; n <= 10_000; n++) world.seed(`j${n}`, "pending", [pendingAt(A)]);
    expect(await world.admit(["i", A])).toMatchObject([{ kind: "shared", with: expect.stringContaining("10000") }]);
  });

  test("without a listing of references the receipt says that nothing was compared", async () => {
    const world = createWorld({ supports: { references: false } });
    world.seed("i", "pending", [pendingAt(A)]);
    expect(await world.admit(["i", A])).toMatchObject([{ kind: "delete", note: "references: unknown" }]);
    expect(world.registry.calls.references).toBe(0);
  });

  test("locations that cannot be compared are counted in one warning, and in the receipt", async () => {
    const world = createWorld();
    world.seed("i", "pending", [pendingAt(A), pendingAt(B)]);
    world.seed("j", "live", [liveAt("x", { unreadable: true }), liveAt("y", { unreadable: true })]);
    world.seed("k", "live", [liveAt("http://secret:word@host/z"), liveAt("memory://outside/z")]);
    const note = "references: 4 locations could not be compared";
    expect(await world.admit(["i", A])).toMatchObject([{ kind: "delete", note }]);
    expect(await world.admit(["i", B])).toMatchObject([{ kind: "delete", note }]);
    expect(world.events).toEqual([{ type: "warning", message: expect.stringContaining("4 locations") }]);
    expect(JSON.stringify(world.events)).not.toContain("secret");
  });
});
