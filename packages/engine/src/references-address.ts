import type { Location, Target } from "@scrubber/core";
import type { OpenStore, RouteResult } from "./routing.ts";

/** Finds the one store that takes a location, or says why there is none. Never throws. */
export type Route = (location: Location, requestedAt: Date) => RouteResult;

/** Where an object is: what the stores there call it. Two locations are the same object if and only if their addresses are equal. */
export interface Address {
  /** The store's place, or the store itself by its id: what the key is relative to. */
  readonly place: string;
  readonly key: string;
  /** Of a version: the key of the object as a whole. */
  readonly within?: string | undefined;
}

export function addressOf({ id, store }: OpenStore, { key, within }: Target): Address {
  return { place: store.place ?? id, key, within };
}

/** Whether two addresses are one object, or one is a version of the other. */
export function isSameObject(one: Address, other: Address): boolean {
  return one.place === other.place && (one.key === other.key || one.within === other.key || one.key === other.within);
}

/** Targets that are only compared: no time of a request matters. */
const NEVER = new Date(0);

/**
 * Where a location's object is, for comparing. One that is not routed (several stores take it, or it names a store that is not configured) may be the object of
 * each store that can address it. One that is refused for more than names an object (parameters, credentials, dots in its path) may be read by others all the
 * same, and counts as what it names without. None at all: it cannot be compared.
 */
export function addressesOf(location: Location, route: Route, stores: readonly OpenStore[]): readonly Address[] {
  const routed = route(location, NEVER);
  if (routed.reason === undefined) return [addressOf(routed.to, routed.target)];
  const found = addressesIn(location, stores);
  const uri = plainer(location.uri);
  return found.length > 0 || uri === location.uri ? found : addressesIn({ ...location, uri }, stores);
}

function addressesIn(location: Location, stores: readonly OpenStore[]): readonly Address[] {
  const found: Address[] = [];
  for (const to of stores) {
    try {
      const target = to.store.target({ location, requestedAt: NEVER });
      if (target !== undefined) found.push(addressOf(to, target));
    } catch {
      // Malformed, or outside of what the store may touch: the store does not delete it under this name.
    }
  }
  return found;
}

const DOTS = /\/(?:\.|%2e){1,2}(?:\/|$)/i;

function plainer(uri: string): string {
  const bare = uri.replace(/[?#].*$/s, "").replace(/^([^:/?#]+:\/\/)[^/?#]*@/, "$1");
  if (!DOTS.test(bare)) return bare;
  const segments: string[] = [];
  for (const segment of bare.split("/")) {
    const plain = segment.replace(/%2e/gi, ".");
    if (plain === "..") segments.pop();
    else if (plain !== ".") segments.push(segment);
  }
  return segments.join("/");
}
