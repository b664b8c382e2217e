import { isScrubberError, type Finding } from "@scrubber/core";
import { bounded, type Timers } from "./clock.ts";
import type { Config, Surroundings } from "./api.ts";
import { checkConfig } from "./config.ts";
import { configError } from "./config-problems.ts";
import { openStores, placeOf } from "./opening.ts";
import type { OpenStore } from "./routing.ts";

/** How long a store may take to look. */
export const PROBE_MS = 120_000;

/**
 * What each store finds of its backend, as `Scrubber.probe` tells it, but before there is a queue: none is made, and one that is there is not opened.
 *
 * @throws {ScrubberError} As `createScrubber`.
 */
export async function probeStores(
  config: Config,
  options: { readonly write: boolean; readonly signal?: AbortSignal },
  surroundings: Pick<Surroundings, "log" | "now" | "timers" | "baseDirectory"> = {},
): Promise<ReadonlyMap<string, readonly Finding[]>> {
  const checked = await checkConfig(config);
  if (checked.config === undefined) throw configError(checked.problems);
  const place = placeOf(surroundings);
  await using opened = await openStores(checked.config, place);
  return await probeAll(opened.stores, options, place.timers, PROBE_MS);
}

/** What each store finds of its backend. One that fails or does not answer within `ms` has found a problem. */
export async function probeAll(
  stores: ReadonlyMap<string, OpenStore>,
  options: { readonly write: boolean; readonly signal?: AbortSignal },
  timers: Timers,
  ms: number,
): Promise<ReadonlyMap<string, readonly Finding[]>> {
  const found = await Promise.all(
    Array.from(stores.values(), async (store) => [store.id, await probe(store, options, timers, ms)] as const),
  );
  return new Map(found);
}

async function probe(
  { id, store }: OpenStore,
  { write, signal }: { readonly write: boolean; readonly signal?: AbortSignal },
  timers: Timers,
  ms: number,
): Promise<readonly Finding[]> {
  const controller = new AbortController();
  const signals = signal === undefined ? [controller.signal] : [controller.signal, signal];
  try {
    return await bounded(timers, ms, "SCRUBBER_STORE_UNAVAILABLE", `store "${id}"`, () =>
      store.probe({ write, signal: AbortSignal.any(signals) }),
    );
  } catch (error) {
    const message = isScrubberError(error) ? error.message : `store "${id}" failed in a way of its own`;
    const hint = isScrubberError(error) ? error.hint : undefined;
    return [{ level: "problem", message, ...(hint === undefined ? {} : { hint }) }];
  } finally {
    controller.abort();
  }
}
