import { randomUUID } from "node:crypto";
import type { Signer, Unsigned } from "./authority.ts";

/** Most deletions in one request. Source: https://learn.microsoft.com/rest/api/storageservices/blob-batch */
export const MOST_IN_A_BATCH = 256;

/** One deletion in a batch. */
export interface Deletion {
  /** The blob's path as it stands in a request line. */
  readonly path: string;
  /** Only this version; else the blob with its snapshots. */
  readonly versionId?: string | undefined;
  readonly ifMatch?: string | undefined;
  readonly ifUnmodifiedSince?: string | undefined;
}

export interface BatchRequest {
  readonly contentType: string;
  readonly body: Buffer;
}

/**
 * Writes the body by hand: the SDK's own builder runs its whole pipeline for each blob, under a lock of the process.
 * Source: https://learn.microsoft.com/rest/api/storageservices/blob-batch#request-body
 */
export function batchRequest(deletions: readonly Deletion[], signer: Signer, date: string): BatchRequest {
  const boundary = `batch_${randomUUID()}`;
  const opening = `--${boundary}\r\nContent-Type: application/http\r\nContent-Transfer-Encoding: binary\r\nContent-ID: `;
  const fixed = `x-ms-date: ${date}\r\nContent-Length: 0\r\n`;
  const parts: string[] = [];
  let length = 0;
  for (const [index, deletion] of deletions.entries()) {
    const authorization = signer.authorization(unsigned(deletion, date));
    let part = `${opening}${index}\r\n\r\nDELETE ${deletion.path}${queryOf(deletion, signer)} HTTP/1.1\r\n${fixed}`;
    if (deletion.versionId === undefined) part += "x-ms-delete-snapshots: include\r\n";
    if (deletion.ifMatch !== undefined) part += `If-Match: ${deletion.ifMatch}\r\n`;
    if (deletion.ifUnmodifiedSince !== undefined) part += `If-Unmodified-Since: ${deletion.ifUnmodifiedSince}\r\n`;
    if (authorization !== undefined) part += `Authorization: ${authorization}\r\n`;
    part += "\r\n";
    length += part.length;
    parts.push(part);
  }
  const closing = `--${boundary}--\r\n`;
  // Everything is ASCII. Written piece by piece: one long string, put together, would live long enough to be moved about by the collector.
  const body = Buffer.allocUnsafe(length + closing.length);
  let at = 0;
  for (const part of parts) at += body.write(part, at, "latin1");
  body.write(closing, at, "latin1");
  return { contentType: `multipart/mixed; boundary=${boundary}`, body };
}

function unsigned({ path, versionId, ifMatch, ifUnmodifiedSince }: Deletion, date: string): Unsigned {
  const headers: Record<string, string> = { "x-ms-date": date };
  if (versionId === undefined) headers["x-ms-delete-snapshots"] = "include";
  if (ifMatch !== undefined) headers["if-match"] = ifMatch;
  if (ifUnmodifiedSince !== undefined) headers["if-unmodified-since"] = ifUnmodifiedSince;
  return { method: "DELETE", path, query: versionId === undefined ? {} : { versionid: versionId }, headers, length: 0 };
}

function queryOf({ versionId }: Deletion, { query }: Signer): string {
  const version = versionId === undefined ? "" : `versionid=${encodeURIComponent(versionId)}`;
  const both = version !== "" && query !== "" ? `${version}&${query}` : version + query;
  return both === "" ? "" : `?${both}`;
}
