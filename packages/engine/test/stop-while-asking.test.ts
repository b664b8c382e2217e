import { expect, test } from "vitest";
import { createPassWorld } from "./pass-world.ts";
import { quiet } from "./world.ts";

test("a registry that takes long holds up no stop: what is leased is handed back within the time to drain, and that is no outage", async () => {
  let asked = 0;
  const world = createPassWorld({
    admit: () => {
      asked += 1;
      return new Promise(() => {});
    },
  });
  await world.queue.add([{ imageId: "i", location: { uri: "memory://g/a" }, requestedAt: new Date(0) }]);
  const stop = new AbortController();
  const running = world.pass().run({ signal: stop.signal });
  await quiet(() => asked > 0);
  expect(asked).toBe(1);
  const stoppedAt = world.clock.monotonic();
  stop.abort();
  const inTime = (): boolean => world.clock.monotonic() <= stoppedAt + 30_000;
  expect(await world.clock.until(running, inTime)).toMatchObject({ leased: 1, released: 1 });
  expect(world.clock.monotonic() - stoppedAt).toBeLessThanOrEqual(30_000);
  expect(world.events.filter(({ type }) => type === "outage")).toEqual([]);
  expect(await world.queue.stats()).toMatchObject({ leased: 0, waiting: 1 });
});

test("a second signal hands back at once what a registry is still asked about", async () => {
  let asked = 0;
  const world = createPassWorld({
    admit: () => {
      asked += 1;
      return new Promise(() => {});
    },
  });
  await world.queue.add([{ imageId: "i", location: { uri: "memory://g/a" }, requestedAt: new Date(0) }]);
  const stopNow = new AbortController();
  const running = world.pass().run({ stopNow: stopNow.signal });
  await quiet(() => asked > 0);
  stopNow.abort();
  expect(await world.clock.until(running, () => false)).toMatchObject({ leased: 1, released: 1 });
});
