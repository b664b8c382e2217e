import {
  ScrubberError,
  type Cipher,
  type Identity,
  type JsonValue,
  type Location,
  type StoredLocation,
} from "@scrubber/core";

/** A location as its row holds it. */
export interface StoredColumns {
  /** Text: in the clear. Bytes: sealed. */
  readonly uri: string | Uint8Array;
  /** JSON of what else there is; null if nothing. */
  readonly details: string | null;
}

interface Details {
  readonly store?: string;
  readonly identity?: Omit<Identity, "modifiedAt"> & { readonly modifiedAt?: string };
  readonly metadata?: Readonly<Record<string, JsonValue>>;
}

/**
 * Makes the columns of a location. With a cipher, the URI is sealed.
 * @throws {ScrubberError} `SCRUBBER_LOCATION_INVALID` for a URI that is empty, or no valid Unicode and so could not be kept as it is.
 */
export function storeLocation(location: Location, cipher: Cipher | undefined): StoredColumns {
  const { uri, store, identity, metadata } = location;
  if (uri === "" || !uri.isWellFormed()) {
    throw new ScrubberError(
      "SCRUBBER_LOCATION_INVALID",
      `a URI cannot be queued: it is ${uri === "" ? "empty" : "not valid Unicode"}`,
      {
        hint: "Pass the URI as the store knows it; bytes that are no UTF-8 have to be percent-encoded.",
      },
    );
  }
  const plain = store === undefined && identity === undefined && metadata === undefined;
  return {
    uri: cipher === undefined ? uri : Buffer.from(cipher.seal(uri), "base64url"),
    // JSON.stringify writes a Date as RFC 3339 and leaves out what is undefined.
    details: plain ? null : JSON.stringify({ store, identity, metadata }),
  };
}

/** The details of an entry that is added again: the later ones, and of the earlier ones what those do not have. */
export function mergeDetails(earlier: string | null, later: string | null): string | null {
  if (earlier === null || later === null || earlier === later) return later ?? earlier;
  try {
    return JSON.stringify({ ...parseDetails(earlier), ...parseDetails(later) });
  } catch {
    return later;
  }
}

/** Reads a location back. What cannot be read says why, and is never thrown: one bad row must not hide the others. */
export function readLocation({ uri, details }: StoredColumns, cipher: Cipher | undefined): StoredLocation {
  try {
    const opened = typeof uri === "string" ? uri : openUri(uri, cipher);
    return { location: details === null ? { uri: opened } : withDetails(opened, details) };
  } catch (error) {
    return { unreadable: error instanceof Error ? error.message : "it cannot be read" };
  }
}

function openUri(sealed: Uint8Array, cipher: Cipher | undefined): string {
  if (cipher === undefined) throw new Error("it is sealed, and no key is configured");
  return cipher.open(Buffer.from(sealed).toString("base64url"));
}

function withDetails(uri: string, json: string): Location {
  const { store, identity, metadata } = parseDetails(json);
  return {
    uri,
    ...(store === undefined ? {} : { store }),
    ...(identity === undefined ? {} : { identity: withDate(identity) }),
    ...(metadata === undefined ? {} : { metadata }),
  };
}

function parseDetails(json: string): Details {
  try {
    // oxlint-disable-next-line no-unsafe-type-assertion -- storeLocation wrote it
    return JSON.parse(json) as Details;
  } catch {
    // The parser's own message quotes what it read.
    throw new Error("its details are damaged");
  }
}

function withDate({ modifiedAt, ...rest }: NonNullable<Details["identity"]>): Identity {
  return modifiedAt === undefined ? rest : { ...rest, modifiedAt: new Date(modifiedAt) };
}
