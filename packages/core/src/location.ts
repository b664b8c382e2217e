/** A value that JSON can carry. */
export type JsonValue = string | number | boolean | null | readonly JsonValue[] | { readonly [key: string]: JsonValue };

/**
 * What was known of an object when its deletion was asked for. A store that supports identity does not touch an object that differs
 * in any recorded property and answers `changed`.
 */
export interface Identity {
  /** The entity tag as the backend reports it, without quotes and without `W/`. */
  readonly etag?: string;
  /** The one version that is meant; other versions of the same name stay. */
  readonly versionId?: string;
  /** Size in bytes. */
  readonly size?: number;
  /** Last modification. Compared at the precision of the backend. */
  readonly modifiedAt?: Date;
  /** Inode number of a file, as a decimal string. */
  readonly inode?: string;
}

/** One stored object, as an application names it. */
export interface Location {
  /**
   * Where the object is. May carry credentials (Glance's do), so it is never logged or shown without {@link maskUri}.
   * Never altered: kept and handed on byte for byte.
   */
  readonly uri: string;
  /** The id of the store that holds it. Left out: the scheme decides, or `metadata.store` (or `metadata.backend`, as Glance's Rocky wrote). */
  readonly store?: string;
  /** What the object was like. Left out: nothing is compared but the time of the request, where the store can. */
  readonly identity?: Identity;
  /** Whatever the application keeps with the location. */
  readonly metadata?: Readonly<Record<string, JsonValue>>;
}

/** A location as a queue or registry holds it: readable, or sealed under a key that is not to be had, or corrupt. */
export type StoredLocation =
  | { readonly location: Location; readonly unreadable?: undefined }
  /** `unreadable` says why, for a person and without secrets. Such entries are still listed and leased, and then set aside. */
  | { readonly location?: undefined; readonly unreadable: string };

/** The store id that a location names: `store`, else `metadata.store`, else `metadata.backend`; undefined if none is named. */
export function storeIdOf(location: Location): string | undefined {
  if (location.store !== undefined) return location.store;
  const named = location.metadata?.["store"] ?? location.metadata?.["backend"];
  return typeof named === "string" ? named : undefined;
}

/** The scheme of a URI in lower case, without the colon; undefined where there is none. */
export function schemeOf(uri: string): string | undefined {
  return /^([A-Za-z][A-Za-z0-9+.-]*):/.exec(uri)?.[1]?.toLowerCase();
}

/**
 * A URI fit to be shown: user information and query values are replaced by `***`, control characters are escaped.
 * Works on what is no valid URI too (Glance's S3 secrets may contain `/`), where it hides rather too much than too little.
 */
export function maskUri(uri: string): string {
  const scheme = /^[A-Za-z][A-Za-z0-9+.-]*:\/\//.exec(uri)?.[0] ?? "";
  const rest = uri.slice(scheme.length);
  const query = rest.indexOf("?");
  const path = query < 0 ? rest : rest.slice(0, query);
  const at = path.lastIndexOf("@");
  const credentials = at >= 0 && path.slice(0, at).includes(":") && !/^(file|filesystem):/i.test(scheme);
  const shown =
    (credentials ? `***@${path.slice(at + 1)}` : path) + (query < 0 ? "" : maskQuery(rest.slice(query + 1), scheme));
  return (scheme + shown).replace(
    /[\u0000-\u001f\u007f]/g,
    (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

function maskQuery(query: string, scheme: string): string {
  if (/^(file|filesystem):/i.test(scheme)) return `?${query}`;
  return `?${query.replace(/=[^&]*/g, "=***")}`;
}

const IMAGE_ID_BYTES = 255;

/** Why `id` cannot be an image id, as a clause for an error; undefined if it can: 1 to 255 bytes of UTF-8, no control characters. */
export function imageIdProblem(id: string): string | undefined {
  if (id === "") return "it is empty";
  if (Buffer.byteLength(id) > IMAGE_ID_BYTES) return `it is longer than ${IMAGE_ID_BYTES} bytes`;
  if (!id.isWellFormed()) return "it is not valid Unicode";
  if (/[\u0000-\u001f\u007f-\u009f]/.test(id)) return "it contains a control character";
  return undefined;
}
