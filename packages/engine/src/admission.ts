import type { LocationRef } from "@scrubber/core";
import type { Routed } from "./routing.ts";

/** What the check right before deletion says of one routed entry. */
export type Verdict =
  /** Provably dead: its data may be deleted while the answer is fresh. `ref`: its row in the registry, if known. `note` goes into the receipt. */
  | { readonly kind: "delete"; readonly ref?: LocationRef; readonly note?: string }
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
