import { ListObjectVersionsCommand } from "@aws-sdk/client-s3";
import type { Outcome } from "@scrubber/core";
import { RequestFailure, type Connection, type Server } from "./client.ts";
import type { ObjectRef } from "./delete-request.ts";
import { AnswerError, failureOf } from "./failure.ts";
import type { S3Target } from "./location.ts";
import { difference, isNewer } from "./look.ts";

/** Versions asked for at once: many, where an object has many; few, since what follows are other objects whose names only begin the same. */
const FIRST_PAGE = 100;
const NEXT_PAGES = 1000;

/** One version of an object, or a delete marker among its versions. */
interface Version {
  readonly id: string;
  readonly etag: string | undefined;
  readonly size: number | undefined;
  readonly modifiedAt: Date | undefined;
  readonly marker: boolean;
}

/** What is to be done about one object in a bucket that keeps versions. */
export interface VersionPlan {
  /** Data that goes. */
  readonly versions: readonly (ObjectRef & { readonly size: number })[];
  /** Markers that go once the data is gone: without them, a version that stays would be the current one again. */
  readonly markers: readonly ObjectRef[];
  /** The marker that this deletion left itself: goes in any case. */
  readonly ownMarker: ObjectRef | undefined;
  /** How it ends if all of that goes. */
  readonly outcome: Outcome;
}

/**
 * Says which versions of exactly this object go: all that were there when its deletion was requested. `ownMarker` is the marker that this very deletion left, if it did.
 * What was written later stays, and so does the marker below it.
 */
export async function planVersions(
  server: Server,
  connection: Connection,
  target: S3Target,
  ownMarker: string | undefined,
  signal: AbortSignal,
): Promise<VersionPlan> {
  const all = await listVersions(server, connection, target.group, target.name, signal);
  const newer = all.some(({ marker, modifiedAt }) => !marker && isNewer(modifiedAt, target.requestedAt));
  const data = all.filter(({ marker, modifiedAt }) => !marker && !isNewer(modifiedAt, target.requestedAt));
  const ref = ({ id }: Version): ObjectRef => ({ name: target.name, versionId: id });
  // The newest that may go is the object that was meant.
  const meant = data.reduce<Version | undefined>(
    (newest, version) => (newest === undefined || timeOf(newest) < timeOf(version) ? version : newest),
    undefined,
  );
  const other = meant === undefined ? undefined : difference(target, meant);
  const own: ObjectRef | undefined = ownMarker === undefined ? undefined : { name: target.name, versionId: ownMarker };
  if (other !== undefined)
    return { versions: [], markers: [], ownMarker: own, outcome: { kind: "changed", reason: other } };
  // A marker holds no data. Left by somebody else after the request, it goes as well, unless a newer version is there, of whose history it is a part.
  const markers = all
    .filter(
      ({ id, marker, modifiedAt }) => marker && id !== ownMarker && !(newer && isNewer(modifiedAt, target.requestedAt)),
    )
    .map(ref);
  const versions = data.map((version) => ({ ...ref(version), size: version.size ?? 0 }));
  return {
    versions,
    markers,
    ownMarker: own,
    outcome: newer
      ? NEWER
      : data.length === 0
        ? { kind: "absent" }
        : { kind: "deleted", bytes: versions.reduce((sum, { size }) => sum + size, 0) },
  };
}

const NEWER: Outcome = {
  kind: "changed",
  reason: "a version was written after the deletion was requested; that one stays",
};

async function listVersions(
  server: Server,
  connection: Connection,
  bucket: string,
  name: string,
  signal: AbortSignal,
): Promise<readonly Version[]> {
  const found: Version[] = [];
  let next: { readonly KeyMarker?: string; readonly VersionIdMarker?: string } = {};
  for (let pageSize = FIRST_PAGE; ; pageSize = NEXT_PAGES) {
    const command = new ListObjectVersionsCommand({
      Bucket: bucket,
      Prefix: name,
      EncodingType: "url",
      MaxKeys: pageSize,
      ...next,
    });
    const page = await server.request(connection, signal, (client, options) => client.send(command, options));
    const encoded = page.EncodingType === "url";
    const decode = (text: string | undefined): string | undefined =>
      encoded && text !== undefined ? decodeURIComponent(text.replaceAll("+", "%20")) : text;
    for (const { Key, VersionId, ETag, Size, LastModified } of page.Versions ?? []) {
      if (decode(Key) === name)
        found.push({ id: VersionId ?? "null", etag: ETag, size: Size, modifiedAt: LastModified, marker: false });
    }
    for (const { Key, VersionId, LastModified } of page.DeleteMarkers ?? []) {
      if (decode(Key) === name)
        found.push({
          id: VersionId ?? "null",
          etag: undefined,
          size: undefined,
          modifiedAt: LastModified,
          marker: true,
        });
    }
    const keyMarker = decode(page.NextKeyMarker);
    if (page.IsTruncated === true && keyMarker === undefined) {
      throw new RequestFailure(
        failureOf(
          new AnswerError(
            "UnreadableAnswer",
            "the listing of versions breaks off without saying where it goes on",
            200,
          ),
        ),
      );
    }
    // Names come in order, and this one is the first of all that begin with it.
    if (page.IsTruncated !== true || keyMarker !== name) return found;
    next = {
      KeyMarker: keyMarker,
      ...(page.NextVersionIdMarker !== undefined && { VersionIdMarker: page.NextVersionIdMarker }),
    };
  }
}

function timeOf({ modifiedAt }: Version): number {
  return modifiedAt?.getTime() ?? 0;
}
