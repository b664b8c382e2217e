import { type Finding, isScrubberError } from "@scrubber/core";
import { randomUUID } from "node:crypto";
import { refusalOf } from "./batch-answer.ts";
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
  const { origin } = service.account;
  const { value, refusal } = await service.ask(what, signal, (options) => service.service.getProperties(options));
  if (refusal?.status === 403 && refusal.code !== "AuthenticationFailed") {
    return {
      level: "warning",
      message: `whether ${origin} retains deleted blobs (soft delete) may not be asked with these credentials`,
      hint: "With soft delete, deleted blobs take space for its retention time. The receipts say so where it is on.",
    };
  }
  if (refusal !== undefined) throw failureOf(what, refusal);
  const policy = value.deleteRetentionPolicy;
  if (policy?.enabled !== true) {
    return { level: "ok", message: `${origin} answers, and does not retain deleted blobs (soft delete is off)` };
  }
  return {
    level: "warning",
    message: `${origin} retains deleted blobs for ${policy.days ?? "some"} days (soft delete): until then they take space`,
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
  const { refusal } = await service.ask(what, signal, (options) => service.container(container).getProperties(options));
  if (refusal !== undefined) throw failureOf(what, refusal);
  if (!write) return { level: "ok", message: `the container ${container} is there` };
  await writeAndDelete(service, container, signal);
  return { level: "ok", message: `blobs can be deleted in the container ${container}: proved with a blob of its own` };
}

async function writeAndDelete(service: BlobService, container: string, signal: AbortSignal): Promise<void> {
  const name = `scrubber-probe-${randomUUID()}`;
  const what = `writing a blob into the container ${container}`;
  const { refusal } = await service.ask(what, signal, (options) =>
    service.blob(container, name).upload("", 0, options),
  );
  if (refusal !== undefined) throw failureOf(what, refusal);
  const { parts, stray } = await service.deleteBatch(container, [{ path: service.path(container, name) }], signal);
  const part = parts[0] ?? stray;
  if (part?.status === 202) return;
  throw failureOf(`deleting a blob in the container ${container}`, refusalOf(part));
}
