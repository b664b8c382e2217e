import { open, readdir } from "node:fs/promises";
import { messageOf, ScrubberError } from "@scrubber/core";
import { isReceiptFile } from "./receipt-chain.ts";

/** The names of the files of receipts in a directory, in the order in which they were opened. */
export async function receiptFiles(directory: string): Promise<readonly string[]> {
  try {
    return (await readdir(directory)).filter(isReceiptFile).toSorted();
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return [];
    throw unreadable(directory, error);
  }
}

function unreadable(path: string, cause: unknown): ScrubberError {
  return new ScrubberError(
    "SCRUBBER_RECEIPTS_UNAVAILABLE",
    `receipts cannot be read from ${path}: ${messageOf(cause)}`,
    {
      hint: "Look whether receipts.directory names the right place, and whether this user may read it.",
      cause,
    },
  );
}

const NEWLINE = 10;
const CHUNK_BYTES = 256 * 1024;
/** No receipt is longer. What is comes in pieces, which are no receipts. */
export const LINE_BYTES: number = 1024 * 1024;

/** The lines of a file, with their newlines; the last may have none. A line is valid until the next is taken. */
export async function* linesOf(path: string): AsyncGenerator<Buffer> {
  try {
    await using handle = await open(path, "r");
    let rest: Buffer = Buffer.alloc(0);
    for (;;) {
      const { buffer, bytesRead } = await handle.read(Buffer.allocUnsafe(CHUNK_BYTES), 0, CHUNK_BYTES, null);
      if (bytesRead === 0) break;
      const chunk =
        rest.length === 0 ? buffer.subarray(0, bytesRead) : Buffer.concat([rest, buffer.subarray(0, bytesRead)]);
      let start = 0;
      for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, start)) {
        yield chunk.subarray(start, end + 1);
        start = end + 1;
      }
      rest = chunk.subarray(start);
      if (rest.length > LINE_BYTES) {
        yield rest;
        rest = Buffer.alloc(0);
      }
    }
    if (rest.length > 0) yield rest;
  } catch (error) {
    throw unreadable(path, error);
  }
}
