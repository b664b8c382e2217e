import { createMemoryQueue, createMemoryRegistry } from "@scrubber/core/memory";
import { expect, test } from "vitest";
import { SWEEP_FINISHED_AT } from "../src/sweep.ts";
import { createWorld, TestClock } from "./world.ts";

test("a sweep that ended in the future, by a clock that was set back since, keeps no other from its time", async () => {
  const clock = new TestClock();
  const queue = createMemoryQueue({ now: clock.now });
  await queue.setNote(SWEEP_FINISHED_AT, "2036-01-01T00:00:00Z");
  await using world = await createWorld({ clock, queue, registry: () => createMemoryRegistry({ now: clock.now }) });
  const swept = (): number => world.events.filter(({ type }) => type === "sweep.finished").length;
  await clock.until(world.scrubber.runOnce());
  expect(swept()).toBe(1);
  clock.advance(23 * 3_600_000);
  await clock.until(world.scrubber.runOnce());
  expect(swept(), "not before its time").toBe(1);
  clock.advance(3_600_000);
  await clock.until(world.scrubber.runOnce());
  expect(swept(), "a day later").toBe(2);
});

test("while everything is paused nothing is swept, and what was due is swept when it goes on", async () => {
  const clock = new TestClock();
  const queue = createMemoryQueue({ now: clock.now });
  await using world = await createWorld({ clock, queue, registry: () => createMemoryRegistry({ now: clock.now }) });
  const swept = (): number => world.events.filter(({ type }) => type === "sweep.finished").length;
  await world.scrubber.pause();
  await clock.until(world.scrubber.runOnce());
  expect(swept()).toBe(0);
  await world.scrubber.resume();
  await clock.until(world.scrubber.runOnce());
  expect(swept()).toBe(1);
});
