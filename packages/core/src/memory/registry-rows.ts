import { storeIdOf, type StoredLocation } from "../location.ts";
import type { Cursor, Deletion, Image, ImageLocation, Liveness, LocationRef, PendingLocation } from "../registry.ts";

/** An image as a test puts it in. */
export interface MemoryImage {
  readonly id: string;
  readonly status: Liveness;
  /** Default: now, if it is not live. */
  readonly deletedAt?: Date;
  /** `status` of a location may be another than the image's. */
  readonly locations: readonly {
    readonly uri: string;
    readonly store?: string;
    readonly status: Liveness;
    readonly unreadable?: boolean;
  }[];
}

export interface ImageRow {
  readonly id: string;
  status: Liveness;
  deletedAt: Date | undefined;
  readonly locations: LocationRow[];
}

export interface LocationRow {
  readonly ref: LocationRef;
  readonly image: ImageRow;
  readonly stored: StoredLocation;
  ownStatus: Liveness;
  deletedAt: Date | undefined;
}

const NATIVE: Readonly<Record<Liveness, string>> = { live: "active", pending: "pending_delete", deleted: "deleted" };

/** The images and locations of a memory registry. */
export class RegistryRows {
  readonly images: Map<string, ImageRow> = new Map();
  /** In order of ref. */
  readonly locations: Map<LocationRef, LocationRow> = new Map();
  readonly #locationStatus: boolean;
  #lastRef = 0;

  constructor(locationStatus: boolean) {
    this.#locationStatus = locationStatus;
  }

  insert(image: MemoryImage, now: Date): void {
    const deletedAt = image.status === "live" ? undefined : (image.deletedAt ?? now);
    const row: ImageRow = { id: image.id, status: image.status, deletedAt, locations: [] };
    this.images.set(image.id, row);
    for (const { uri, store, status, unreadable } of image.locations) {
      const stored: StoredLocation =
        unreadable === true
          ? { unreadable: "it is sealed under a key that is not configured" }
          : { location: { uri, ...(store === undefined ? {} : { store }) } };
      const gone = status === "live" ? undefined : (image.deletedAt ?? now);
      const location: LocationRow = { ref: ++this.#lastRef, image: row, stored, ownStatus: status, deletedAt: gone };
      row.locations.push(location);
      this.locations.set(location.ref, location);
    }
  }

  purge(imageId: string): void {
    for (const { ref } of this.images.get(imageId)?.locations ?? []) this.locations.delete(ref);
    this.images.delete(imageId);
  }

  /** Where locations have no status of their own, each is what its image is. */
  statusOf(location: LocationRow): Liveness {
    return this.#locationStatus ? location.ownStatus : location.image.status;
  }

  asImage(row: ImageRow): Image {
    return {
      id: row.id,
      status: row.status,
      nativeStatus: NATIVE[row.status],
      ...(row.deletedAt === undefined ? {} : { deletedAt: row.deletedAt }),
      locations: row.locations.map((location) => this.#asLocation(location)),
    };
  }

  #asLocation(location: LocationRow): ImageLocation {
    const { ref, deletedAt, stored } = location;
    const status = this.statusOf(location);
    const isKept = this.#locationStatus && status === "pending" && deletedAt !== undefined;
    return { ref, status, ...(isKept ? { deletedAt } : {}), ...stored };
  }

  /** Locations by ref, then images without such a location by id: rows that come or go do not move the others. */
  *pendingAfter(after: Cursor, now: Date): Generator<{ readonly at: Cursor; readonly item: PendingLocation }> {
    const [, kind = "ref", place = ""] = /^(ref|image):(.*)$/s.exec(after) ?? [];
    if (kind === "ref") {
      for (const location of this.locations.values()) {
        const { ref, image, stored, deletedAt } = location;
        if (ref <= Number(place) || this.statusOf(location) !== "pending") continue;
        const requestedAt = deletedAt ?? image.deletedAt ?? now;
        yield { at: `ref:${ref}`, item: { imageId: image.id, imageStatus: image.status, requestedAt, ref, ...stored } };
      }
    }
    const bare = [...this.images.values()].filter(
      (image) => image.status === "pending" && !image.locations.some((l) => this.statusOf(l) === "pending"),
    );
    for (const { id, status, deletedAt } of bare.toSorted((a, b) => (a.id < b.id ? -1 : 1))) {
      if (kind === "image" && id <= place) continue;
      yield {
        at: `image:${id}`,
        item: { imageId: id, imageStatus: status, requestedAt: deletedAt ?? now, none: true },
      };
    }
  }
}

/** Whether a deletion names this location: by ref, else by URI and store id. */
export function names(named: Deletion["locations"][number], { ref, stored: { location } }: LocationRow): boolean {
  if (named.ref !== undefined) return named.ref === ref;
  return location !== undefined && location.uri === named.uri && storeIdOf(location) === named.store;
}
