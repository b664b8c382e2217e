import { type PendingPage } from "@scrubber/core";
import { beforeEach, describe, expect, test } from "vitest";
import { createSweep, type Sweep } from "../src/sweep.ts";
import { pendingAt } from "./admission-world.ts";
import { DELAY, HOUR, clock, queue, registry, sweep, useSweep } from "./sweep-world.ts";

describe("a sweep after a whole one", () => {
  const MINUTE = 60_000;
  let asked: PendingPage[];

  beforeEach(() => {
    clock.advance(365 * DELAY);
    asked = [];
    const pendingLocations = registry.pendingLocations.bind(registry);
    registry.pendingLocations = (page) => {
      asked.push(page);
      return pendingLocations(page);
    };
  });

  function delete_(id: string): void {
    registry.seed({ id, status: "pending", locations: [pendingAt(`m:${id}`)] });
  }

  test("costs what is new and what may be due before the next, and not what waits", async () => {
    for (let n = 0; n < 3000; n++) delete_(`waits${n}`);
    expect(await sweep.run()).toMatchObject({ seen: 3000, added: 3000 });
    clock.advance(HOUR);
    expect(await sweep.run()).toMatchObject({ seen: 3000, present: 3000 });
    delete_("new");
    clock.advance(HOUR);
    asked = [];
    expect(await sweep.run()).toEqual({ seen: 1, added: 1, present: 0, setAside: 0, finished: 0 });
    expect(asked).toHaveLength(1);
    clock.advance(DELAY - 4 * HOUR + MINUTE);
    expect(await sweep.run(), "nothing is due, and new is seen").toMatchObject({ seen: 0 });
  });

  test("finds what is due, and what comes due before the next sweep, whoever took it out of the queue", async () => {
    delete_("i");
    await sweep.run();
    clock.advance(HOUR);
    await sweep.run();
    const leased = await queue.lease({ imageId: "i", limit: 1, leaseMs: HOUR });
    await queue.settle(leased.map(({ id, token }) => ({ id, token, kind: "done" })));
    clock.advance(DELAY - 2 * HOUR - MINUTE);
    expect(await sweep.run(), "not due before the next sweep").toMatchObject({ seen: 0 });
    clock.advance(MINUTE);
    expect(await sweep.run(), "due with the next sweep").toMatchObject({ seen: 1, added: 1 });
    clock.advance(HOUR);
    expect(await sweep.run(), "due").toMatchObject({ seen: 1, present: 1 });
  });

  test("looks back some minutes, for what was committed late and for clocks that differ", async () => {
    clock.advance(HOUR);
    await sweep.run();
    await sweep.run();
    registry.seed({
      id: "late",
      status: "pending",
      deletedAt: new Date(clock.now().getTime() - 9 * MINUTE),
      locations: [pendingAt("m:late")],
    });
    expect(await sweep.run()).toMatchObject({ added: 1 });
  });

  test("finds what was asked for while the last one went on, behind the page that it was at", async () => {
    delete_("i");
    const pendingLocations = registry.pendingLocations.bind(registry);
    registry.pendingLocations = async (page) => {
      const read = await pendingLocations(page);
      registry.pendingLocations = pendingLocations;
      clock.advance(MINUTE);
      delete_("behind");
      clock.advance(HOUR);
      return read;
    };
    expect(await sweep.run()).toMatchObject({ added: 1 });
    expect(await sweep.run()).toMatchObject({ added: 1 });
  });

  test("is a whole one again after a day, after a clock that was set back, and where it is asked to", async () => {
    useSweep(
      createSweep({
        registry,
        queue,
        delayMs: 100 * DELAY,
        nextInMs: HOUR,
        now: () => clock.now(),
        emit: () => {},
      }),
    );
    delete_("i");
    const isWhole = async (options?: Parameters<Sweep["run"]>[0]): Promise<boolean> => {
      const { seen } = await sweep.run(options);
      return seen === 1;
    };
    expect(await isWhole(), "the first").toBe(true);
    clock.advance(HOUR);
    expect(await isWhole(), "not known to an earlier one for long enough").toBe(true);
    expect(await isWhole()).toBe(false);
    expect(await isWhole({ whole: true }), "asked for").toBe(true);
    expect(await isWhole()).toBe(false);
    clock.advance(DELAY - 1);
    expect(await isWhole(), "within a day").toBe(false);
    clock.advance(1);
    expect(await isWhole(), "a day after the last").toBe(true);
    expect(await isWhole()).toBe(false);
    clock.advance(-HOUR);
    expect(await isWhole(), "set back").toBe(true);
  });

  test("is a whole one while the last has not come to its end, and where everything is due at once", async () => {
    delete_("i");
    await sweep.run();
    clock.advance(HOUR);
    await sweep.run({ whole: true });
    await queue.setNote("sweep/beganAt", undefined);
    expect(await sweep.run(), "its note is not there").toMatchObject({ seen: 1 });
    useSweep(createSweep({ registry, queue, delayMs: 0, nextInMs: HOUR, now: () => clock.now(), emit: () => {} }));
    asked = [];
    await sweep.run();
    expect(asked).toEqual([{ limit: 1000 }]);
  });

  test("goes through all again where the last one began in the future: the clock was set back since", async () => {
    const at = (hours: number): string => new Date(clock.now().getTime() + hours * HOUR).toISOString();
    registry.seed({
      id: "a",
      status: "pending",
      locations: [{ uri: "memory://bucket/a", status: "pending" }],
      deletedAt: clock.now(),
    });
    await queue.setNote("sweep/beganAt", { any: at(5), whole: at(-1) });
    expect(await sweep.run()).toMatchObject({ seen: 1, added: 1 });
  });
});
