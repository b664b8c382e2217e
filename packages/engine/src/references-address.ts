import type { Location } from "@scrubber/core";
import type { OpenStore, RouteResult } from "./routing.ts";

/** Finds the one store that takes a location, or says why there is none. Never throws. */
export type Route = (location: Location, requestedAt: Date) => RouteResult;

/** A store and what it calls an object. Two locations are the same object if and only if their addresses are equal. */
export interface Address {
  readonly store: string;
  readonly key: string;
}

/** Targets that are only compared: no time of a request matters. */
const NEVER = new Date(0);

/**
 * Where a location's object is, for comparing. One that is not routed (several stores take it, or it names a store that is not configured) may be the object of
 * each store that can address it; none at all: it cannot be compared.
 */
export function addressesOf(location: Location, route: Route, stores: readonly OpenStore[]): readonly Address[] {
  const routed = route(location, NEVER);
  if (routed.reason === undefined) return [{ store: routed.to.id, key: routed.target.key }];
  const found: Address[] = [];
  for (const { id, store } of stores) {
    try {
      const target = store.target({ location, requestedAt: NEVER });
      if (target !== undefined) found.push({ store: id, key: target.key });
    } catch {
      // Malformed, or outside of what the store may touch: it cannot be what the store would delete.
    }
  }
  return found;
}
