import { type Identity, type Location, maskUri, ScrubberError, type Target } from "@scrubber/core";
import type { Account } from "./account.ts";

/** A blob as the store addresses it. `key` is container and percent-encoded name, `group` the container. */
export interface AzureTarget extends Target {
  /** The name as it stands in a request's path. */
  readonly encodedName: string;
  readonly name: string;
  /** The name as whoever resolves it has it: another blob's, perhaps, if `dotted`. */
  readonly resolved: string;
  /** A segment of the name is `.` or `..`, or ends in a dot, or the name has a backslash: there is somebody who comes to another blob. */
  readonly dotted: boolean;
  /** Written later than this (milliseconds since 1970), it is not the blob that was meant. */
  readonly unmodifiedSince: number;
  readonly identity: Identity | undefined;
}

export interface Recognition {
  readonly account: Pick<Account, "name" | "origin" | "basePath">;
  readonly containers: ReadonlySet<string> | undefined;
}

/** Clocks of the service and of who requested the deletion may differ by so much. */
const ALLOWED_MS = 2000;
const CONTAINER = /^(?:\$root|\$web|\$logs|(?=.{3,63}$)[a-z0-9]+(?:-[a-z0-9]+)*)$/;
const SECONDARY = /^([a-z0-9]{3,24})-secondary\.(?=blob\.)/;
const DOT_SEGMENT = /^(?:\.|%2e){1,2}$/i;
const UNRESOLVED = /\\|(?:\.|%2e)(?:\/|$)/i;

/** Recognises a location; asks nobody. */
export function recognise(location: Location, requestedAt: Date, as: Recognition): AzureTarget | undefined {
  const { uri } = location;
  const rest = /^azure:\/\//i.test(uri) ? uri.slice("azure://".length) : ownPath(uri, as.account);
  if (rest === undefined) return undefined;
  if (rest.includes("#")) throw invalid(uri, "contains #", "Write it as %23 if it belongs to the blob's name.");
  const query = rest.indexOf("?");
  const path = query < 0 ? rest : rest.slice(0, query);
  const parameters = query < 0 ? undefined : parametersOf(rest.slice(query));
  if (parameters?.has("snapshot") === true) {
    throw invalid(uri, "names a snapshot", "Snapshots are deleted together with their blob.");
  }
  const slash = path.indexOf("/");
  const container = decoded(uri, slash < 0 ? path : path.slice(0, slash));
  const rawName = slash < 0 ? "" : path.slice(slash + 1);
  if (!CONTAINER.test(container)) throw invalid(uri, "names no valid container");
  if (as.containers !== undefined && !as.containers.has(container)) {
    throw invalid(uri, "is in a container that is not configured", "Add it to `containers` if it may be touched.");
  }
  if (rawName === "") throw invalid(uri, "names a container, not a blob");
  if (/^https?:/i.test(uri) && isDotted(rawName)) {
    throw invalid(uri, "contains dot segments", "If they belong to the blob's name, write its slashes as %2F.");
  }
  const name = decoded(uri, rawName);
  // Every URL library on the way would resolve it; it cannot be asked for.
  if (name === "." || name === "..") throw invalid(uri, "names a dot, which no blob can be addressed by");
  if (name.length > 1024) throw invalid(uri, "has a name of more than 1024 characters");
  const identity = identityOf(location, parameters?.get("versionid") ?? undefined);
  const encodedName = encodeURIComponent(name);
  const blob = `${container}/${inPath(encodedName)}`;
  const versionId = identity?.versionId;
  const resolved = UNRESOLVED.test(name) ? resolve(name) : name;
  const dotted = resolved !== name;
  return {
    key: versionId === undefined ? blob : `${blob}?versionid=${encodeURIComponent(versionId)}`,
    ...(versionId !== undefined && { within: blob }),
    // Who names `a.` needs `a` where the service knows no other.
    ...(versionId === undefined &&
      dotted &&
      resolved !== "" && { within: `${container}/${inPath(encodeURIComponent(resolved))}` }),
    group: container,
    encodedName,
    name,
    resolved,
    dotted,
    unmodifiedSince: requestedAt.getTime() + ALLOWED_MS,
    identity,
  };
}

function isDotted(name: string): boolean {
  return name.includes(".") || name.includes("%")
    ? name.split("/").some((segment) => DOT_SEGMENT.test(segment))
    : false;
}

/**
 * URLs demand that dot segments are resolved; Azure's own service takes a backslash for a slash, and dots from the end of a segment.
 * Source: https://learn.microsoft.com/rest/api/storageservices/naming-and-referencing-containers--blobs--and-metadata advises against such names and does not say why.
 */
function resolve(name: string): string {
  const segments: string[] = [];
  for (const segment of name.replaceAll("\\", "/").split("/")) {
    const plain = segment.replace(/%2e/gi, ".");
    if (plain === "..") segments.pop();
    else if (plain !== ".") segments.push(UNRESOLVED.test(segment) ? plain.replace(/\.+$/, "") : segment);
  }
  return segments.join("/");
}

function inPath(encodedName: string): string {
  return encodedName.replaceAll("%2F", "/");
}

/** What follows the account in an `http(s)` URL; undefined if it is somebody else's. */
function ownPath(uri: string, account: Recognition["account"]): string | undefined {
  const match = /^(https?):\/\/([^/?#]*)([^]*)$/i.exec(uri);
  if (match === null) return undefined;
  const [, scheme = "", authority = "", rest = ""] = match;
  const host = hostOf(`${scheme}://${authority}`);
  const official = account.name === undefined ? undefined : `${account.name}.blob.core.windows.net`;
  if (host === undefined || (host !== hostOf(account.origin) && host !== official)) return undefined;
  const base = host === official ? "" : account.basePath;
  const path = rest.replace(/^\/+/, "/");
  if (!path.startsWith(`${base}/`)) return undefined;
  if (authority.includes("@")) throw invalid(uri, "has credentials before its host");
  return path.slice(base.length + 1);
}

/** By names in lower case, as the service compares them: tools write `versionId`, too. */
function parametersOf(query: string): ReadonlyMap<string, string> {
  return new Map(Array.from(new URLSearchParams(query), ([name, value]) => [name.toLowerCase(), value]));
}

/** In lower case, without the scheme's own port and the root's dot. The second region shows the same blobs, to read them. */
function hostOf(origin: string): string | undefined {
  if (!URL.canParse(origin)) return undefined;
  const { hostname, port } = new URL(origin);
  const name = hostname.replace(/\.$/, "").replace(SECONDARY, "$1.");
  return port === "" || port === "80" || port === "443" ? name : `${name}:${port}`;
}

function decoded(uri: string, text: string): string {
  let name: string;
  try {
    name = decodeURIComponent(text);
  } catch {
    throw invalid(uri, "is not percent-encoded UTF-8", "A percent sign in a blob's name is written as %25.");
  }
  if (!name.isWellFormed()) throw invalid(uri, "is not valid Unicode");
  return name;
}

/** What is recorded in `identity`, else in the URI or the metadata. */
function identityOf({ uri, identity, metadata }: Location, version: string | undefined): Identity | undefined {
  const text = (name: string): string | undefined => {
    const value = metadata?.[name];
    return typeof value === "string" && value !== "" ? value : undefined;
  };
  const versionId = identity?.versionId ?? version ?? text("versionId");
  const etag = identity?.etag ?? text("etag");
  const size = identity?.size ?? (typeof metadata?.["size"] === "number" ? metadata["size"] : undefined);
  const modifiedAt = identity?.modifiedAt;
  // It becomes a header of a request that is written by hand.
  if (etag !== undefined && !/^[\x21\x23-\x7e]+$/.test(bareEtag(etag)))
    throw invalid(uri, "comes with an etag that is none");
  if (versionId === undefined && etag === undefined && size === undefined && modifiedAt === undefined) return undefined;
  return {
    ...(versionId !== undefined && { versionId }),
    ...(etag !== undefined && { etag: bareEtag(etag) }),
    ...(size !== undefined && { size }),
    ...(modifiedAt !== undefined && { modifiedAt }),
  };
}

export function bareEtag(etag: string): string {
  return etag.replace(/^W\//, "").replace(/^"(.*)"$/, "$1");
}

function invalid(uri: string, why: string, hint?: string): ScrubberError {
  return new ScrubberError(
    "SCRUBBER_LOCATION_INVALID",
    `${maskUri(uri)} ${why}`,
    hint === undefined ? undefined : { hint },
  );
}
