import {
  isScrubberError,
  maskUri,
  schemeOf,
  storeIdOf,
  type LeasedEntry,
  type Location,
  type Store,
  type Target,
} from "@scrubber/core";

/** A store under its configured id, with the ceilings that hold. */
export interface OpenStore {
  readonly id: string;
  readonly store: Store;
  readonly limits: { readonly batch: number; readonly concurrency: number };
}

/** An entry with the one store that takes it. */
export interface Routed {
  readonly entry: LeasedEntry & { readonly location: Location };
  readonly to: OpenStore;
  readonly target: Target;
}

/** The one store that takes a location; or why there is none, for a person. */
export type RouteResult =
  | { readonly to: OpenStore; readonly target: Target; readonly reason?: undefined }
  | { readonly reason: string };

/** Finds the one store that takes a location. */
export class Router {
  readonly #stores: ReadonlyMap<string, OpenStore>;
  /** By what stands before a URI's first colon, as it is written. */
  readonly #byPrefix = new Map<string, readonly OpenStore[]>();

  constructor(stores: Iterable<OpenStore>) {
    this.#stores = new Map(Array.from(stores, (store) => [store.id, store]));
  }

  /**
   * The stores with the scheme of the location; of those the one that it names, if it names one; each is asked for its target.
   * Exactly one taker: routed. Text that was damaged when it was read, none, several, or a store that takes it for malformed: refused, naming the candidates.
   */
  readonly route = (location: Location, requestedAt: Date): RouteResult => {
    const named = storeIdOf(location);
    // Whoever read it as text put this in place of bytes that are no UTF-8. They are lost, and the name that is left may be another object's.
    if (location.uri.includes("\ufffd")) return { reason: "its URI has U+FFFD in it, in place of what was no UTF-8" };
    let candidates = this.#candidates(location.uri);
    if (named !== undefined) {
      const store = this.#stores.get(named);
      if (store === undefined) return { reason: `it names the store "${named}", which is not configured` };
      if (!candidates.includes(store)) {
        return { reason: `it names the store "${named}", which does not answer for ${shownScheme(location.uri)}` };
      }
      candidates = [store];
    }
    let to: OpenStore | undefined;
    let target: Target | undefined;
    const refusals: string[] = [];
    for (const candidate of candidates) {
      let own: Target | undefined;
      try {
        own = candidate.store.target({ location, requestedAt });
        if (own === undefined) continue;
        if (typeof own?.key !== "string" || typeof own.group !== "string") {
          refusals.push(`store "${candidate.id}" made a target without key and group of it`);
          continue;
        }
      } catch (error) {
        refusals.push(`store "${candidate.id}" refuses it: ${refusal(error)}`);
        continue;
      }
      if (target !== undefined) return { reason: `several stores take it: ${names(candidates)}` };
      to = candidate;
      target = own;
    }
    if (to !== undefined && target !== undefined) return { to, target };
    if (refusals.length > 0) return { reason: refusals.join("; ") };
    if (candidates.length === 0) return { reason: `no configured store answers for ${shownScheme(location.uri)}` };
    return { reason: `no store takes it; asked: ${names(candidates)}` };
  };

  #candidates(uri: string): readonly OpenStore[] {
    const colon = uri.indexOf(":");
    const prefix = colon > 0 && colon <= 32 ? uri.slice(0, colon) : "";
    let found = this.#byPrefix.get(prefix);
    if (found === undefined) {
      const scheme = schemeOf(`${prefix}:`);
      found = [...this.#stores.values()].filter(({ store }) => scheme !== undefined && store.schemes.includes(scheme));
      // Only what is answered for is remembered: a queue full of nonsense must not grow the memory.
      if (found.length > 0) this.#byPrefix.set(prefix, found);
    }
    return found;
  }
}

function shownScheme(uri: string): string {
  const scheme = schemeOf(uri);
  return scheme === undefined ? `"${maskUri(uri).slice(0, 80)}", which has no scheme` : `"${scheme}:"`;
}

function names(stores: readonly OpenStore[]): string {
  return stores.map(({ id }) => `"${id}"`).join(", ");
}

function refusal(error: unknown): string {
  // Only a store's own words are known to be free of secrets.
  return isScrubberError(error) ? error.message : "it failed while it looked at the location";
}
