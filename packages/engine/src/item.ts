import type { LeasedEntry, Location, LocationRef, Queue, Target } from "@scrubber/core";
import type { OpenStore, Routed } from "./routing.ts";

/** What one call of `lease` handed out. Times are monotonic milliseconds. */
export interface Lease {
  readonly items: Item[];
  /** Until when it is held for certain: counted from before the call that took or renewed it. */
  heldUntil: number;
  renewAt: number;
  /** How many of its entries are not settled yet. */
  open: number;
}

/** A leased entry on its way through a pass. */
export interface Item {
  readonly entry: LeasedEntry;
  readonly lease: Lease;
  /** It is on its way to be settled, or is: nothing more is done with it. */
  answered: boolean;
  /** Somebody else may hold it: it must not be touched. */
  lost: boolean;
}

/** An item that a store takes. */
export interface RoutedItem extends Item, Routed {
  readonly entry: LeasedEntry & { readonly location: Location };
  readonly to: OpenStore;
  readonly target: Target;
  /** Its row in the registry, if known. */
  ref: LocationRef | undefined;
  /** What the check right before deletion adds to the receipt. */
  note: string | undefined;
  /** When the registry was asked; monotonic. */
  askedAt: number;
  /** How often it was sent to its store in this pass without an answer that ends it. */
  tries: number;
  /** Others of the same key that go with it: one deletion, as many answers. */
  twins: RoutedItem[] | undefined;
}

/** The queue as the pass uses it. */
export type WorkQueue = Pick<
  Queue,
  "entries" | "lease" | "renew" | "settle" | "hasImages" | "stats" | "notes" | "setNote"
>;
