import type { Image } from "@scrubber/core";
import { createMemoryQueue } from "@scrubber/core/memory";
import { describe, expect, test } from "vitest";
import { consequenceOfVerdict } from "../src/consequences.ts";
import type { Routed } from "../src/routing.ts";
import { createWorld, DELAY, HOUR, liveAt, pendingAt, withReferences } from "./admission-world.ts";

const A = "memory://bucket/a";

test("an image that was restored and deleted again keeps its data until the delay of its last deletion has passed", async () => {
  const world = createWorld();
  world.seed("i", "pending", [pendingAt(A)], 2 * HOUR);
  const until = new Date(world.clock.now().getTime() + DELAY - 2 * HOUR);
  const [verdict] = await world.admit(["i", A]);
  expect(verdict).toMatchObject({ kind: "held", until });
  if (verdict === undefined || verdict.kind === "delete") throw new TypeError("it may be deleted");
  expect(consequenceOfVerdict(verdict)).toMatchObject({
    settle: { kind: "release", visibleAt: until },
    counted: "held",
    positive: false,
    receipt: undefined,
  });
  world.clock.advance(DELAY - 2 * HOUR + 1);
  expect(await world.admit(["i", A])).toMatchObject([{ kind: "delete", ref: 1 }]);
});

test("an image's own deletion is not taken for a second one because the registry wrote it down a moment after its locations", async () => {
  const world = createWorld();
  const entry = (...of: Parameters<typeof world.entry>): ReturnType<typeof world.entry> => world.entry(...of);
  world.seed("i", "pending", [pendingAt(A)], DELAY - 50_000);
  const routed = entry("i", A);
  const requestedAt = new Date(world.clock.now().getTime() - DELAY);
  const asked = { ...routed, entry: { ...routed.entry, requestedAt } };
  expect(await world.admission.admit([asked])).toMatchObject([{ kind: "delete", ref: 1 }]);
});

test("a single location of a live image that was removed anew is kept until the delay of its last removal has passed", async () => {
  const world = createWorld();
  world.seed("i", "live", [liveAt("memory://bucket/other"), pendingAt(A)], 2 * HOUR);
  const until = new Date(world.clock.now().getTime() + DELAY - 2 * HOUR);
  expect(await world.admit(["i", A])).toMatchObject([{ kind: "held", until }]);
  world.clock.advance(DELAY - 2 * HOUR + 1);
  expect(await world.admit(["i", A])).toMatchObject([{ kind: "delete", ref: 2 }]);
});

describe("an entry that outlived a restoring", () => {
  /** Leased when the first request is due; the image was deleted again, and added again, half a delay later. */
  async function leftOver(dueAt?: Date): Promise<ReturnType<typeof createWorld> & { readonly left: Routed }> {
    const world = createWorld();
    const { clock } = world;
    const queue = createMemoryQueue({ now: () => clock.now(), delayMs: DELAY });
    await queue.add([{ imageId: "i", location: { uri: A } }]);
    clock.advance(DELAY / 2);
    world.seed("i", "pending", [pendingAt(A)], 0);
    await queue.add([{ imageId: "i", location: { uri: A }, ...(dueAt === undefined ? {} : { dueAt }) }]);
    clock.advance(DELAY / 2);
    const [entry] = await queue.lease({ limit: 1, leaseMs: HOUR });
    const routed = world.entry("i", A);
    if (entry?.location === undefined) throw new TypeError("it is not due");
    return { ...world, left: { ...routed, entry: { ...entry, location: entry.location } } };
  }

  test("waits for the delay of the last deletion, though the add that met it left its earlier due time", async () => {
    const { admission, clock, left } = await leftOver();
    expect(left.entry.requestedAt).toEqual(new Date(clock.now().getTime() - DELAY / 2));
    const until = new Date(clock.now().getTime() + DELAY / 2);
    expect(await admission.admit([left])).toMatchObject([{ kind: "held", until }]);
    clock.advance(DELAY / 2);
    expect(await admission.admit([left])).toMatchObject([{ kind: "delete" }]);
  });

  test("is deleted earlier where the last request came with an earlier time of its own", async () => {
    const { admission, left } = await leftOver(new Date("2026-01-01T12:00:00Z"));
    expect(await admission.admit([left])).toMatchObject([{ kind: "delete" }]);
  });
});

describe("a registry that reads images first and their locations a moment later", () => {
  /** Answers with the image as it was when `seen` was called, and with its locations as they are now. */
  function torn(): ReturnType<typeof createWorld> & { see(id: string): Promise<void> } {
    const before = new Map<string, Image>();
    const world = createWorld({
      wrap: (registry) => ({
        ...withReferences(registry, (after) => registry.references(after)),
        async images(ids) {
          const now = await registry.images(ids);
          return new Map(
            Array.from(now, ([id, image]) => [id, { ...image, ...before.get(id), locations: image.locations }]),
          );
        },
      }),
    });
    const see = async (id: string): Promise<void> => {
      const image = (await world.registry.images([id])).get(id);
      if (image !== undefined) before.set(id, image);
    };
    return { ...world, see };
  }

  test("keeps what was deleted in between, by entries of an earlier deletion", async () => {
    const world = torn();
    world.seed("i", "live", [liveAt(A)]);
    await world.see("i");
    await world.registry.requestDeletion("i");
    const until = new Date(world.clock.now().getTime() + DELAY);
    expect(await world.admit(["i", A])).toMatchObject([{ kind: "held", until }]);
  });

  test("keeps what was restored in between, and what was restored and deleted once more", async () => {
    const world = torn();
    world.seed("i", "pending", [pendingAt(A)], DELAY + HOUR);
    await world.see("i");
    await world.registry.restore("i");
    expect(await world.admit(["i", A])).toMatchObject([{ kind: "alive" }]);
    await world.registry.requestDeletion("i");
    expect(await world.admit(["i", A])).toMatchObject([{ kind: "held" }]);
  });

  test("keeps an object that another image shares, which was restored and deleted once more in between", async () => {
    const world = torn();
    world.seed("mine", "pending", [pendingAt(A)], DELAY + HOUR);
    world.seed("theirs", "pending", [pendingAt(A)], DELAY + HOUR);
    await world.see("theirs");
    await world.registry.restore("theirs");
    await world.registry.requestDeletion("theirs");
    expect(await world.admit(["mine", A])).toMatchObject([{ kind: "shared", with: "theirs" }]);
  });
});
