import type { Location, Store } from "@scrubber/core";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { AzureOptionsInput } from "../src/options.ts";
import { answerPlainly, answerXml, listingOf, type ModelServer, startModelServer } from "./model-server.ts";
import { calmly, openStore, remove, targetOf } from "./opening.ts";

/** Names and etags of what is in the container. */
let blobs: Map<string, string>;
let server: ModelServer;
let store: Store;

/** A service, or something before it, that makes other names of some: `./x` is `x` to it, and so is `x.`; `a\\b` is `a/b`. */
const resolved = (path: string): string =>
  decodeURIComponent(new URL(decodeURIComponent(path), "http://host").pathname).replaceAll(/\.+(?=\/|$)/g, "");

beforeEach(async () => {
  blobs = new Map();
  server = await startModelServer();
  server.other = (asked, response) => {
    if (asked.what !== "listing") {
      answerPlainly(asked, response);
      return;
    }
    const prefix = asked.query.get("prefix") ?? "";
    const listed = [...blobs].filter(([name]) => name.startsWith(prefix));
    const modified = "<Last-Modified>Thu, 01 Jan 2026 00:00:00 GMT</Last-Modified><Content-Length>4</Content-Length>";
    const text = listed.map(
      ([name, etag]) => `<Blob><Name>${name}</Name><Properties>${modified}<Etag>${etag}</Etag></Properties></Blob>`,
    );
    answerXml(response, listingOf(text.join("")));
  };
  server.answer = ({ path, headers }) => {
    const name = resolved(path).replace("/container/", "");
    const etag = blobs.get(name);
    if (etag === undefined) return { status: 404, code: "BlobNotFound" };
    const match = headers.get("if-match");
    if (match !== undefined && match !== `"${etag}"`) return { status: 412, code: "ConditionNotMet" };
    blobs.delete(name);
    return { status: 202 };
  };
  store = await open();
});

afterEach(async () => {
  await store[Symbol.asyncDispose]();
  await server[Symbol.asyncDispose]();
});

const open = (options: AzureOptionsInput = {}): Promise<Store> =>
  openStore({ account: "images", accountKey: "c2VjcmV0", endpoint: server.endpoint, ...options });

const blob = (name: string): Location => ({ uri: `azure://container/${encodeURIComponent(name)}` });

test.each(["check", "unchecked"] as const)(
  "a name with dots never reaches another blob, even where the service resolves them (identity: %s)",
  async (identity) => {
    blobs = new Map([
      ["./x", "0x1"],
      ["x", "0x2"],
      ["a/../y", "0x3"],
      ["fine", "0x4"],
    ]);
    await using careful = await open({ identity });
    const outcomes = await remove(careful, blob("./x"), blob("a/../y"), blob("fine"), blob("./gone"));
    expect(outcomes.map(({ kind }) => kind)).toEqual(["invalid", "invalid", "deleted", "absent"]);
    expect([...blobs.keys()]).toEqual(["./x", "x", "a/../y"]);
  },
);

test("a name that the service makes another of is not called gone while that one is there, and does not reach it", async () => {
  blobs = new Map([
    ["disk", "0x1"],
    ["a/b", "0x2"],
    ["a/c.d", "0x3"],
  ]);
  const locations = ["disk.", "disk..", "a\\b", "a./b", "a/c.d.", "a\\gone", "a/gone."].map(blob);
  const targets = locations.map((location) => targetOf(store, location));
  const presences = await store.inspect(targets, calmly);
  expect(presences.map(({ kind }) => kind)).toEqual([...Array(5).fill("unknown"), "absent", "absent"]);
  const outcomes = await remove(store, ...locations);
  expect(outcomes.map(({ kind }) => kind)).toEqual([...Array(5).fill("invalid"), "absent", "absent"]);
  expect([...blobs.keys()]).toEqual(["disk", "a/b", "a/c.d"]);
});

test("a live image that names it so keeps the blob that the service makes of it", () => {
  const { key } = targetOf(store, blob("a/b"));
  for (const name of ["a\\b", "a/b.", "a./b..", "a/x/../b", "./a/b"]) {
    expect(targetOf(store, blob(name)).within).toBe(key);
    expect(targetOf(store, blob(name)).key).not.toBe(key);
  }
  for (const name of ["a/.b", "a.b", "a..b", "a//b", "a/b/"])
    expect(targetOf(store, blob(name)).within).toBeUndefined();
});

test("a name with dots is looked at in the container's listing, never in a URL", async () => {
  blobs = new Map([
    ["./x", "0x1"],
    ["x", "0x2"],
  ]);
  const asked: string[] = [];
  const answer = server.other;
  server.other = (request, response) => {
    asked.push(`${request.what} ${request.path}`);
    answer(request, response);
  };
  const [presence] = await store.inspect([targetOf(store, blob("./x"))], calmly);
  expect(presence).toMatchObject({ kind: "present", bytes: 4, identity: { etag: "0x1" } });
  expect(asked).toEqual(["listing /container"]);
});

test("credentials that may not list are denied names with dots, and nothing else", async () => {
  blobs = new Map([["fine", "0x1"]]);
  server.other = (_, response) => response.writeHead(403, { "x-ms-error-code": "AuthorizationFailure" }).end();
  const outcomes = await remove(store, blob("./x"), blob("fine"));
  expect(outcomes.map(({ kind }) => kind)).toEqual(["denied", "deleted"]);
});

test("a name with dots that is written anew meanwhile is a new blob, not the one that was deleted", async () => {
  server.answer = () => {
    blobs.set("./x", "0x2");
    return { status: 202 };
  };
  blobs = new Map([["./x", "0x1"]]);
  expect(await remove(store, blob("./x"))).toEqual([{ kind: "deleted" }]);
});

test("where versions are kept, no version of another blob is reached either", async () => {
  blobs = new Map([["x", "0x9"]]);
  const answer = server.other;
  server.other = (asked, response) => {
    const version = (id: string, more: string): string =>
      `<Blob><Name>./x</Name><VersionId>${id}</VersionId>${more}<Properties><Last-Modified>Thu, 01 Jan 2026 00:00:00 GMT</Last-Modified><Etag>0x${id}</Etag></Properties></Blob>`;
    if (asked.what !== "listing") answer(asked, response);
    else answerXml(response, listingOf(version("1", "") + version("2", "<IsCurrentVersion>true</IsCurrentVersion>")));
  };
  expect((await remove(store, blob("./x"))).map(({ kind }) => kind)).toEqual(["invalid"]);
  expect([...blobs.keys()]).toEqual(["x"]);
  // A service that says so of the current version, and resolves the dots of the older ones.
  server.answer = ({ headers, versionId }) => {
    if (versionId !== undefined && headers.get("if-match") === undefined) blobs.delete("x");
    return { status: versionId === undefined ? 202 : 412, code: "ConditionNotMet" };
  };
  expect((await remove(store, blob("./x"))).map(({ kind }) => kind)).toEqual(["invalid"]);
  expect([...blobs.keys()]).toEqual(["x"]);
});
