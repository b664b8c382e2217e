import type { Image } from "@scrubber/core";
import type { MemoryRegistry } from "@scrubber/core/memory";
import { describe, expect, test } from "vitest";
import { createWorld, DELAY, HOUR, liveAt, pendingAt, withReferences, type AdmissionWorld } from "./admission-world.ts";

const A = "memory://bucket/a";

/** A registry that can say of these rows what object they may name, and not which store they are in: its listing has them, its images do not read them. */
function worldOf(...refs: readonly number[]): AdmissionWorld {
  const images = async (registry: MemoryRegistry, ids: readonly string[]): Promise<ReadonlyMap<string, Image>> => {
    const found = await registry.images(ids);
    const changed = Array.from(found, ([id, image]): [string, Image] => [
      id,
      {
        ...image,
        locations: image.locations.map((row) => {
          if (row.location === undefined || row.ref === undefined || !refs.includes(row.ref)) return row;
          const { location: _, ...rest } = row;
          return { ...rest, unreadable: "damaged" };
        }),
      },
    ]);
    return new Map(changed);
  };
  return createWorld({
    wrap: (registry) => ({
      ...withReferences(registry, (after) => registry.references(after)),
      images: (ids) => images(registry, ids),
    }),
  });
}

describe("an object that a row names which can only be listed is kept", () => {
  test("by a live image, in the same batch or not", async () => {
    const world = worldOf(2);
    world.seed("i", "pending", [pendingAt(A)]);
    world.seed("j", "live", [liveAt(A), pendingAt("memory://bucket/j")]);
    expect(await world.admit(["i", A])).toMatchObject([{ kind: "shared", with: "j" }]);
    const verdicts = await world.admit(["i", A], ["j", "memory://bucket/j"]);
    expect(verdicts).toMatchObject([{ kind: "shared", with: "j" }, { kind: "delete" }]);
  });

  test("by its own live image", async () => {
    const world = worldOf(2);
    world.seed("i", "live", [pendingAt(A), liveAt(A), liveAt("memory://bucket/b")]);
    expect(await world.admit(["i", A])).toMatchObject([{ kind: "shared", with: "i" }]);
  });

  test("by a pending image until its delay has passed, and not after", async () => {
    const world = worldOf(2);
    world.seed("i", "pending", [pendingAt(A)]);
    world.seed("j", "pending", [pendingAt(A), pendingAt("memory://bucket/j")], DELAY - HOUR);
    const batch = [
      ["i", A],
      ["j", "memory://bucket/j"],
    ] as const;
    expect((await world.admit(...batch))[0]).toMatchObject({ kind: "shared", with: "j" });
    world.clock.advance(2 * HOUR);
    expect((await world.admit(...batch))[0]).toMatchObject({ kind: "delete" });
  });
});
