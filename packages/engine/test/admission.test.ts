import { ScrubberError, type Image, type Reference } from "@scrubber/core";
import { createMemoryStore } from "@scrubber/core/memory";
import { describe, expect, test } from "vitest";
import { AdmissionBatch } from "../src/admission-batch.ts";
import { DueRows } from "../src/admission-times.ts";
import { addressesOf } from "../src/references-address.ts";
import { createWorld, deletedAt, DELAY, HOUR, liveAt, pendingAt, withReferences } from "./admission-world.ts";

const A = "memory://bucket/a";
const B = "memory://bucket/b";

describe("alive is a property of the location", () => {
  test("a pending location of a pending image may be deleted, and its row is named", async () => {
    const world = createWorld();
    world.seed("i", "pending", [pendingAt(B), pendingAt(A)]);
    expect(await world.admit(["i", A])).toEqual([{ kind: "delete", ref: 2, askedAt: 0 }]);
  });

  test("a live location is kept, of a live image and of a pending one", async () => {
    const world = createWorld();
    world.seed("live", "live", [liveAt(A)]);
    world.seed("pending", "pending", [liveAt(B)]);
    expect(await world.admit(["live", A], ["pending", B])).toMatchObject([{ kind: "alive" }, { kind: "alive" }]);
  });

  test("an image made live between two checks is kept by the second", async () => {
    const world = createWorld();
    world.seed("i", "pending", [pendingAt(A)]);
    expect(await world.admit(["i", A])).toMatchObject([{ kind: "delete" }]);
    await world.registry.restore("i");
    expect(await world.admit(["i", A])).toMatchObject([{ kind: "alive", reason: expect.stringContaining("active") }]);
  });

  test("a pending row of a live image that was never deleted itself may be deleted", async () => {
    const world = createWorld();
    world.seed("i", "live", [liveAt(B), pendingAt(A)]);
    expect(await world.admit(["i", A])).toMatchObject([{ kind: "delete", ref: 2 }]);
  });

  test("a location that a live image does not list, or lists as deleted, is kept", async () => {
    const world = createWorld();
    world.seed("i", "live", [deletedAt(B)]);
    expect(await world.admit(["i", A], ["i", B])).toMatchObject([
      { kind: "alive", reason: expect.stringContaining("none of its locations") },
      { kind: "alive", reason: expect.stringContaining("recorded as deleted") },
    ]);
  });

  test("a location that a pending or deleted image does not list, or lists as deleted, may be deleted", async () => {
    const world = createWorld();
    world.seed("pending", "pending", [deletedAt(B)]);
    world.seed("deleted", "deleted", []);
    expect(await world.admit(["pending", A], ["pending", B], ["deleted", "other://o/a"])).toEqual([
      { kind: "delete", askedAt: 0 },
      { kind: "delete", ref: 1, askedAt: 0 },
      { kind: "delete", askedAt: 0 },
    ]);
  });

  test("a location whose image has a live row that cannot be read is kept, if no row is known to be its own", async () => {
    const world = createWorld();
    world.seed("i", "pending", [pendingAt(B), liveAt("sealed", { unreadable: true })]);
    expect(await world.admit(["i", A], ["i", B])).toMatchObject([{ kind: "alive" }, { kind: "delete", ref: 1 }]);
  });

  test("the row is found in another spelling and with other credentials", async () => {
    const world = createWorld();
    world.seed("live", "live", [liveAt("memory://user:secret@BUCKET/%61")]);
    world.seed("pending", "pending", [pendingAt("memory://u:old@bucket/%62")]);
    expect(await world.admit(["live", A], ["pending", B])).toMatchObject([
      { kind: "alive" },
      { kind: "delete", ref: 2 },
    ]);
  });

  test("the same URI in another store is another object", async () => {
    const more = { twin: createMemoryStore({ groups: ["bucket"] }) };
    const world = createWorld({ more });
    world.seed("i", "live", [liveAt(A, { store: "twin" }), pendingAt(A, { store: "memory" })]);
    expect(await world.admit(["i", { uri: A, store: "memory" }])).toMatchObject([{ kind: "delete", ref: 2 }]);
  });

  test("a row that several stores take, or that names a store that is gone, counts for each that can address it", async () => {
    const more = { twin: createMemoryStore({ groups: ["bucket"] }) };
    const world = createWorld({ more });
    world.seed("several", "pending", [liveAt("memory://u:p@bucket/a")]);
    world.seed("gone", "pending", [liveAt("memory://u:p@bucket/b", { store: "gone" })]);
    expect(
      await world.admit(["several", { uri: A, store: "memory" }], ["gone", { uri: B, store: "twin" }]),
    ).toMatchObject([{ kind: "alive" }, { kind: "alive" }]);
  });

  test("a live row that its store refuses for parameters, credentials or dots keeps what it names without them", async () => {
    const strict = createMemoryStore({ scheme: "strict" });
    const target = strict.target.bind(strict);
    strict.target = (of) => {
      if (/\/\.|[%?#@]/.test(of.location.uri)) throw new Error("refused");
      return target(of);
    };
    for (const uri of [
      "g/./a",
      "g/%2E/a",
      "g/b/../a",
      "g/b/%2e./a",
      "g/b/./../a",
      "g/a?snapshot=1",
      "g/a#b",
      "u:p@g/./a?b",
    ]) {
      const world = createWorld({ more: { strict } });
      world.seed("i", "pending", [pendingAt("strict://g/a")]);
      world.seed("j", "live", [liveAt(`strict://${uri}`)]);
      expect(await world.admit(["i", "strict://g/a"])).toMatchObject([{ kind: "shared", with: "j" }]);
    }
  });

  test("a row that no store can address is found by its URI", async () => {
    const fickle = createMemoryStore({ scheme: "fickle" });
    const target = fickle.target.bind(fickle);
    fickle.target = (of) => (of.location.store === "x" ? target(of) : undefined);
    const world = createWorld({ more: { x: fickle } });
    world.seed("i", "pending", [liveAt("fickle://g/a")]);
    expect(await world.admit(["i", { uri: "fickle://g/a", store: "x" }])).toMatchObject([{ kind: "alive" }]);
  });

  test("two rows of one object stand for two entries, for the one of its spelling if there is one", async () => {
    const world = createWorld();
    world.seed("i", "pending", [pendingAt(A), pendingAt("memory://u:p@bucket/a")]);
    expect(await world.admit(["i", "memory://u:p@bucket/a"], ["i", "memory://bucket/%61"])).toMatchObject([
      { kind: "delete", ref: 2 },
      { kind: "delete", ref: 1 },
    ]);
    expect(await world.admit(["i", "memory://bucket/%61"], ["i", "memory://q:q@bucket/a"])).toMatchObject([
      { kind: "delete", ref: 1 },
      { kind: "delete", ref: 2 },
    ]);
  });
});

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

describe("an image that the registry does not know", () => {
  test("is told, for it to be set aside", async () => {
    const world = createWorld();
    world.seed("j", "pending", [pendingAt(B)]);
    expect(await world.admit(["i", A], ["j", B])).toMatchObject([{ kind: "unknownImage" }, { kind: "delete" }]);
  });

  test("may be deleted where that was asked for", async () => {
    const world = createWorld({ unknownImage: "delete" });
    expect(await world.admit(["i", A])).toEqual([{ kind: "delete", askedAt: 0 }]);
  });

  test.each(["setAside", "delete"] as const)(
    "is no image's fault where half of ten are unknown (unknownImage: %s)",
    async (unknownImage) => {
      const world = createWorld({ unknownImage });
      for (let n = 0; n < 6; n++) world.seed(`i${n}`, "pending", [pendingAt(`memory://bucket/${n}`)]);
      const entries = Array.from({ length: 10 }, (_, n) => [`i${n}`, `memory://bucket/${n}`] as const);
      expect((await world.admit(...entries)).map(({ kind }) => kind).slice(0, 6)).toEqual(Array(6).fill("delete"));
      world.registry.purge("i5");
      await expect(world.admit(...entries)).rejects.toMatchObject({ code: "SCRUBBER_REGISTRY_UNKNOWN_IMAGES" });
      const kinds = (await world.admit(...entries.slice(1))).map(({ kind }) => kind);
      expect(kinds).toContain("delete");
    },
  );

  test("counts once, however many locations it has", async () => {
    const world = createWorld();
    world.seed("j", "pending", [pendingAt(A)]);
    const entries = Array.from({ length: 20 }, (_, n) => ["i", `memory://bucket/${n}`] as const);
    expect(await world.admit(["j", A], ...entries)).toHaveLength(21);
  });
});

describe("a registry that does not answer whole", () => {
  const broken = new ScrubberError("SCRUBBER_REGISTRY_DENIED", "no");

  test("an empty batch asks it nothing", async () => {
    const world = createWorld();
    world.registry.breakBackend();
    expect(await world.admit()).toEqual([]);
  });

  test.each(["images", "references"] as const)(
    "rejects when %s fails, and is asked again the next time",
    async (call) => {
      const world = createWorld();
      world.seed("i", "pending", [pendingAt(A)]);
      world.registry.faults.set(call, { kind: "fail", error: broken });
      await expect(world.admit(["i", A])).rejects.toBe(broken);
      world.registry.faults.set(call, { kind: "fail", error: new Error("socket hang up") });
      await expect(world.admit(["i", A])).rejects.toMatchObject({ code: "SCRUBBER_REGISTRY_UNAVAILABLE" });
      world.registry.faults.delete(call);
      expect(await world.admit(["i", A])).toMatchObject([{ kind: "delete" }]);
      world.registry.faults.set(call, { kind: "lost" });
      await expect(world.admit(["i", A])).rejects.toMatchObject({ code: "SCRUBBER_REGISTRY_UNAVAILABLE" });
      world.registry.faults.delete(call);
      expect(await world.admit(["i", A])).toMatchObject([{ kind: "delete" }]);
    },
  );

  test("rejects when the other image that names the object cannot be read", async () => {
    let calls = 0;
    const world = createWorld({
      wrap: (registry) => ({
        ...withReferences(registry, (after) => registry.references(after)),
        images: (ids) => (++calls === 2 ? Promise.reject(broken) : registry.images(ids)),
      }),
    });
    world.seed("i", "pending", [pendingAt(A)]);
    world.seed("j", "live", [liveAt(A)]);
    await expect(world.admit(["i", A])).rejects.toBe(broken);
    expect(await world.admit(["i", A])).toMatchObject([{ kind: "shared" }]);
  });

  test("half an answer about images deletes nothing of the other half", async () => {
    const world = createWorld();
    for (let n = 0; n < 20; n++) world.seed(`i${n}`, "pending", [pendingAt(`memory://bucket/${n}`)]);
    world.registry.faults.set("images", { kind: "half" });
    const entries = Array.from({ length: 20 }, (_, n) => [`i${n}`, `memory://bucket/${n}`] as const);
    await expect(world.admit(...entries)).rejects.toMatchObject({ code: "SCRUBBER_REGISTRY_UNKNOWN_IMAGES" });
    expect(await world.admit(...entries.slice(0, 2))).toMatchObject([{ kind: "delete" }, { kind: "unknownImage" }]);
  });

  test("half a listing of references is found by the rows that it must have", async () => {
    const world = createWorld();
    world.seed("j", "live", [liveAt(B)]);
    world.seed("i", "pending", [pendingAt(A)]);
    world.registry.faults.set("references", { kind: "half" });
    await expect(world.admit(["i", A])).rejects.toMatchObject({ code: "SCRUBBER_REGISTRY_ANSWER_INVALID" });
    world.registry.faults.delete("references");
    expect(await world.admit(["i", A])).toMatchObject([{ kind: "delete" }]);
  });

  const sound: Image = { id: "i", status: "pending", nativeStatus: "p", locations: [] };
  test.each([
    ["no map", {}],
    ["another image's", new Map([["i", { ...sound, id: "j" }]])],
    ["no status", new Map([["i", { ...sound, status: "pending_delete" }]])],
    ["no locations", new Map([["i", { ...sound, locations: undefined }]])],
    ["a location without status", new Map([["i", { ...sound, locations: [{ location: { uri: A } }] }]])],
    ["a location without URI", new Map([["i", { ...sound, locations: [{ status: "pending", location: {} }] }]])],
    [
      "a ref that is none",
      new Map([["i", { ...sound, locations: [{ ref: "1", status: "live", location: { uri: A } }] }]]),
    ],
    ["no instant", new Map([["i", { ...sound, deletedAt: "2026-01-01" }]])],
  ])("rejects an answer of the wrong shape: %s", async (_, answer) => {
    const world = createWorld({
      wrap: (registry) => ({
        ...withReferences(registry, (after) => registry.references(after)),
        images: async () => answer as unknown as ReadonlyMap<string, Image>,
      }),
    });
    await expect(world.admit(["i", A])).rejects.toMatchObject({ code: expect.stringMatching(/^SCRUBBER_REGISTRY_/) });
  });

  test("an answer that comes too late deletes nothing; one in time is stamped with the time before the question", async () => {
    const world = createWorld();
    world.seed("i", "pending", [pendingAt(A)]);
    world.wait(5000);
    const late = async (call: "images" | "references", ms: number) => {
      const answered = Promise.withResolvers<void>();
      world.registry.faults.set(call, { kind: "late", until: answered.promise });
      const calls = world.registry.calls[call];
      const admitted = world.admit(["i", A]);
      await expect.poll(() => world.registry.calls[call]).toBeGreaterThan(calls);
      world.wait(ms);
      answered.resolve();
      world.registry.faults.delete(call);
      return admitted;
    };
    expect(await late("images", 30_000)).toMatchObject([{ kind: "delete", askedAt: 5000 }]);
    await expect(late("images", 30_001)).rejects.toMatchObject({ code: "SCRUBBER_REGISTRY_UNAVAILABLE" });
    await expect(late("references", 30_001)).rejects.toMatchObject({ code: "SCRUBBER_REGISTRY_UNAVAILABLE" });
    expect(world.admission.freshForMs).toBe(30_000);
  });

  test("building the index does not count as age", async () => {
    const world = createWorld();
    world.seed("i", "pending", [pendingAt(A)]);
    const answered = Promise.withResolvers<void>();
    world.registry.faults.set("references", { kind: "late", until: answered.promise });
    const admitted = world.admit(["i", A]);
    await expect.poll(() => world.registry.calls.references).toBe(1);
    world.wait(600_000);
    answered.resolve();
    world.registry.faults.delete("references");
    expect(await admitted).toMatchObject([{ kind: "delete", askedAt: 600_000 }]);
  });
});

test("a batch of 1000 images costs one question about images and one about references", async () => {
  const world = createWorld();
  const entries = Array.from({ length: 1000 }, (_, n) => [`i${n}`, `memory://bucket/${n}`] as const);
  for (const [id, uri] of entries) world.seed(id, "pending", [pendingAt(uri)]);
  await world.admit(...entries);
  const { images, references } = world.registry.calls;
  const verdicts = await world.admit(...entries);
  expect(verdicts.every(({ kind }) => kind === "delete")).toBe(true);
  expect(world.registry.calls).toMatchObject({ images: images + 1, references: references + 1 });
});

test("a batch of more than 1000 images is asked for in pages", async () => {
  const world = createWorld();
  const entries = Array.from({ length: 2500 }, (_, n) => [`i${n}`, `memory://bucket/${n}`] as const);
  for (const [id, uri] of entries) world.seed(id, "pending", [pendingAt(uri)]);
  expect(await world.admit(...entries)).toHaveLength(2500);
  expect(world.registry.calls.images).toBe(3);
});
