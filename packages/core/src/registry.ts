import type { StoredLocation } from "./location.ts";

/** Names a location's row within its registry; later rows have greater refs. A safe integer. */
export type LocationRef = number;

/** A place in a listing; opaque to all but the registry that made it. */
export type Cursor = string;

export interface Page<T> {
  readonly items: readonly T[];
  /** Where the next page begins; undefined at the end. A page may be empty and yet have a next one. */
  readonly next?: Cursor;
}

/** What an image or a location means to the scrubber. `live`: anything that is neither waiting for deletion nor deleted. */
export type Liveness = "live" | "pending" | "deleted";

export type ImageLocation = StoredLocation & {
  readonly ref?: LocationRef;
  readonly status: Liveness;
  /** When its own deletion was asked for, where the registry keeps that; for a pending one. May differ from the image's. */
  readonly deletedAt?: Date;
};

export interface Image {
  readonly id: string;
  readonly status: Liveness;
  /** The registry's own word for the status (Glance: `active`, `pending_delete`, `deactivated`, ...). */
  readonly nativeStatus: string;
  /** When its deletion was asked for; undefined while it is live. */
  readonly deletedAt?: Date;
  /** Every location that is not recorded as deleted, and those that are where the registry still lists them. */
  readonly locations: readonly ImageLocation[];
}

/** A location that waits for deletion; or, with `ref` and location left out and `none` set, a pending image that has no such location left. */
export type PendingLocation = {
  readonly imageId: string;
  readonly imageStatus: Liveness;
  /** When the deletion was asked for. */
  readonly requestedAt: Date;
} & ((StoredLocation & { readonly ref?: LocationRef; readonly none?: undefined }) | { readonly none: true });

/** A row of the listing from which the index of references is made. */
export type Reference = StoredLocation & { readonly ref: LocationRef; readonly imageId: string };

/** Which page of what waits for deletion is wanted. */
export interface PendingPage {
  readonly after?: Cursor;
  /** 1 to 1000. */
  readonly limit: number;
  /**
   * The caller has no use for what was asked for after `known.after` and before `known.before`: it may be left out. Everything else is listed, what was asked
   * for at these very instants too. A registry that cannot tell, or for which it is no less work, lists all.
   */
  readonly known?: { readonly after: Date; readonly before: Date };
}

/** What the registry is told: these locations of the image are gone. */
export interface Deletion {
  readonly imageId: string;
  /** May be empty: only the image is to be finished. Matched by `ref`, else by URI and store id. */
  readonly locations: readonly { readonly ref?: LocationRef; readonly uri?: string; readonly store?: string }[];
}

/**
 * `recorded`: the image is deleted now (or was already). `incomplete`: the locations are marked, others are left, the image stays pending.
 * `active`: the image is live; locations of it that were pending are marked, the image is not touched. `missing`: the registry has no such image.
 */
export type RecordResult = "recorded" | "incomplete" | "active" | "missing";

export type RestoreResult =
  | { readonly restored: true; /** How many locations are live again. */ readonly locations: number }
  /** Nothing was changed. `notPending`: `nativeStatus` says what it is instead. `noLocations`: no location is left to restore. */
  | {
      readonly restored: false;
      readonly reason: "missing" | "notPending" | "noLocations";
      readonly nativeStatus?: string;
    };

/** What a registry can do. Tested both ways: what is `false` is refused with `SCRUBBER_UNSUPPORTED`. */
export interface RegistrySupports {
  /** `references` lists every location; without it, sharing between images cannot be seen. */
  readonly references: boolean;
  readonly restore: boolean;
  /** Single locations have a status, so that the registry can be told before the queue. */
  readonly locationStatus: boolean;
  /** `addImage` and `requestDeletion`: the registry is the application's own. */
  readonly manage: boolean;
}

/**
 * Who owns which locations. Opened by a registry plugin; closed by disposing of it.
 *
 * All calls reject with a `SCRUBBER_REGISTRY_*` error where the registry cannot answer whole: half an answer is a failure. Until the registry
 * answers, nothing is deleted.
 */
export interface Registry extends AsyncDisposable {
  readonly supports: RegistrySupports;

  /** These images as they are now; one that the registry does not know is not in the map. 1 to 1000 ids. */
  images(ids: readonly string[]): Promise<ReadonlyMap<string, Image>>;

  /**
   * What waits for deletion, in keyset order by primary key, whatever its visibility, of active images too (Glance removes single locations so).
   * Rows that come or go meanwhile never shift the others.
   */
  pendingLocations(page: PendingPage): Promise<Page<PendingLocation>>;

  /** Streams every location that is not recorded as deleted, in order of `ref`, greater than `after`. Too many is allowed, too few never. */
  references(after?: LocationRef): AsyncIterable<readonly Reference[]>;

  /**
   * Marks locations as deleted, and the image if none is left, by compare-and-set in one transaction; one answer for each image.
   * Never marks a location or image that is live.
   */
  recordDeleted(deletions: readonly Deletion[]): Promise<ReadonlyMap<string, RecordResult>>;

  /** Makes a pending image live again, with its locations and all that was deleted with it, by compare-and-set in one transaction. */
  restore(imageId: string): Promise<RestoreResult>;

  /**
   * Adds a live image.
   * @throws {ScrubberError} `SCRUBBER_IMAGE_EXISTS`
   */
  addImage(image: {
    readonly id: string;
    readonly locations: readonly { readonly uri: string; readonly store?: string }[];
  }): Promise<void>;

  /**
   * Marks a live image and its locations as pending; a pending one stays as it is. Resolves with the image as it is then.
   * @throws {ScrubberError} `SCRUBBER_IMAGE_MISSING`, `SCRUBBER_IMAGE_STATUS` (it is deleted already)
   */
  requestDeletion(imageId: string): Promise<Image>;

  /**
   * Claims to be the one scrubber at work on this registry, where the backend has locks that end with their holder. Undefined: somebody else has the claim.
   * Disposing of the claim gives it up; so does the end of the process, however it comes.
   */
  claim?(): Promise<Claim | undefined>;
}

/** The right to be the one scrubber at work: see {@link Registry.claim}. */
export interface Claim extends AsyncDisposable {
  /** Aborts when the claim turns out to be lost, as a server's lock is with its connection. Left out: it lasts as long as the process. */
  readonly lost?: AbortSignal;
}
