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
  const read = (texts: readonly Text[]): readonly ListLine[] => {
    const found: ListLine[] = [];
    for (const text of texts) {
      const line = ++number;
      const parsed = typeof text === "string" ? parseListLine(trimmed(text, line === 1)) : text.problem;
      if (typeof parsed === "string") found.push({ line, problem: parsed });
      else if (parsed !== undefined) found.push({ line, entry: parsed });
    }
    return found;
  };
  for await (const chunk of chunks) yield read(lines.push(chunk));
  yield read(lines.end());
}

/** A line, or why it has no text. */
type Text = string | { readonly problem: string };

const TOO_LONG: Text = { problem: `it is longer than ${LONGEST_LINE} bytes` };
const NOT_UTF8: Text = { problem: "it is not valid UTF-8" };

/** Without a byte order mark and a carriage return. */
function trimmed(text: string, isFirst: boolean): string {
  const from = isFirst && text.startsWith("\uFEFF") ? 1 : 0;
  return text.endsWith("\r") ? text.slice(from, -1) : text.slice(from);
}

/** Cuts chunks of bytes into lines, without their line feed. */
class LineSplitter {
  #rest: Buffer[] = [];
  #restBytes = 0;

  push(chunk: Buffer): readonly Text[] {
    const end = chunk.lastIndexOf(LINE_FEED);
    const texts = end < 0 ? [] : this.#take(chunk.subarray(0, end));
    const tail = chunk.subarray(end + 1);
    this.#restBytes += tail.length;
    // Of a line that is too long already, only the length is kept.
    if (this.#restBytes > LONGEST_LINE) this.#rest = [];
    else if (tail.length > 0) this.#rest.push(tail);
    return texts;
  }

  end(): readonly Text[] {
    return this.#restBytes > 0 ? this.#take(Buffer.alloc(0)) : [];
  }

  /** The lines of what was kept and `bytes`, the first of which may be too long. */
  #take(bytes: Buffer): readonly Text[] {
    const [rest, isTooLong] = [this.#rest, this.#restBytes > LONGEST_LINE];
    this.#rest = [];
    this.#restBytes = 0;
    if (!isTooLong) return textsOf(rest.length === 0 ? bytes : Buffer.concat([...rest, bytes]));
    const at = bytes.indexOf(LINE_FEED);
    return at < 0 ? [TOO_LONG] : [TOO_LONG, ...textsOf(bytes.subarray(at + 1))];
  }
}

/** Whole lines. All of them are read at once where nothing is wrong with any: to make something of each line first costs memory, which a long list has no end of. */
function textsOf(bytes: Buffer): readonly Text[] {
  if (bytes.length <= LONGEST_LINE && isUtf8(bytes)) return bytes.toString("utf8").split("\n");
  const texts: Text[] = [];
  for (let from = 0; from <= bytes.length;) {
    const at = bytes.indexOf(LINE_FEED, from);
    const line = bytes.subarray(from, at < 0 ? bytes.length : at);
    texts.push(line.length > LONGEST_LINE ? TOO_LONG : isUtf8(line) ? line.toString("utf8") : NOT_UTF8);
    from += line.length + 1;
  }
  return texts;
}
