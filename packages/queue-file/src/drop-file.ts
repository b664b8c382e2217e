import { closeSync, constants, fstatSync, openSync } from "node:fs";
import { isScrubberError, type Cipher } from "@scrubber/core";
import { readGlanceRecords } from "./glance-records.ts";
import { readLines, type Line, type LinePlace } from "./line-reader.ts";
import { parseListLine } from "./list-line.ts";
import type { PlacedRecord } from "./record.ts";

/** A file with records, open for reading. */
export interface RecordFile extends Disposable {
  /** When it was last written, in milliseconds. */
  readonly modifiedAt: number;
  records(from: LinePlace): Iterable<PlacedRecord>;
}

/**
 * Opens a file with records. `name` says what is in it: `*.jsonl` a LIST, else `IMAGE_ID` or `IMAGE_ID.ANYTHING` the records of that image as Glance wrote them in 2014.
 * Follows no symbolic link and waits for no pipe.
 *
 * @returns Undefined if it is not there; a text if it cannot be read, as a clause.
 */
export function openRecordFile(
  path: string,
  name: string,
  cipher: Cipher | undefined,
): RecordFile | string | undefined {
  const fd = open(path);
  if (typeof fd !== "number") return fd;
  try {
    const stats = fstatSync(fd);
    const problem = stats.isFile() ? contentProblem(name, stats.size) : "it is no regular file";
    if (problem !== undefined) {
      closeSync(fd);
      return problem;
    }
    return {
      modifiedAt: Math.floor(stats.mtimeMs),
      records: (from) => recordsOf(readLines(fd, from), name, cipher),
      [Symbol.dispose]: () => closeSync(fd),
    };
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}

function open(path: string): number | string | undefined {
  try {
    return openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (error) {
    switch (errorCode(error)) {
      case "ENOENT":
        return undefined;
      case "ELOOP":
      case "ENXIO":
        return "it is no regular file";
      case "EACCES":
      case "EPERM":
        return "the queue's user has no permission to read it";
      default:
        throw error;
    }
  }
}

/** The code of an error of the file system; empty for any other. */
export function errorCode(error: unknown): string {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : "";
}

function contentProblem(name: string, size: number): string | undefined {
  if (size === 0) return "it is empty, as is a file that was not fsynced before a crash";
  if (name === "") return "its name is too long to be kept; put its locations into a *.jsonl file";
  return name.startsWith(".") ? "it is not named after an image" : undefined;
}

function recordsOf(lines: Iterable<Line>, name: string, cipher: Cipher | undefined): Iterable<PlacedRecord> {
  return name.endsWith(".jsonl") ? readListLines(lines) : readGlanceRecords(lines, imageIdOf(name), cipher);
}

/** The image that a file of the drop box is named after: its name up to the first dot. */
function imageIdOf(name: string): string {
  const dot = name.indexOf(".");
  return dot < 0 ? name : name.slice(0, dot);
}

function* readListLines(lines: Iterable<Line>): Generator<PlacedRecord> {
  for (const { text, number, end } of lines) {
    const read = text === undefined ? "it is too long, or not valid UTF-8" : parseListLine(text);
    const place = { line: number, end, lines: number };
    if (typeof read === "string") yield { ...place, problem: read };
    else if (read !== undefined) yield { ...place, entry: read };
  }
}

/** Why the queue refuses an entry, as a clause; rethrows what is not the entry's fault. */
export function refusal(error: unknown): string {
  if (isScrubberError(error, "SCRUBBER_IMAGE_ID_INVALID") || isScrubberError(error, "SCRUBBER_LOCATION_INVALID")) {
    return error.message;
  }
  throw error;
}
