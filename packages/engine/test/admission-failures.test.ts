import { ScrubberError, type Image } from "@scrubber/core";
import { describe, expect, test } from "vitest";
import { createWorld, liveAt, pendingAt, withReferences } from "./admission-world.ts";

const A = "memory://bucket/a";
const B = "memory://bucket/b";

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
