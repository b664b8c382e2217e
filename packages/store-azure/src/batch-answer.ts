import { failureOf, type Refusal } from "./failure.ts";

/** What the service said about one deletion. */
export interface Part {
  readonly status: number;
  /** The service's word (`BlobNotFound`); empty where it gave none. */
  readonly code: string;
  readonly retryAfterMs: number | undefined;
  /** It is kept by soft delete. */
  readonly retained: boolean;
}

export interface BatchAnswer {
  /** By position; undefined: no part, or one that cannot be read. */
  readonly parts: readonly (Part | undefined)[];
  /** A part that belongs to no deletion: the service's word on the batch as a whole. */
  readonly stray: Part | undefined;
}

/**
 * Reads a batch's answer. Whatever is missing, doubled or unreadable stays undefined: it must not be taken for an answer.
 * Source: https://learn.microsoft.com/rest/api/storageservices/blob-batch#response-body
 */
export function readBatchAnswer(contentType: string, body: string, count: number): BatchAnswer {
  const parts: (Part | undefined)[] = Array.from({ length: count });
  const boundary = /boundary="?([^";]+)"?/i.exec(contentType)?.[1];
  if (boundary === undefined) return { parts, stray: undefined };
  const doubled = new Set<number>();
  let stray: Part | undefined;
  const delimiter = `--${boundary}`;
  let start = body.indexOf(delimiter);
  while (start >= 0 && !body.startsWith("--", start + delimiter.length)) {
    const next = body.indexOf(delimiter, start + delimiter.length);
    const text = body.slice(start + delimiter.length, next < 0 ? undefined : next);
    start = next;
    const part = readPart(text);
    if (part === undefined) continue;
    const id = /^content-id:[ \t]*(\d+)[ \t]*\r?$/im.exec(text.slice(0, text.indexOf("HTTP/1.1")))?.[1];
    if (id === undefined) {
      stray ??= part;
      continue;
    }
    const index = Number(id);
    if (index >= count) continue;
    if (parts[index] !== undefined) doubled.add(index);
    parts[index] = part;
  }
  for (const index of doubled) parts[index] = undefined;
  return { parts, stray };
}

/** Throws where the parts say nothing about single blobs, but about the batch, the container or the credentials. */
export function requireSense({ parts, stray }: BatchAnswer, container: string): void {
  const what = `deleting in the container ${container}`;
  const given = parts.filter((part) => part !== undefined);
  if (given.length === 0 && stray !== undefined) throw failureOf(what, refusalOf(stray));
  const general = given.find(({ code }) => code === "ContainerNotFound" || code === "AuthenticationFailed");
  if (general !== undefined && given.every(({ code }) => code === general.code)) {
    throw failureOf(what, refusalOf(general));
  }
}

/** A part as the refusal of a whole request. */
export function refusalOf(part: Part | undefined): Refusal {
  const { status = 0, code = "" } = part ?? {};
  return { status, code: code === "" ? `HTTP ${status}` : code };
}

/** Almost every answer is one of these two. */
const DELETED: Part = { status: 202, code: "", retryAfterMs: undefined, retained: false };
const RETAINED: Part = { ...DELETED, retained: true };

function readPart(text: string): Part | undefined {
  const start = text.indexOf("HTTP/1.1 ");
  const end = text.indexOf("\r\n\r\n", start);
  // A head that does not end may be cut off in the middle of its meaning.
  if (start < 0 || end < 0) return undefined;
  const status = Number(text.slice(start + 9, start + 12));
  if (!(status >= 100 && status < 600)) return undefined;
  const head = text.slice(start, end);
  if (status === 202) return /^x-ms-delete-type-permanent: *false/im.test(head) ? RETAINED : DELETED;
  const seconds = /^retry-after: *(\d+)/im.exec(head)?.[1];
  return {
    status,
    code: /^x-ms-error-code: *([^\r\n]*)/im.exec(head)?.[1]?.trim() ?? /<Code>([^<]*)<\/Code>/.exec(text)?.[1] ?? "",
    retryAfterMs: seconds === undefined ? undefined : Number(seconds) * 1000,
    retained: false,
  };
}
