import { isUtf8 } from "node:buffer";
import { imageIdProblem, parseInstant, schemeOf, type Identity, type JsonValue, type NewEntry } from "@scrubber/core";
import { messageOf } from "./failure.ts";
import { isPlainObject } from "./redactor.ts";

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

type Read = { entry: NewEntry } | { problem: string };

function readLine(bytes: Buffer | undefined, first: boolean): Read | undefined {
  if (bytes === undefined) return { problem: `it is longer than ${LONGEST_LINE} bytes` };
  if (!isUtf8(bytes)) return { problem: "it is not valid UTF-8" };
  const raw = bytes.toString("utf8");
  const text = (first ? raw.replace(/^\uFEFF/, "") : raw).replace(/\r$/, "");
  if (text.trim() === "" || text.startsWith("#")) return undefined;
  try {
    return { entry: text.startsWith("{") ? readObject(text) : readPair(text) };
  } catch (error) {
    return { problem: messageOf(error) };
  }
}

function readPair(text: string): NewEntry {
  const tab = text.indexOf("\t");
  if (tab < 0) throw new TypeError("no tab between image id and URI");
  const uri = text.slice(tab + 1);
  if (uri.includes("\t")) throw new TypeError("more than two columns; only the image id and the URI may stand there");
  return checked({ imageId: text.slice(0, tab), location: { uri } });
}

const KEYS: ReadonlySet<string> = new Set(["imageId", "uri", "dueAt", "store", "identity", "metadata"]);
const IDENTITY_KEYS: ReadonlySet<string> = new Set(["etag", "versionId", "size", "modifiedAt", "inode"]);

function readObject(text: string): NewEntry {
  const value: unknown = parseJson(text);
  if (!isPlainObject(value)) throw new TypeError("it is no JSON object");
  refuseOtherKeys(value, KEYS, "");
  const { metadata } = value;
  if (metadata !== undefined && !isPlainObject(metadata)) throw new TypeError('"metadata" must be an object');
  const store = optionalText(value, "store");
  const identity = readIdentity(value["identity"]);
  const dueAt = optionalInstant(value, "dueAt");
  return checked({
    imageId: requiredText(value, "imageId"),
    location: {
      uri: requiredText(value, "uri"),
      ...(store !== undefined && { store }),
      ...(identity !== undefined && { identity }),
      ...(metadata !== undefined && { metadata: metadata as Record<string, JsonValue> }),
    },
    ...(dueAt !== undefined && { dueAt }),
  });
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // V8's own message quotes the line, and so a secret in it.
    throw new TypeError("it is not valid JSON");
  }
}

function readIdentity(value: unknown): Identity | undefined {
  if (value === undefined) return undefined;
  if (!isPlainObject(value)) throw new TypeError('"identity" must be an object');
  refuseOtherKeys(value, IDENTITY_KEYS, "identity.");
  const { size } = value;
  if (size !== undefined && !(Number.isSafeInteger(size) && (size as number) >= 0)) {
    throw new TypeError('"identity.size" must be a number of bytes');
  }
  const etag = optionalText(value, "etag");
  const versionId = optionalText(value, "versionId");
  const inode = optionalText(value, "inode");
  const modifiedAt = optionalInstant(value, "modifiedAt");
  return {
    ...(etag !== undefined && { etag }),
    ...(versionId !== undefined && { versionId }),
    ...(size !== undefined && { size: size as number }),
    ...(modifiedAt !== undefined && { modifiedAt }),
    ...(inode !== undefined && { inode }),
  };
}

function refuseOtherKeys(value: Record<string, unknown>, allowed: ReadonlySet<string>, prefix: string): void {
  const other = Object.keys(value).find((key) => !allowed.has(key));
  if (other !== undefined) throw new TypeError(`unknown key "${prefix}${other}"`);
}

function requiredText(value: Record<string, unknown>, key: string): string {
  const text = optionalText(value, key);
  if (text === undefined) throw new TypeError(`"${key}" is missing`);
  return text;
}

function optionalText(value: Record<string, unknown>, key: string): string | undefined {
  const text = value[key];
  if (text !== undefined && typeof text !== "string") throw new TypeError(`"${key}" must be a string`);
  return text;
}

function optionalInstant(value: Record<string, unknown>, key: string): Date | undefined {
  const text = optionalText(value, key);
  return text === undefined ? undefined : parseInstant(text);
}

/** The entry, if its image id and URI can be such. @throws {TypeError} saying why not. */
function checked(entry: NewEntry): NewEntry {
  const id = imageIdProblem(entry.imageId);
  if (id !== undefined) throw new TypeError(`the image id cannot be one: ${id}`);
  const uri = uriProblem(entry.location.uri);
  if (uri !== undefined) throw new TypeError(`the URI cannot be one: ${uri}`);
  return entry;
}

/** Why a text cannot be a location's URI, as a clause; undefined if it can. */
export function uriProblem(uri: string): string | undefined {
  if (uri === "") return "it is empty";
  if (!uri.isWellFormed()) return "it is not valid Unicode";
  if (schemeOf(uri) === undefined) return "it has no scheme (a file is named file:///path)";
  return undefined;
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
