import { expect, test } from "vitest";
import { readList, type ListLine } from "../src/list-file.ts";

async function read(...chunks: readonly (string | Buffer)[]): Promise<readonly ListLine[]> {
  const lines: ListLine[] = [];
  async function* source(): AsyncGenerator<Buffer> {
    for (const chunk of chunks) yield Buffer.from(chunk as string);
  }
  for await (const some of readList(source())) lines.push(...some);
  return lines;
}

const entry = (imageId: string, uri: string): object => ({ imageId, location: { uri } });

test("a line is an image id, a tab and a URI, kept byte for byte", async () => {
  expect(await read("img-1\tfile:///a b%20\u00e9 \nimg-2\ts3://k:s@h/b/k")).toEqual([
    { line: 1, entry: entry("img-1", "file:///a b%20\u00e9 ") },
    { line: 2, entry: entry("img-2", "s3://k:s@h/b/k") },
  ]);
});

test("comments, blank lines, CRLF and a byte order mark are accepted, and lines keep their numbers", async () => {
  expect(await read("\uFEFF# list\r\n\r\n  \nimg-1\tfile:///a\r\n#\tx\nimg-2\tfile:///b\r\n")).toEqual([
    { line: 4, entry: entry("img-1", "file:///a") },
    { line: 6, entry: entry("img-2", "file:///b") },
  ]);
});

test("lines are whole wherever the chunks are cut, even within a character", async () => {
  const bytes = Buffer.from("img-\u00e9\tfile:///\u20ac\nimg-2\tfile:///b");
  for (let at = 0; at <= bytes.length; at++) {
    expect(await read(bytes.subarray(0, at), bytes.subarray(at))).toEqual([
      { line: 1, entry: entry("img-\u00e9", "file:///\u20ac") },
      { line: 2, entry: entry("img-2", "file:///b") },
    ]);
  }
});

test("a JSON line carries due time, store, identity and metadata", async () => {
  const line = {
    imageId: "img-1",
    uri: "s3://b/k",
    dueAt: "2026-11-24T16:00:00+01:00",
    store: "fast",
    identity: { etag: "e", versionId: "v", size: 3, modifiedAt: "2026-01-01T00:00:00Z", inode: "7" },
    metadata: { store: "x", list: [1, null] },
  };
  expect(await read(JSON.stringify(line))).toEqual([
    {
      line: 1,
      entry: {
        imageId: "img-1",
        dueAt: new Date("2026-11-24T15:00:00Z"),
        location: {
          uri: "s3://b/k",
          store: "fast",
          identity: { ...line.identity, modifiedAt: new Date("2026-01-01T00:00:00Z") },
          metadata: line.metadata,
        },
      },
    },
  ]);
});

test.each([
  ["img-1 file:///a", "it is neither IMAGE_ID, a tab and a URI, nor a JSON object"],
  ["img-1\tfile:///a\tactive", "it is neither IMAGE_ID, a tab and a URI, nor a JSON object"],
  ["\tfile:///a", "its image id cannot be one: it is empty"],
  ["img-1\t/srv/a", "its URI cannot be one: it has no scheme (a file is named file:///path)"],
  ['{"imageId":"a","uri":"s3://b/secret-canary"', "it is not valid JSON"],
  ['{"imageId":"a"}', '"uri" is missing'],
  ['{"imageId":"a","uri":"s3://b/k","due":"x"}', '"due" is unknown'],
])("the bad line %j is told by its number and a reason, and the next one is read", async (bad, problem) => {
  expect(await read(`${bad}\nimg-2\tfile:///b`)).toEqual([
    { line: 1, problem },
    { line: 2, entry: entry("img-2", "file:///b") },
  ]);
});

test("bytes that are no UTF-8 are a bad line, not a changed one", async () => {
  expect(await read(Buffer.from([0x61, 0x09, 0x66, 0x3a, 0xff, 0x0a]), "b\tfile:///b")).toEqual([
    { line: 1, problem: "it is not valid UTF-8" },
    { line: 2, entry: entry("b", "file:///b") },
  ]);
});

test("a line without an end does not fill the memory: beyond 1 MiB it is a bad line", async () => {
  const chunk = "x".repeat(600 * 1024);
  expect(await read(chunk, chunk, chunk, "\nb\tfile:///b", "\n", chunk, chunk)).toEqual([
    { line: 1, problem: "it is longer than 1048576 bytes" },
    { line: 2, entry: entry("b", "file:///b") },
    { line: 3, problem: "it is longer than 1048576 bytes" },
  ]);
});
