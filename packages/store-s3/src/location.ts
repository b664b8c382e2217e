import { maskUri, schemeOf, ScrubberError, type Identity, type Location, type Target } from "@scrubber/core";
import { AWS, createAddressing, placeOf, type Addressing } from "./addressing.ts";
import type { S3Options } from "./options.ts";

/** Credentials that stood in a location. They show in no log, JSON or inspection; whoever signs a request asks for them by name. */
export class UriCredentials {
  readonly #accessKeyId: string;
  readonly #secretAccessKey: string;

  constructor(accessKeyId: string, secretAccessKey: string) {
    this.#accessKeyId = accessKeyId;
    this.#secretAccessKey = secretAccessKey;
  }

  reveal(): { readonly accessKeyId: string; readonly secretAccessKey: string } {
    return { accessKeyId: this.#accessKeyId, secretAccessKey: this.#secretAccessKey };
  }

  /** Equal for equal credentials. As secret as they are. */
  identifier(): string {
    return JSON.stringify([this.#accessKeyId, this.#secretAccessKey]);
  }
}

/** One object, or one version of it. */
export interface S3Target extends Target {
  /** The bucket. */
  readonly group: string;
  /** The object's name in its bucket, as it is: decoded, never escaped. */
  readonly name: string;
  readonly requestedAt: Date;
  /** What was recorded of it, in the location's identity or metadata. */
  readonly identity: Identity | undefined;
  /** Only with `glanceUris`. */
  readonly credentials: UriCredentials | undefined;
}

const MAX_KEY_BYTES = 1024;
/** Letters, digits, `.`, `-`, `_`: what AWS allows, what it allowed once, and what other servers allow. */
const BUCKET = /^[A-Za-z0-9][A-Za-z0-9._-]{0,254}$/;
/** What would make a canonical key ambiguous or unfit to be shown. */
const ESCAPED_IN_KEYS = /[\u0000-\u001f\u007f-\u009f\u2028\u2029%?]/;
const UNRESOLVED = /^\/|\/\/|(?:^|\/)\.{1,2}(?:\/|$)/;
const SCHEMES: readonly string[] = ["s3", "s3+http", "s3+https"];

/** Reads locations of one configured server. */
export interface LocationReader {
  readonly schemes: readonly string[];
  /** See `Store.target`. */
  target(of: { readonly location: Location; readonly requestedAt: Date }): S3Target | undefined;
}

/** Makes the reader that goes with these options. */
export function createLocationReader(
  options: Pick<S3Options, "endpoint" | "hosts" | "buckets" | "glanceUris">,
): LocationReader {
  const addressOf = createAddressing(options.endpoint, options.hosts);
  const resolves = placeOf(options.endpoint) !== AWS;
  const buckets = options.buckets && new Set(options.buckets);
  return {
    schemes: SCHEMES,
    target({ location, requestedAt }) {
      const { uri } = location;
      const scheme = schemeOf(uri);
      if (scheme === undefined || !SCHEMES.includes(scheme)) return undefined;
      if (!uri.startsWith("://", scheme.length)) throw malformed(uri, "it lacks // after its scheme");
      const rest = uri.slice(scheme.length + 3);
      const found =
        scheme === "s3" && !options.glanceUris
          ? bucketAndKey(rest)
          : hostForm(uri, rest, scheme, options.glanceUris, addressOf);
      if (found === undefined) return undefined;
      const bucket = decoded(uri, found.bucket);
      const name = decoded(uri, found.key);
      check(uri, bucket, name);
      if (buckets !== undefined && !buckets.has(bucket)) return undefined;
      const identity = recordedIdentity(location);
      const versionId = identity?.versionId;
      const whole = versionId !== undefined ? name : resolves ? resolvedName(name) : undefined;
      return {
        key: canonicalKey(bucket, name, versionId),
        ...(whole !== undefined && { within: canonicalKey(bucket, whole, undefined) }),
        group: bucket,
        name,
        requestedAt,
        identity,
        credentials: found.credentials,
      };
    },
  };
}

interface Found {
  readonly bucket: string;
  readonly key: string;
  readonly credentials?: UriCredentials | undefined;
}

function bucketAndKey(rest: string): Found {
  const slash = rest.indexOf("/");
  return slash < 0 ? { bucket: rest, key: "" } : { bucket: rest.slice(0, slash), key: rest.slice(slash + 1) };
}

/** `[access:secret@]host[:port]/bucket/key`, or with the bucket in front of the host. Undefined: another server's. */
function hostForm(
  uri: string,
  rest: string,
  scheme: string,
  glance: boolean,
  addressOf: Addressing,
): Found | undefined {
  let credentials: UriCredentials | undefined;
  let address = rest;
  // The secret may contain slashes; so where Glance writes, the first @ ends the credentials, wherever it is.
  const at = glance ? rest.indexOf("@") : rest.slice(0, (rest.indexOf("/") + 1 || rest.length + 1) - 1).indexOf("@");
  if (at >= 0) {
    if (!glance)
      throw malformed(uri, "it carries credentials", "Set glanceUris: true to sign with the credentials in locations.");
    const colon = rest.lastIndexOf(":", at);
    if (colon <= 0 || colon + 1 === at) throw malformed(uri, "what stands before the @ is no ACCESS:SECRET");
    credentials = new UriCredentials(rest.slice(0, colon), rest.slice(colon + 1, at));
    address = rest.slice(at + 1);
  }
  // Glance puts its s3_store_host there as it was configured, which may be a URL.
  const protocol = /^https?:\/\//i.exec(address)?.[0].toLowerCase() ?? "";
  address = address.slice(protocol.length);
  const slash = address.indexOf("/");
  if (slash < 0) throw malformed(uri, "it names no bucket and key");
  const secure = protocol === "" ? scheme.slice(3) : protocol.slice(0, -3);
  const where = addressOf(address.slice(0, slash).toLowerCase(), secure, address.slice(slash + 1));
  if (where === undefined) return undefined;
  const found = where.bucket === undefined ? bucketAndKey(where.path) : { bucket: where.bucket, key: where.path };
  if (glance && found.key.includes("/")) {
    throw malformed(
      uri,
      "it has more parts than host, bucket and key, and which of them is the bucket cannot be told",
      "Write a slash inside of a key as %2F.",
    );
  }
  return { ...found, credentials };
}

function decoded(uri: string, text: string): string {
  if (text.includes("?") || text.includes("#")) {
    throw malformed(
      uri,
      "it contains ? or #, which may end the key or belong to it",
      "Write them as %3F and %23 if they belong to the key; a version goes into identity.versionId.",
    );
  }
  if (!text.includes("%")) return text;
  try {
    return decodeURIComponent(text);
  } catch {
    throw malformed(
      uri,
      "a % in it is not followed by two digits of valid UTF-8",
      "Write a % that belongs to the key as %25.",
    );
  }
}

function check(uri: string, bucket: string, name: string): void {
  if (!BUCKET.test(bucket)) throw malformed(uri, "what stands in the bucket's place is no bucket name");
  if (name === "") throw malformed(uri, "it names no key");
  if (name.length * 3 > MAX_KEY_BYTES && Buffer.byteLength(name) > MAX_KEY_BYTES)
    throw malformed(uri, `its key is longer than ${MAX_KEY_BYTES} bytes`);
  if (!name.isWellFormed()) throw malformed(uri, "its key is not valid Unicode");
}

function canonicalKey(bucket: string, name: string, versionId: string | undefined): string {
  const shown = ESCAPED_IN_KEYS.test(name) ? name.replace(new RegExp(ESCAPED_IN_KEYS, "g"), encodeURIComponent) : name;
  return versionId === undefined
    ? `${bucket}/${shown}`
    : `${bucket}/${shown}?versionId=${encodeURIComponent(versionId)}`;
}

/**
 * What a name becomes where objects are files (MinIO takes `/a` in a batch for `a`, others `a//b` for `a/b`, too): who names the one may delete the other.
 * Undefined: the name itself, or none that an object could have.
 */
function resolvedName(name: string): string | undefined {
  if (!UNRESOLVED.test(name)) return undefined;
  const segments: string[] = [];
  for (const segment of name.split("/")) {
    if (segment === "..") segments.pop();
    else if (segment !== "" && segment !== ".") segments.push(segment);
  }
  if (segments.length === 0) return undefined;
  return segments.join("/") + (name.endsWith("/") ? "/" : "");
}

/** What is recorded in `identity`, else in the metadata under `versionId`, `etag` and `size`. */
function recordedIdentity({ identity, metadata }: Location): Identity | undefined {
  if (identity === undefined && metadata === undefined) return undefined;
  const versionId = identity?.versionId ?? textOf(metadata?.["versionId"]);
  const etag = identity?.etag ?? textOf(metadata?.["etag"]);
  const listed = metadata?.["size"];
  const size = identity?.size ?? (typeof listed === "number" ? listed : undefined);
  const modifiedAt = identity?.modifiedAt;
  if (versionId === undefined && etag === undefined && size === undefined && modifiedAt === undefined) return undefined;
  return {
    ...(versionId !== undefined && { versionId }),
    ...(etag !== undefined && { etag: bareEtag(etag) }),
    ...(size !== undefined && { size }),
    ...(modifiedAt !== undefined && { modifiedAt }),
  };
}

function textOf(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" ? value : undefined;
}

/** An entity tag without `W/` and quotes. */
export function bareEtag(etag: string): string {
  return etag.replace(/^W\//, "").replace(/^"|"$/g, "");
}

function malformed(
  uri: string,
  why: string,
  hint = "A location is s3://BUCKET/KEY, percent-encoded as a URI.",
): ScrubberError {
  return new ScrubberError("SCRUBBER_LOCATION_INVALID", `${maskUri(uri)} is no location of an S3 object: ${why}`, {
    hint,
  });
}
