import { maskUri, ScrubberError } from "@scrubber/core";

const SCHEME = /^(?:file|filesystem):/i;
/** What a standard URL parser strips, cuts at or turns into a slash: two readers would see two paths. */
const AMBIGUOUS = /[\u0000-\u001f\u007f\\?#]| $/;

/** Whether the URI is a file's: `file:` or `filesystem:`, in any case. */
export function isFileUri(uri: string): boolean {
  return SCHEME.test(uri);
}

/**
 * The absolute path that a file URI names; each spelling of one path ends in the same text.
 *
 * `percentEncoded`: a standard file URL (RFC 8089), whose host is empty or `localhost`. Else as OpenStack Glance writes it: what follows `://` is the path,
 * byte for byte.
 *
 * @throws {ScrubberError} `SCRUBBER_LOCATION_INVALID`: no absolute path, dot segments, NUL, or two readings are possible.
 */
export function pathOfFileUri(uri: string, percentEncoded: boolean): string {
  const path = percentEncoded ? decodedPath(uri) : rawPath(uri);
  if (path[0] !== "/") throw locationInvalid(uri, "names no absolute path");
  if (path.includes("\0")) throw locationInvalid(uri, "contains NUL");
  // A lone surrogate would become U+FFFD on its way to the file system: another file's name.
  if (!path.isWellFormed()) throw locationInvalid(uri, "is not valid Unicode");
  const single = path.includes("//") ? path.replace(/\/{2,}/g, "/") : path;
  if (single.includes("/.") && /\/\.{1,2}(?:\/|$)/.test(single)) {
    throw locationInvalid(uri, "contains dot segments", "Name the file by its own path, without . and .. in it.");
  }
  if (single.endsWith("/")) throw locationInvalid(uri, "names a directory");
  return single;
}

function rawPath(uri: string): string {
  const start = uri.indexOf("://");
  return start < 0 ? "" : uri.slice(start + 3);
}

function decodedPath(uri: string): string {
  const rest = uri.slice(uri.indexOf(":") + 1);
  if (AMBIGUOUS.test(rest)) {
    throw locationInvalid(
      uri,
      "contains ?, #, a backslash or a control character, or ends in a space, unencoded",
      "Percent-encode it (? is %3F, # is %23), or set percentEncoded: false if this URI is Glance's own.",
    );
  }
  const path = rest.startsWith("//") ? afterHost(uri, rest) : rest;
  if (!path.includes("%")) return path;
  if (/%2f/i.test(path)) throw locationInvalid(uri, "contains an encoded slash");
  try {
    return decodeURIComponent(path);
  } catch {
    throw locationInvalid(
      uri,
      "is not percent-encoded UTF-8",
      "Set percentEncoded: false if the % is part of the file's name, as in Glance.",
    );
  }
}

function afterHost(uri: string, rest: string): string {
  const slash = rest.indexOf("/", 2);
  const host = slash < 0 ? rest.slice(2) : rest.slice(2, slash);
  if (host !== "" && host.toLowerCase() !== "localhost") {
    throw locationInvalid(uri, "names another host", "A path has three slashes in front: file:///srv/images/a.");
  }
  return slash < 0 ? "" : rest.slice(slash);
}

export function locationInvalid(uri: string, why: string, hint?: string): ScrubberError {
  return new ScrubberError(
    "SCRUBBER_LOCATION_INVALID",
    `${maskUri(uri)} ${why}`,
    hint === undefined ? undefined : { hint },
  );
}
