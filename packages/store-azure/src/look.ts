import type { BlobGetPropertiesResponse } from "@azure/storage-blob";
import type { Identity } from "@scrubber/core";
import { failureOf } from "./failure.ts";
import { listExactly, listing } from "./listing.ts";
import { type AzureTarget, bareEtag } from "./location.ts";
import type { BlobService, Said } from "./service.ts";

/** A blob as it is. */
export interface Look {
  readonly size: number;
  readonly etag: string;
  readonly modifiedAt: Date;
  readonly versionId: string | undefined;
  /** Why it cannot be deleted now. */
  readonly held: { readonly reason: string; readonly until?: Date } | undefined;
}

/**
 * Asks for a blob's properties; undefined: there is none, as far as the service says. A name with dots is listed instead: it must not stand in a URL.
 * @throws {ScrubberError} `SCRUBBER_STORE_*`
 */
export async function lookAt(
  service: BlobService,
  target: AzureTarget,
  now: Date,
  signal: AbortSignal,
): Promise<Look | undefined> {
  const { group: container, encodedName } = target;
  const versionId = target.identity?.versionId;
  if (target.dotted) {
    const { value: look, refusal } = await lookInListing(service, target, signal);
    if (refusal !== undefined) throw failureOf(listing(container), refusal);
    return look;
  }
  const what = `looking at a blob in the container ${container}`;
  const { value, refusal } = await service.ask(what, signal, (options) => {
    const blob = service.blob(container, encodedName);
    return (versionId === undefined ? blob : blob.withVersion(versionId)).getProperties(options);
  });
  if (refusal?.status === 404 && refusal.code !== "ContainerNotFound") return undefined;
  if (refusal !== undefined) throw failureOf(what, refusal);
  return {
    size: value.contentLength ?? 0,
    etag: bareEtag(value.etag ?? ""),
    modifiedAt: value.lastModified ?? new Date(Number.NaN),
    versionId: value.versionId,
    held: holdOf(value, now),
  };
}

/** The same, as far as a listing tells. */
export async function lookInListing(
  service: BlobService,
  { group, name, identity }: AzureTarget,
  signal: AbortSignal,
): Promise<Said<Look | undefined>> {
  const versionId = identity?.versionId;
  const { value, refusal } = await listExactly(service, group, name, versionId !== undefined, signal);
  if (refusal !== undefined) return { refusal };
  const found = value.find((blob) => versionId === undefined || blob.versionId === versionId);
  return { value: found && { ...found, versionId, held: found.leased ? { reason: "a lease" } : undefined } };
}

/**
 * Whether a blob that is not there by its name may be there by another: what was written as `a.` as `a`.
 * @throws {ScrubberError} `SCRUBBER_STORE_*`
 */
export async function isKnownAsAnother(
  service: BlobService,
  { dotted, group, resolved }: AzureTarget,
  versions: boolean,
  signal: AbortSignal,
): Promise<boolean> {
  if (!dotted || resolved === "") return false;
  const { value, refusal } = await listExactly(service, group, resolved, versions, signal);
  if (refusal !== undefined) throw failureOf(listing(group), refusal);
  return value.length > 0;
}

function holdOf(
  { legalHold, immutabilityPolicyExpiresOn: until, leaseStatus }: BlobGetPropertiesResponse,
  now: Date,
): Look["held"] {
  if (legalHold === true) return { reason: "a legal hold" };
  if (until !== undefined && until > now) return { reason: "a retention policy", until };
  if (leaseStatus === "locked") return { reason: "a lease" };
  return undefined;
}

/**
 * Asks whether the container is there.
 * @throws {ScrubberError} `SCRUBBER_STORE_MISCONFIGURED`: it is not.
 */
export async function requireContainer(service: BlobService, container: string, signal: AbortSignal): Promise<void> {
  const what = `looking whether the container ${container} is there`;
  const { refusal } = await service.ask(what, signal, (options) => service.container(container).getProperties(options));
  // Who may delete but not look has the service's word `BlobNotFound`, which it says only of containers that are there.
  if (refusal !== undefined && refusal.status !== 403) throw failureOf(what, refusal);
}

/** In what a blob differs from what was meant; undefined: in nothing. */
export function difference(target: AzureTarget, look: Pick<Look, "etag" | "modifiedAt" | "size">): string | undefined {
  const { identity } = target;
  if (identity?.versionId === undefined && look.modifiedAt.getTime() > target.unmodifiedSince) {
    return "it was written after its deletion was requested";
  }
  if (identity?.etag !== undefined && identity.etag !== look.etag) return "its etag differs from what was recorded";
  if (identity?.size !== undefined && identity.size !== look.size) return "its size differs from what was recorded";
  if (identity?.modifiedAt !== undefined && !sameSecond(identity.modifiedAt, look.modifiedAt)) {
    return "its time of modification differs from what was recorded";
  }
  return undefined;
}

/** The service tells whole seconds. */
function sameSecond(a: Date, b: Date): boolean {
  return Math.floor(a.getTime() / 1000) === Math.floor(b.getTime() / 1000);
}

export function identityOf({ size, etag, modifiedAt, versionId }: Look): Identity {
  return { size, etag, modifiedAt, ...(versionId !== undefined && { versionId }) };
}
