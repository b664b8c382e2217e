import { ScrubberError } from "../errors.ts";
import { maskUri, schemeOf, type Identity, type Location } from "../location.ts";
import type { Target } from "../store.ts";

/** An object as the memory store addresses it. */
export interface MemoryTarget extends Target {
  /** The key of the object as a whole, also where this is one version of it. */
  readonly whole: string;
  readonly location: Location;
  readonly requestedAt: Date;
}

/**
 * Recognises `memory://[user:secret@]GROUP/NAME[?query]`: the name percent-decoded, the group in any case, credentials and query without a meaning.
 * So one object has several spellings, as with real stores.
 */
export function memoryTarget(
  of: { readonly location: Location; readonly requestedAt: Date },
  scheme: string,
  groups: readonly string[] | undefined,
  versions: boolean,
): MemoryTarget | undefined {
  const { uri } = of.location;
  if (schemeOf(uri) !== scheme) return undefined;
  const [, group, encoded] = /^[^:]+:\/\/(?:[^/]*@)?([^/@?]+)\/([^?]+)/.exec(uri) ?? [];
  if (group === undefined || encoded === undefined) {
    throw invalid(uri, `it is not ${scheme}://GROUP/NAME`);
  }
  if (groups !== undefined && !groups.includes(group.toLowerCase())) {
    throw invalid(uri, `this store may only touch the groups ${groups.join(", ")}`);
  }
  let name: string;
  try {
    name = decodeURIComponent(encoded);
  } catch {
    throw invalid(uri, "its percent-encoding is broken");
  }
  const whole = `${group.toLowerCase()}/${name}`;
  const versionId = versions ? of.location.identity?.versionId : undefined;
  return {
    ...(versionId === undefined ? { key: whole } : { key: `${whole}?versionId=${versionId}`, within: whole }),
    whole,
    group: group.toLowerCase(),
    ...of,
  };
}

function invalid(uri: string, why: string): ScrubberError {
  return new ScrubberError("SCRUBBER_LOCATION_INVALID", `${maskUri(uri)} cannot be deleted: ${why}`, {
    hint: "Correct the location, or discard the entry.",
  });
}

/** How an object differs from what was meant; undefined if it does not. */
export function difference(
  is: Identity & { readonly modifiedAt: Date },
  was: Identity | undefined,
  requestedAt: Date,
): string | undefined {
  if (is.modifiedAt > requestedAt) return "it was written after its deletion was requested";
  if (was?.etag !== undefined && was.etag !== is.etag) return "its entity tag is another";
  if (was?.size !== undefined && was.size !== is.size) return "its size is another";
  if (was?.modifiedAt !== undefined && was.modifiedAt.getTime() !== is.modifiedAt.getTime()) {
    return "its time of modification is another";
  }
  return undefined;
}
