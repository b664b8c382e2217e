import type { Image, ImageLocation, LocationRef } from "@scrubber/core";

/** For how long a deletion can be taken back. */
export interface Restorability {
  /** What was deleted after this instant (milliseconds) can still be restored. */
  readonly restorableSince: number;
  /** `scrub.delay` in milliseconds. */
  readonly delayMs: number;
}

/** An image, and the row of it that an entry stands for, if there is one. */
interface Deleted {
  readonly image: Image;
  readonly location: ImageLocation | undefined;
}

/** A registry may write down an image's deletion so much later than that of its locations. */
const SAME_DELETION_MS = 60_000;

/** When the deletion was asked for that is under way, in milliseconds: the image's, or its location's own if that is later. Undefined: not known. */
export function deletedAtOf({ image, location }: Deleted): number | undefined {
  const whole = image.status === "pending" ? image.deletedAt?.getTime() : undefined;
  const own = location?.deletedAt?.getTime();
  return whole === undefined || own === undefined ? (whole ?? own) : Math.max(whole, own);
}

/** Until when it can be restored, where it was live again since it was asked for. */
export function restorableUntil(
  deleted: Deleted,
  requestedAt: Date,
  { restorableSince, delayMs }: Restorability,
): Date | undefined {
  const at = deleted.image.status === "deleted" ? undefined : deletedAtOf(deleted);
  if (at === undefined) return undefined;
  const isAnew = at > requestedAt.getTime() + SAME_DELETION_MS && at > restorableSince;
  return isAnew ? new Date(at + delayMs) : undefined;
}

const DUE_ROWS_MS = 600_000;
const DUE_ROWS = 50_000;

/** Rows whose entries came to be deleted lately, so that they are known to be due. By ref, with the time of the deletion that was meant. */
export class DueRows {
  readonly #monotonic: () => number;
  #young = new Map<LocationRef, number | undefined>();
  #old: ReadonlyMap<LocationRef, number | undefined> = new Map();
  #since = 0;

  constructor(monotonic: () => number) {
    this.#monotonic = monotonic;
  }

  add(ref: LocationRef, deletedAt: number | undefined): void {
    if (this.#young.size >= DUE_ROWS || this.#monotonic() - this.#since > DUE_ROWS_MS) {
      this.#old = this.#young;
      this.#young = new Map();
      this.#since = this.#monotonic();
    }
    this.#young.set(ref, deletedAt);
  }

  has(ref: LocationRef, deletedAt: number | undefined): boolean {
    return [this.#young, this.#old].some((rows) => rows.has(ref) && rows.get(ref) === deletedAt);
  }
}
