import type { Identity, Location, Target } from "@scrubber/core";
import type { FileIdentity } from "./job.ts";
import { isFileUri, locationInvalid, pathOfFileUri } from "./location.ts";

/** A file as the store addresses it: `key` is its absolute path with the symbolic links of its root resolved, `group` the root that it is in. */
export interface FsTarget extends Target {
  /** As it was named: by the root as configured. */
  readonly path: string;
  /** Modified later than this (milliseconds since 1970), it is not the file that was meant. */
  readonly unmodifiedSince: number;
  readonly identity: FileIdentity | undefined;
  /** What was recorded and cannot be compared with a file. */
  readonly note: string | undefined;
  /** Glance would read another path out of the URI, so that "it is not there" proves nothing. */
  readonly ambiguous: boolean;
}

/** A root, as configured and as it really is. */
export interface RootPath {
  readonly path: string;
  readonly realPath: string;
}

/** How locations are recognised. */
export interface Recognition {
  /** By longest path first. */
  readonly roots: readonly RootPath[];
  readonly marker: string | false;
  readonly percentEncoded: boolean;
  readonly ignoreModified: boolean;
}

/** Clocks of a file server and of who requested the deletion may differ by so much. */
const ALLOWED_MS = 2000;

/** Recognises a location, without touching the disk. */
export function recognise(location: Location, requestedAt: Date, as: Recognition): FsTarget | undefined {
  const { uri, identity } = location;
  if (!isFileUri(uri)) return undefined;
  const path = pathOfFileUri(uri, as.percentEncoded);
  const root = as.roots.find((one) => path.startsWith(one.path) && path[one.path.length] === "/");
  if (root === undefined) {
    throw locationInvalid(
      uri,
      "is outside every root",
      "Add its directory to `roots` if the scrubber may delete there.",
    );
  }
  // In any directory: it may be a root by another name, or of another store.
  if (as.marker !== false && path.endsWith(as.marker) && path.at(-as.marker.length - 1) === "/") {
    throw locationInvalid(uri, "is the marker of a root");
  }
  return {
    key: root.path === root.realPath ? path : root.realPath + path.slice(root.path.length),
    path,
    group: root.path,
    unmodifiedSince: as.ignoreModified ? Number.POSITIVE_INFINITY : requestedAt.getTime() + ALLOWED_MS,
    identity: identity === undefined ? undefined : fileIdentity(identity),
    note: identity === undefined ? undefined : notCompared(identity),
    ambiguous: !as.percentEncoded && /[?#]/.test(uri),
  };
}

function fileIdentity({ size, modifiedAt, inode }: Identity): FileIdentity {
  return {
    ...(size !== undefined && { size }),
    ...(modifiedAt !== undefined && { modifiedAtMs: modifiedAt.getTime() }),
    ...(inode !== undefined && { inode }),
  };
}

function notCompared({ etag, versionId }: Identity): string | undefined {
  if (etag === undefined && versionId === undefined) return undefined;
  return "identity: unchecked (a file has no etag and no version)";
}
