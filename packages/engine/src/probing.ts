import { isScrubberError, type Finding } from "@scrubber/core";
import { bounded, type Timers } from "./clock.ts";
import type { OpenStore } from "./routing.ts";

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
