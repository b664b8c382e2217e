import type { LeasedEntry, Location, Store, Target } from "@scrubber/core";

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
