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
  return typeof named === "string" && named !== "" ? named : undefined;
}

/** The scheme of a URI in lower case, without the colon; undefined where there is none. */
export function schemeOf(uri: string): string | undefined {
  const colon = uri.indexOf(":");
  if (colon <= 0 || !isLetter(uri.charCodeAt(0))) return undefined;
  // By hand: asked for every location, and what a regular expression leaves behind is more than all the rest of a location takes.
  let isLower = true;
  for (let i = 0; i < colon; i++) {
    const code = uri.charCodeAt(i);
    if (code >= 0x61 && code <= 0x7a) continue;
    if (isLetter(code)) isLower = false;
    else if (!isSchemeMark(code)) return undefined;
  }
  const scheme = uri.slice(0, colon);
  return isLower ? scheme : scheme.toLowerCase();
}

function isLetter(code: number): boolean {
  return (code >= 0x61 && code <= 0x7a) || (code >= 0x41 && code <= 0x5a);
}

/** A digit, `+`, `-` or `.` */
function isSchemeMark(code: number): boolean {
  return (code >= 0x30 && code <= 0x39) || code === 0x2b || code === 0x2d || code === 0x2e;
}

/**
 * A URI fit to be shown: user information and query values are replaced by `***`, what could spoil a log or a terminal is escaped. File URIs carry no
 * credentials and are shown as they are.
 *
 * Works on what is no valid URI too: the secrets in Glance's URIs may contain `/`, `@`, `:` and `?`. Where it cannot tell, it hides too much rather than
 * too little.
 */
export function maskUri(uri: string): string {
  return escaped(/^file(?:system)?:/i.test(uri) ? uri : masked(uri));
}

const HOST_AND_PORT = /^(?:\[[^\]]*\]|[^:]*)(?::\d*)?$/;

function masked(uri: string): string {
  const scheme = /^[A-Za-z][A-Za-z0-9+.-]*:\/+/.exec(uri)?.[0] ?? "";
  const rest = uri.slice(scheme.length);
  const [authority = ""] = rest.split(/[/?#]/, 1);
  if (/[:@]/.test(authority)) {
    // A secret may contain anything, so it ends at the last at-sign, wherever that is.
    const at = rest.lastIndexOf("@");
    if (at >= 0) return `${scheme}***@${maskQuery(rest.slice(at + 1))}`;
    if (!HOST_AND_PORT.test(authority)) return scheme === "" ? uri.replace(/:.*/s, ":***") : `${scheme}***`;
  }
  return scheme + maskQuery(rest.replace(/[^/]*:[^/]*@/g, "***@"));
}

/** Hides what follows a question mark, or a number sign where it looks like parameters, but for the names of the parameters. */
function maskQuery(text: string): string {
  const start = /\?|#(?=.*=)/s.exec(text)?.index;
  if (start === undefined) return text;
  const parameters = text.slice(start + 1).split("&");
  const shown = parameters.map((parameter) => {
    const equals = parameter.indexOf("=");
    return equals < 0 ? parameter && "***" : `${parameter.slice(0, equals)}=***`;
  });
  return text.slice(0, start + 1) + shown.join("&");
}

/** Control and format characters (line breaks, terminal sequences, changes of direction) and lone surrogates, as `\uXXXX`. */
function escaped(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu, (character) =>
    Array.from({ length: character.length }, (_, i) => {
      return `\\u${character.charCodeAt(i).toString(16).padStart(4, "0")}`;
    }).join(""),
  );
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
