import { isUtf8 } from "node:buffer";
import { readSync } from "node:fs";

/** A line longer than this is no record, but a file of another kind. */
const LONGEST_LINE = 1024 * 1024;
const CHUNK = 64 * 1024;
const LINE_FEED = 10;

/** A line of a file, without its line feed and carriage return. */
export interface Line {
  /** Counted from 1. */
  readonly number: number;
  /** Undefined: it is too long, or not valid UTF-8. */
  readonly text: string | undefined;
  /** Where the next line begins, in bytes. */
  readonly end: number;
}

/** Where reading begins. */
export interface LinePlace {
  readonly position: number;
  /** How many lines are before it. */
  readonly lines: number;
}

/** Reads a file line by line, from a place in it; synchronous, and with one chunk and one line in memory. A missing last line feed changes nothing. */
export function* readLines(fd: number, from: LinePlace): Generator<Line> {
  const chunk = Buffer.allocUnsafe(CHUNK);
  let { position, lines } = from;
  let begun: Buffer[] = [];
  let begunBytes = 0;
  for (let offset = position; ;) {
    const bytes = readSync(fd, chunk, 0, CHUNK, offset);
    offset += bytes;
    let start = 0;
    for (;;) {
      const at = chunk.subarray(0, bytes).indexOf(LINE_FEED, start);
      if (at < 0) break;
      begun.push(chunk.subarray(start, at));
      begunBytes += at - start;
      position += begunBytes + 1;
      yield { number: ++lines, text: textOf(begun, begunBytes, lines), end: position };
      begun = [];
      begunBytes = 0;
      start = at + 1;
    }
    begunBytes += bytes - start;
    // Of a line that is too long already, only the length is kept.
    if (begunBytes > LONGEST_LINE) begun = [];
    else if (bytes > start) begun.push(Buffer.from(chunk.subarray(start, bytes)));
    if (bytes === 0) break;
  }
  if (begunBytes > 0)
    yield { number: lines + 1, text: textOf(begun, begunBytes, lines + 1), end: position + begunBytes };
}

function textOf(parts: readonly Buffer[], bytes: number, number: number): string | undefined {
  if (bytes > LONGEST_LINE) return undefined;
  const whole = parts.length === 1 ? parts[0] : Buffer.concat(parts);
  if (whole === undefined || !isUtf8(whole)) return whole === undefined ? "" : undefined;
  const text = whole.toString("utf8");
  const from = number === 1 && text.startsWith("\uFEFF") ? 1 : 0;
  return text.slice(from, text.endsWith("\r") ? -1 : undefined);
}
