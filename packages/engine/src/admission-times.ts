import type { Image, ImageLocation, LeasedEntry, LocationRef } from "@scrubber/core";

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

/** Until when it can be restored, where it was live again since the request by which the entry is due. */
export function restorableUntil(
  deleted: Deleted,
  { requestedAt, dueAt, dueByDelay }: Pick<LeasedEntry, "requestedAt" | "dueAt" | "dueByDelay">,
  { restorableSince, delayMs }: Restorability,
): Date | undefined {
  const at = deleted.image.status === "deleted" ? undefined : deletedAtOf(deleted);
  if (at === undefined) return undefined;
  // An entry that outlived a restoring and was met by the next request has the time of that one, but is due by the first.
  const first = dueByDelay === true ? dueAt.getTime() - delayMs : Number.POSITIVE_INFINITY;
  const isAnew = at > Math.min(requestedAt.getTime(), first) + SAME_DELETION_MS && at > restorableSince;
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
