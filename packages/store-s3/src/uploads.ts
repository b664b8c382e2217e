import { AbortMultipartUploadCommand, ListMultipartUploadsCommand } from "@aws-sdk/client-s3";
import { inTurns, isRequestFailure, type Connection, type Server } from "./client.ts";
import type { S3Target } from "./location.ts";

/**
 * Aborts the unfinished multipart uploads of these objects (all of one bucket) that were begun before their deletion was requested.
 * One listing serves all of them. Returns what could not be done: why, by name.
 */
export async function abortUploads(
  server: Server,
  connection: Connection,
  targets: readonly S3Target[],
  signal: AbortSignal,
): Promise<ReadonlyMap<string, string>> {
  const failed = new Map<string, string>();
  const [first] = targets;
  if (first === undefined) return failed;
  const byName = new Map(targets.map((target) => [target.name, target]));
  const bucket = first.group;
  const prefix = commonPrefix([...byName.keys()]);
  let next: { readonly KeyMarker?: string; readonly UploadIdMarker?: string } = {};
  try {
    for (;;) {
      const command = new ListMultipartUploadsCommand({ Bucket: bucket, Prefix: prefix, EncodingType: "url", ...next });
      const page = await server.request(connection, signal, (client, options) => client.send(command, options));
      const decode = (text: string): string =>
        page.EncodingType === "url" ? decodeURIComponent(text.replaceAll("+", "%20")) : text;
      await inTurns(page.Uploads ?? [], async ({ Key, UploadId, Initiated }) => {
        const name = decode(Key ?? "");
        const target = byName.get(name);
        if (
          target === undefined ||
          UploadId === undefined ||
          (Initiated !== undefined && Initiated > target.requestedAt)
        )
          return;
        try {
          await server.request(connection, signal, (client, options) =>
            client.send(new AbortMultipartUploadCommand({ Bucket: bucket, Key: name, UploadId }), options),
          );
        } catch (error) {
          if (!isRequestFailure(error)) throw error;
          if (error.failure.code !== "NoSuchUpload") failed.set(name, error.failure.code);
        }
      });
      if (page.IsTruncated !== true || page.NextKeyMarker === undefined) return failed;
      next = {
        KeyMarker: decode(page.NextKeyMarker),
        ...(page.NextUploadIdMarker !== undefined && { UploadIdMarker: page.NextUploadIdMarker }),
      };
    }
  } catch (error) {
    if (!isRequestFailure(error)) throw error;
    for (const name of byName.keys()) failed.set(name, error.failure.code);
    return failed;
  }
}

function commonPrefix(names: readonly string[]): string {
  let [prefix = "", ...rest] = names;
  for (const name of rest) {
    let length = 0;
    while (length < prefix.length && prefix[length] === name[length]) length++;
    prefix = prefix.slice(0, length);
  }
  return prefix.isWellFormed() ? prefix : prefix.slice(0, -1);
}
