import { AssertionError } from "node:assert/strict";
import { describe, expect, test } from "vitest";
import { runCase, type Case, type Suite } from "../src/conformance/case.ts";
import { pluginCases } from "../src/conformance/plugin.ts";
import { queueSuite } from "../src/conformance/queue.ts";
import { registrySuite } from "../src/conformance/registry.ts";
import { storeSuite } from "../src/conformance/store.ts";
import { memoryQueueHarness } from "./harness/memory-queue.ts";
import { memoryRegistryHarness } from "./harness/memory-registry.ts";
import { memoryStoreHarness } from "./harness/memory-store.ts";
import { pluginSabotages, soundPlugin } from "./sabotage/plugin.ts";
import { queueSabotages } from "./sabotage/queue.ts";
import { registrySabotages } from "./sabotage/registry.ts";
import { storeSabotages } from "./sabotage/store.ts";

interface Sabotage<Under, Flags> {
  readonly supports?: Partial<Flags>;
  readonly wreck: (under: Under) => Under;
}

/** Asserts that a case turned red by an assertion that names the promise, and not by chance. */
async function expectBroken(run: Promise<unknown>): Promise<void> {
  const error: unknown = await run.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error, "the broken fake turns it red, by an assertion").toBeInstanceOf(AssertionError);
  expect(error).toHaveProperty("message", expect.stringMatching(/^Promise broken: .{20,}/s));
}

/** Asserts that every case passes on a sound fake, and turns red, by an assertion that names the promise, on one that is broken in just that way. */
function provesItsCases<Under extends AsyncDisposable, Flag extends string, Options>(
  kind: string,
  suiteOf: (supports?: Partial<Record<Flag, boolean>>) => Suite<Under, Flag, Options>,
  sabotages: Readonly<Record<string, Sabotage<Under, Record<Flag, boolean>>>>,
): void {
  const { cases } = suiteOf();
  describe(`the cases of a ${kind} can fail`, () => {
    test("there is a broken fake for every case, and a case for every broken fake", () => {
      const titles = cases.map(({ title }) => title);
      expect(new Set(titles).size, "titles are unique").toBe(titles.length);
      expect(Object.keys(sabotages).toSorted()).toEqual(titles.toSorted());
    });
    test.each(cases.map((one): [string, Case<Under, Flag, Options>] => [one.title, one]))(
      "red when broken: %s",
      async (title, one) => {
        const sabotage = sabotages[title];
        expect(sabotage, "there is a broken fake for the case").toBeDefined();
        if (sabotage === undefined) return;
        const sound = suiteOf(sabotage.supports);
        await expect(runCase(sound, one), "the case applies to the sound fake, and passes").resolves.toBeUndefined();
        const wrecked = { ...sound, open: async (options?: Options) => sabotage.wreck(await sound.open(options)) };
        await expectBroken(runCase(wrecked, one));
      },
    );
  });
}

provesItsCases("queue", (supports) => queueSuite(memoryQueueHarness(supports)), queueSabotages);
provesItsCases("store", (supports) => storeSuite(memoryStoreHarness(supports)), storeSabotages);
provesItsCases("registry", (supports) => registrySuite(memoryRegistryHarness(supports)), registrySabotages);

describe("the cases of a plugin can fail", () => {
  test("there is a broken fake for every case, and a case for every broken fake", () => {
    expect(Object.keys(pluginSabotages).toSorted()).toEqual(pluginCases.map(({ title }) => title).toSorted());
  });
  test.each(pluginCases.map((one) => [one.title, one] as const))("red when broken: %s", async (title, one) => {
    await one.run(soundPlugin());
    const sabotage = pluginSabotages[title];
    expect(sabotage, "there is a broken fake for the case").toBeDefined();
    if (sabotage !== undefined) await expectBroken(one.run(sabotage()));
  });
});
