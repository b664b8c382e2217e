import type { RegistrySupports } from "../registry.ts";
import { register, type Suite } from "./case.ts";
import { claimingCases } from "./cases/registry-claiming.ts";
import type { RegistryCase } from "./cases/registry-case.ts";
import { imageCases } from "./cases/registry-images.ts";
import { listingCases } from "./cases/registry-listing.ts";
import { managingCases } from "./cases/registry-managing.ts";
import { recordingCases } from "./cases/registry-recording.ts";
import type { RegistryHarness, RegistryUnderTest, Runner } from "./harness.ts";

/** What every registry promises, as data. */
export const registryCases: readonly RegistryCase[] = [
  ...imageCases,
  ...listingCases,
  ...recordingCases,
  ...managingCases,
  ...claimingCases,
];

/** Registers a test for every promise of a registry. */
export function testRegistry(runner: Runner, harness: RegistryHarness): void {
  register(runner, registrySuite(harness));
}

/** The cases on a harness, for whoever runs them one by one. */
export function registrySuite(harness: RegistryHarness): Suite<RegistryUnderTest, keyof RegistrySupports, undefined> {
  return {
    title: `the registry ${harness.name} keeps its promises`,
    cases: registryCases,
    open: () => harness.open(),
    supports: ({ registry }) => registry.supports,
  };
}
