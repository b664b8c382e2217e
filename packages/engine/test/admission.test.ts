import { createMemoryStore } from "@scrubber/core/memory";
import { describe, expect, test } from "vitest";
import { createWorld, deletedAt, liveAt, pendingAt } from "./admission-world.ts";

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
