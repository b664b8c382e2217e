import { StorageOAuthScopes } from "@azure/storage-blob";
import { createHmac } from "node:crypto";
import type { Account } from "./account.ts";

/** One deletion in a batch. */
export interface Deletion {
  /** The blob's path as it stands in a request line. */
  readonly path: string;
  /** Only this version; else the blob with its snapshots. */
  readonly versionId?: string | undefined;
  readonly ifMatch?: string | undefined;
  readonly ifUnmodifiedSince?: string | undefined;
}

/** Signs the deletions of one batch: each for itself. The request around them is signed by the SDK. */
export interface Signer {
  /** What is added to the query; empty for most. */
  readonly query: string;
  /** The `Authorization` header; undefined for none. */
  authorization(deletion: Deletion, date: string): string | undefined;
}

/** Source: https://learn.microsoft.com/rest/api/storageservices/blob-batch#authorization */
export async function signerOf({ name, key, credential, sas }: Account, abortSignal: AbortSignal): Promise<Signer> {
  if (key !== undefined && name !== undefined) {
    return {
      query: "",
      authorization(deletion, date) {
        // Not by the credential's own method, which makes a key object anew for each signature and takes three times as long.
        const signature = createHmac("sha256", key)
          .update(stringToSign(name, deletion, date), "utf8")
          .digest("base64");
        return `SharedKey ${name}:${signature}`;
      },
    };
  }
  if (!("getToken" in credential)) return { query: sas ?? "", authorization: () => undefined };
  // The credential keeps its token until shortly before it expires, so asking each time is cheap.
  const token = await credential.getToken(StorageOAuthScopes, { abortSignal });
  const header = token === null ? undefined : `Bearer ${token.token}`;
  return { query: "", authorization: () => header };
}

/** Source: https://learn.microsoft.com/rest/api/storageservices/authorize-with-shared-key */
function stringToSign(
  account: string,
  { path, versionId, ifMatch, ifUnmodifiedSince }: Deletion,
  date: string,
): string {
  // Empty are, before If-Match: encoding, language, length, MD5, type, date, If-Modified-Since; after it: If-None-Match; at the end: range.
  let text = `DELETE\n\n\n\n\n\n\n\n${ifMatch ?? ""}\n\n${ifUnmodifiedSince ?? ""}\n\nx-ms-date:${date}\n`;
  if (versionId === undefined) text += "x-ms-delete-snapshots:include\n";
  text += `/${account}${path}`;
  return versionId === undefined ? text : `${text}\nversionid:${versionId}`;
}
