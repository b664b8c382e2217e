import { isUtf8 } from "node:buffer";
import type { NewEntry } from "@scrubber/core";
import { parseListLine } from "@scrubber/queue-file";

/** A line longer than this is no entry, but a file of another kind. */
const LONGEST_LINE = 1024 * 1024;

const LINE_FEED = 10;

/** What a line of a LIST says: an entry, or why it is none. Comments and blank lines do not appear. */
export type ListLine =
  | { readonly line: number; readonly entry: NewEntry; readonly problem?: undefined }
  | { readonly line: number; readonly problem: string; readonly entry?: undefined };

/**
 * Reads a LIST: on each line `IMAGE_ID<TAB>URI`, or a JSON object. Lines that begin with `#` and blank ones are left out; CRLF and a byte order
 * mark are accepted. Yields what each chunk completes; holds one chunk and one line in memory.
 */
export async function* readList(chunks: AsyncIterable<Buffer>): AsyncGenerator<readonly ListLine[]> {
  const lines = new LineSplitter();
  let number = 0;
  const read = (bytes: Buffer | undefined): readonly ListLine[] => {
    number++;
    const found = readLine(bytes, number === 1);
    return found === undefined ? [] : [{ line: number, ...found }];
  };
  for await (const chunk of chunks) yield lines.push(chunk).flatMap(read);
  yield lines.end().flatMap(read);
}

type Read = { readonly entry: NewEntry } | { readonly problem: string };

function readLine(bytes: Buffer | undefined, first: boolean): Read | undefined {
  if (bytes === undefined) return { problem: `it is longer than ${LONGEST_LINE} bytes` };
  if (!isUtf8(bytes)) return { problem: "it is not valid UTF-8" };
  const raw = bytes.toString("utf8");
  const read = parseListLine((first ? raw.replace(/^\uFEFF/, "") : raw).replace(/\r$/, ""));
  return typeof read === "string" ? { problem: read } : read && { entry: read };
}

/** Cuts chunks of bytes into lines, without their line feed; undefined stands for a line that is too long. */
class LineSplitter {
  #rest: Buffer[] = [];
  #restBytes = 0;

  push(chunk: Buffer): (Buffer | undefined)[] {
    const lines: (Buffer | undefined)[] = [];
    let from = 0;
    for (let at = chunk.indexOf(LINE_FEED); at >= 0; at = chunk.indexOf(LINE_FEED, from)) {
      lines.push(this.#take(chunk.subarray(from, at)));
      from = at + 1;
    }
    const tail = chunk.subarray(from);
    this.#restBytes += tail.length;
    // Of a line that is too long already, only the length is kept.
    if (this.#restBytes > LONGEST_LINE) this.#rest = [];
    else if (tail.length > 0) this.#rest.push(tail);
    return lines;
  }

  end(): (Buffer | undefined)[] {
    return this.#restBytes > 0 ? [this.#take(Buffer.alloc(0))] : [];
  }

  #take(end: Buffer): Buffer | undefined {
    const tooLong = this.#restBytes + end.length > LONGEST_LINE;
    const line = tooLong ? undefined : this.#rest.length === 0 ? end : Buffer.concat([...this.#rest, end]);
    this.#rest = [];
    this.#restBytes = 0;
    return line;
  }
}
