import { AnonymousCredential, BlobBatch, type BatchSubRequest } from "@azure/storage-blob";
import type { Deletion, Signer } from "./signature.ts";

/** Most deletions in one request. Source: https://learn.microsoft.com/rest/api/storageservices/blob-batch */
export const MOST_IN_A_BATCH = 256;

/** The SDK only asks whether there is one. */
const SUB_REQUESTS: ReadonlyMap<number, BatchSubRequest> = new Map([
  [0, { url: "", credential: new AnonymousCredential() }],
]);

/**
 * A batch whose body is written by hand: the SDK's own runs a pipeline for each blob, under a lock of the process, and resolves the dots in a name like `./x`, which is another blob's then.
 * Source: https://learn.microsoft.com/rest/api/storageservices/blob-batch#request-body
 */
export class DeletionBatch extends BlobBatch {
  readonly #body: string;

  constructor(deletions: readonly Deletion[], signer: Signer, date: string) {
    super();
    const boundary = this.getMultiPartContentType().replace(/^.*boundary=/, "");
    this.#body = bodyOf(deletions, signer, date, boundary);
  }

  override getHttpRequestBody(): string {
    return this.#body;
  }

  override getSubRequests(): Map<number, BatchSubRequest> {
    return new Map(SUB_REQUESTS);
  }
}

function bodyOf(deletions: readonly Deletion[], signer: Signer, date: string, boundary: string): string {
  const opening = `--${boundary}\r\nContent-Type: application/http\r\nContent-Transfer-Encoding: binary\r\nContent-ID: `;
  const fixed = `x-ms-date: ${date}\r\nContent-Length: 0\r\n`;
  let body = "";
  let index = 0;
  for (const deletion of deletions) {
    const authorization = signer.authorization(deletion, date);
    body += `${opening}${index++}\r\n\r\nDELETE ${deletion.path}${queryOf(deletion, signer)} HTTP/1.1\r\n${fixed}`;
    if (deletion.versionId === undefined) body += "x-ms-delete-snapshots: include\r\n";
    if (deletion.ifMatch !== undefined) body += `If-Match: ${deletion.ifMatch}\r\n`;
    if (deletion.ifUnmodifiedSince !== undefined) body += `If-Unmodified-Since: ${deletion.ifUnmodifiedSince}\r\n`;
    if (authorization !== undefined) body += `Authorization: ${authorization}\r\n`;
    body += "\r\n";
  }
  return `${body}--${boundary}--\r\n`;
}

function queryOf({ versionId }: Deletion, { query }: Signer): string {
  const version = versionId === undefined ? "" : `versionid=${encodeURIComponent(versionId)}`;
  const both = version !== "" && query !== "" ? `${version}&${query}` : version + query;
  return both === "" ? "" : `?${both}`;
}
