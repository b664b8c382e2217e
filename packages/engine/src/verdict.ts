import type { LocationRef } from "@scrubber/core";

/** What the check right before deletion says of one routed entry. */
export type Verdict =
  /**
   * Provably dead: its data may be deleted while the answer is fresh. `ref`: its row in the registry, if known. `note` goes into the receipt.
   * `askedAt`: the monotonic time right before the registry was asked, from which `freshForMs` counts; left out: nothing was asked that could age.
   */
  | {
      readonly kind: "delete";
      readonly ref?: LocationRef | undefined;
      readonly note?: string | undefined;
      readonly askedAt?: number;
    }
  /** A live image (or one that can still be restored) owns the same object: the entry is done, its row is recorded, the data stays. */
  | { readonly kind: "shared"; readonly ref?: LocationRef | undefined; readonly with: string }
  /** The location or its image is live again: the entry is done, nothing is recorded. */
  | { readonly kind: "alive"; readonly reason: string }
  /** Its image was deleted anew since the entry came, and can be restored until then: the entry waits. */
  | { readonly kind: "held"; readonly until: Date; readonly reason: string }
  /** The registry does not know the image. */
  | { readonly kind: "unknownImage" };
