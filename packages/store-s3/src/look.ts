import { HeadObjectCommand, type HeadObjectCommandOutput } from "@aws-sdk/client-s3";
import type { Identity } from "@scrubber/core";
import { isRequestFailure, type Connection, type Server } from "./client.ts";
import type { Failure } from "./failure.ts";
import { bareEtag, type S3Target } from "./location.ts";
import type { S3Options } from "./options.ts";

/** What a HEAD request showed of an object. */
export type Look =
  | { readonly kind: "there"; readonly head: HeadObjectCommandOutput }
  /** No such object; whether there is such a bucket is another question. */
  | { readonly kind: "missing" }
  | { readonly kind: "failed"; readonly failure: Failure };

/** Whether an object is to be looked at before its deletion. */
export function isChecked({ identity }: S3Target, options: Pick<S3Options, "identity">): boolean {
  return (
    options.identity === "check" ||
    identity?.etag !== undefined ||
    identity?.size !== undefined ||
    identity?.modifiedAt !== undefined
  );
}

/** Looks at one object, or at the version that is recorded. */
export async function lookAt(
  server: Server,
  connection: Connection,
  { group, name, identity }: S3Target,
  signal: AbortSignal,
): Promise<Look> {
  const command = new HeadObjectCommand({
    Bucket: group,
    Key: name,
    ...(identity?.versionId !== undefined && { VersionId: identity.versionId }),
  });
  try {
    return {
      kind: "there",
      head: await server.request(connection, signal, (client, options) => client.send(command, options)),
    };
  } catch (error) {
    if (!isRequestFailure(error)) throw error;
    const { failure } = error;
    return failure.status === 404 ? { kind: "missing" } : { kind: "failed", failure };
  }
}

/** What a backend reports of an object, as far as it is compared. */
export interface Reported {
  readonly etag: string | undefined;
  readonly size: number | undefined;
  readonly modifiedAt: Date | undefined;
}

export function reportedBy({ ETag, ContentLength, LastModified }: HeadObjectCommandOutput): Reported {
  return { etag: ETag, size: ContentLength, modifiedAt: LastModified };
}

/** Why this is not the object that was meant; undefined if nothing tells against it. */
export function difference(target: Pick<S3Target, "identity" | "requestedAt">, found: Reported): string | undefined {
  const recorded: Identity = target.identity ?? {};
  if (recorded.etag !== undefined && found.etag !== undefined && bareEtag(recorded.etag) !== bareEtag(found.etag)) {
    return `its etag is ${bareEtag(found.etag)}, not ${recorded.etag} as recorded`;
  }
  if (recorded.size !== undefined && found.size !== undefined && recorded.size !== found.size) {
    return `its size is ${found.size} bytes, not ${recorded.size} as recorded`;
  }
  if (
    recorded.modifiedAt !== undefined &&
    found.modifiedAt !== undefined &&
    seconds(recorded.modifiedAt) !== seconds(found.modifiedAt)
  ) {
    return `it was modified at ${found.modifiedAt.toISOString()}, not at ${recorded.modifiedAt.toISOString()} as recorded`;
  }
  // One version never changes, whenever it was written.
  if (recorded.versionId === undefined && isNewer(found.modifiedAt, target.requestedAt)) {
    return `it was written at ${found.modifiedAt?.toISOString() ?? ""}, after its deletion was requested`;
  }
  return undefined;
}

/** Whether something was written after the request, as far as the server's clock tells. */
export function isNewer(modifiedAt: Date | undefined, requestedAt: Date): boolean {
  return modifiedAt !== undefined && modifiedAt > requestedAt;
}

/** Last-Modified is a header of whole seconds. */
function seconds(at: Date): number {
  return Math.floor(at.getTime() / 1000);
}
