import type { StoreSupports } from "../store.ts";
import { register, type Suite } from "./case.ts";
import type { StoreCase } from "./cases/store-case.ts";
import { deletingCases } from "./cases/store-deleting.ts";
import { lookingCases } from "./cases/store-looking.ts";
import { sparingCases } from "./cases/store-sparing.ts";
import { targetCases } from "./cases/store-target.ts";
import type { Runner, StoreHarness, StoreUnderTest } from "./harness.ts";

/** What every store promises, as data. */
export const storeCases: readonly StoreCase[] = [...targetCases, ...deletingCases, ...sparingCases, ...lookingCases];

/** Registers a test for every promise of a store. */
export function testStore(runner: Runner, harness: StoreHarness): void {
  register(runner, storeSuite(harness));
}

/** The cases on a harness, for whoever runs them one by one. */
export function storeSuite(harness: StoreHarness): Suite<StoreUnderTest, keyof StoreSupports, undefined> {
  return {
    title: `the store ${harness.name} keeps its promises`,
    cases: storeCases,
    open: () => harness.open(),
    supports: ({ store }) => store.supports,
  };
}
