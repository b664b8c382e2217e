import type { Identity } from "@scrubber/core";
import { codeOf, failureOf } from "./failure.ts";
import { type AzureTarget, bareEtag } from "./location.ts";
import type { BlobService } from "./service.ts";

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
 * Asks for a blob's properties; undefined: there is none, as far as the service says.
 * @throws {ScrubberError} `SCRUBBER_STORE_*`
 */
export async function lookAt(
  service: BlobService,
  target: AzureTarget,
  now: Date,
  signal: AbortSignal,
): Promise<Look | undefined> {
  const what = `looking at a blob in the container ${target.group}`;
  const versionId = target.identity?.versionId;
  const answer = await service.send(
    what,
    {
      method: "HEAD",
      path: service.path(target.group, target.encodedName),
      query: versionId === undefined ? {} : { versionid: versionId },
      headers: {},
    },
    signal,
  );
  const { status, headers } = answer;
  if (status === 404 && codeOf(answer) !== "ContainerNotFound") return undefined;
  if (status !== 200) throw failureOf(what, answer);
  return {
    size: Number(headers.get("content-length") ?? "0"),
    etag: bareEtag(headers.get("etag") ?? ""),
    modifiedAt: new Date(headers.get("last-modified") ?? Number.NaN),
    versionId: headers.get("x-ms-version-id"),
    held: holdOf((name) => headers.get(name), now),
  };
}

function holdOf(header: (name: string) => string | undefined, now: Date): Look["held"] {
  if (header("x-ms-legal-hold") === "true") return { reason: "a legal hold" };
  const until = new Date(header("x-ms-immutability-policy-until-date") ?? Number.NaN);
  if (until > now) return { reason: "a retention policy", until };
  if (header("x-ms-lease-status") === "locked") return { reason: "a lease" };
  return undefined;
}

/** In what a blob differs from what was meant; undefined: in nothing. */
export function difference(target: AzureTarget, look: Look): string | undefined {
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
