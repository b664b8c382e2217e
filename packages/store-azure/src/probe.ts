import { type Finding, isScrubberError } from "@scrubber/core";
import { randomUUID } from "node:crypto";
import { failureOf } from "./failure.ts";
import type { BlobService } from "./service.ts";

/** Looks whether deletion would work, in each configured container; with `write`, proves it with a blob of its own. */
export async function probeService(
  service: BlobService,
  containers: readonly string[],
  write: boolean,
  signal: AbortSignal,
): Promise<readonly Finding[]> {
  const findings: Finding[] = [];
  for (const look of [
    () => softDelete(service, signal),
    ...containers.map((container) => () => containerIsThere(service, container, write, signal)),
  ]) {
    try {
      findings.push(await look());
    } catch (error) {
      if (!isScrubberError(error)) throw error;
      findings.push({ level: "problem", message: error.message, hint: error.hint ?? "See the message." });
    }
  }
  return findings;
}

async function softDelete(service: BlobService, signal: AbortSignal): Promise<Finding> {
  const what = "asking for the account's properties";
  const { basePath, origin } = service.account;
  const request = {
    method: "GET",
    path: `${basePath}/`,
    query: { restype: "service", comp: "properties" },
    headers: {},
  } as const;
  const answer = await service.send(what, request, signal);
  if (answer.status === 403 && !answer.body.includes("AuthenticationFailed")) {
    return {
      level: "warning",
      message: `whether ${origin} retains deleted blobs (soft delete) may not be asked with these credentials`,
      hint: "With soft delete, deleted blobs take space for its retention time. The receipts say so where it is on.",
    };
  }
  if (answer.status !== 200) throw failureOf(what, answer);
  const policy = /<DeleteRetentionPolicy>([^]*?)<\/DeleteRetentionPolicy>/.exec(answer.body)?.[1] ?? "";
  if (!/<Enabled>true<\/Enabled>/.test(policy)) {
    return { level: "ok", message: `${origin} answers, and does not retain deleted blobs (soft delete is off)` };
  }
  const days = /<Days>(\d+)<\/Days>/.exec(policy)?.[1] ?? "some";
  return {
    level: "warning",
    message: `${origin} retains deleted blobs for ${days} days (soft delete): until then they take space`,
    hint: "Turn soft delete off, or shorten it, if the space is to be freed at once.",
  };
}

async function containerIsThere(
  service: BlobService,
  container: string,
  write: boolean,
  signal: AbortSignal,
): Promise<Finding> {
  const what = `looking at the container ${container}`;
  const request = {
    method: "HEAD",
    path: service.path(container),
    query: { restype: "container" },
    headers: {},
  } as const;
  const answer = await service.send(what, request, signal);
  if (answer.status !== 200) throw failureOf(what, answer);
  if (!write) return { level: "ok", message: `the container ${container} is there` };
  await writeAndDelete(service, container, signal);
  return { level: "ok", message: `blobs can be deleted in the container ${container}: proved with a blob of its own` };
}

async function writeAndDelete(service: BlobService, container: string, signal: AbortSignal): Promise<void> {
  const path = service.path(container, `scrubber-probe-${randomUUID()}`);
  const what = `writing a blob into the container ${container}`;
  const headers = { "x-ms-blob-type": "BlockBlob" };
  const written = await service.send(what, { method: "PUT", path, query: {}, headers }, signal, Buffer.alloc(0));
  if (written.status !== 201) throw failureOf(what, written);
  const { parts, stray } = await service.deleteBatch(container, [{ path }], signal);
  const part = parts[0] ?? stray;
  if (part?.status === 202) return;
  throw failureOf(`deleting a blob in the container ${container}`, {
    status: part?.status ?? 0,
    headers: { get: () => part?.code },
    body: "",
  });
}
