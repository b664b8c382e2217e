import { expect, test } from "vitest";
import { consequenceOfVerdict } from "../src/consequences.ts";
import { createWorld, DELAY, HOUR, pendingAt } from "./admission-world.ts";

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
