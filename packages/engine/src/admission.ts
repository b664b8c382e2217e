import type { Location, LocationRef, Registry, Target } from "@scrubber/core";
import type { ScrubberEvent } from "./events.ts";
import type { OpenStore, Routed } from "./routing.ts";

/** Finds the one store that takes a location, or says why there is none. Never throws. */
export type Route = (
  location: Location,
  requestedAt: Date,
) => { readonly to: OpenStore; readonly target: Target; readonly reason?: undefined } | { readonly reason: string };

/** What the check right before deletion says of one routed entry. */
export type Verdict =
  /**
   * Provably dead: its data may be deleted while the answer is fresh. `ref`: its row in the registry, if known. `note` goes into the receipt.
   * `askedAt`: the monotonic time right before the registry was asked, from which `freshForMs` counts; left out: nothing was asked that could age.
   */
  | { readonly kind: "delete"; readonly ref?: LocationRef; readonly note?: string; readonly askedAt?: number }
  /** A live image (or one that can still be restored) owns the same object: the entry is done, its row is recorded, the data stays. */
  | { readonly kind: "shared"; readonly ref?: LocationRef; readonly with: string }
  /** The location or its image is live again: the entry is done, nothing is recorded. */
  | { readonly kind: "alive"; readonly reason: string }
  /** The registry does not know the image. */
  | { readonly kind: "unknownImage" };

/** Asks the registry whether entries may be deleted. Without a registry, everything may. */
export interface Admission {
  /** How old an answer may be when the store is called; older ones are asked again. */
  readonly freshForMs: number;
  /** One verdict for each, in order. Rejects with a `SCRUBBER_REGISTRY_*` error where the registry does not answer whole: then nothing is deleted. */
  admit(batch: readonly Routed[]): Promise<readonly Verdict[]>;
}

export interface AdmissionOptions {
  readonly registry: Registry;
  readonly stores: readonly OpenStore[];
  readonly route: Route;
  readonly unknownImage: "setAside" | "delete";
  /** `scrub.delay` in milliseconds: how long a pending image can still be restored. */
  readonly delayMs: number;
  readonly now: () => Date;
  /** Milliseconds of a clock that is never set. */
  readonly monotonic: () => number;
  readonly emit: (event: ScrubberEvent) => void;
}

export function createAdmission(options: AdmissionOptions): Admission {
  void options;
  throw new TypeError("createAdmission is being written");
}
