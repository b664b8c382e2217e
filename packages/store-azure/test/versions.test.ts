import type { Location, Store } from "@scrubber/core";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { AzureOptionsInput } from "../src/options.ts";
import { answerPlainly, answerXml, listingOf, type ModelServer, startModelServer } from "./model-server.ts";
import { openStore, remove, targetOf } from "./opening.ts";

let server: ModelServer;
let store: Store;

beforeEach(async () => {
  server = await startModelServer();
  store = await open();
});

afterEach(async () => {
  await store[Symbol.asyncDispose]();
  await server[Symbol.asyncDispose]();
});

const open = (options: AzureOptionsInput = {}): Promise<Store> =>
  openStore({ account: "images", accountKey: "c2VjcmV0", endpoint: server.endpoint, ...options });

const blob = (name: string): Location => ({ uri: `azure://container/${name}` });

/** The pages of a listing with versions: of a blob with a strange name, and of a neighbour whose name it begins. */
function listing(modified: string): ModelServer["other"] {
  const version = (name: string, id: string, current: boolean): string =>
    `<Blob><Name>${name}</Name><VersionId>${id}</VersionId>${current ? "<IsCurrentVersion>true</IsCurrentVersion>" : ""}` +
    `<Properties><Last-Modified>${modified}</Last-Modified><Etag>0x${id}</Etag></Properties></Blob>`;
  return (asked, response) => {
    if (asked.what !== "listing") answerPlainly(asked, response);
    else if (asked.query.get("marker") === "next") answerXml(response, listingOf(version("a&amp;", "v3", true)));
    else {
      const blobs = version("a&amp;", "v1", false) + version("a&amp;b", "other", true) + version("a&amp;", "v2", false);
      answerXml(response, listingOf(blobs, "next"));
    }
  };
}

test("where versions are kept, every version of just this blob goes, from all pages", async () => {
  server.other = listing("Thu, 01 Jan 2026 00:00:00 GMT");
  expect(await remove(store, blob("a%26"))).toEqual([{ kind: "deleted" }]);
  const deletions = server.batches.flat().map(({ path, versionId }) => `${path} ${versionId ?? "current"}`);
  expect(deletions).toEqual([
    "/container/a%26 current",
    "/container/a%26 v1",
    "/container/a%26 v2",
    "/container/a%26 v3",
  ]);
  expect(server.batches[0]?.[0]?.headers.get("if-match")).toBe('"0xv3"');
});

test("one version that stays keeps the blob from being called deleted", async () => {
  server.other = listing("Thu, 01 Jan 2026 00:00:00 GMT");
  server.answer = ({ versionId }) =>
    versionId === "v2" ? { status: 409, code: "BlobImmutableDueToPolicy" } : { status: 202 };
  expect((await remove(store, blob("a%26"))).map(({ kind }) => kind)).toEqual(["held"]);
});

test("while older versions are left, nothing is called deleted, even if the service fails in between", async () => {
  server.other = listing("Thu, 01 Jan 2026 00:00:00 GMT");
  server.answer = () => {
    server.whole = (response) => response.writeHead(500).end();
    return { status: 202 };
  };
  await expect(remove(store, blob("a%26"))).rejects.toMatchObject({ code: "SCRUBBER_STORE_UNAVAILABLE" });
  expect(server.batches).toHaveLength(2);
});

test("a version written after the request keeps all versions", async () => {
  server.other = listing("Fri, 01 Jan 2100 00:00:00 GMT");
  expect((await remove(store, blob("a%26"))).map(({ kind }) => kind)).toEqual(["changed"]);
  expect(server.batches).toEqual([]);
});

/** One version of the blob `a` in a listing: the `day` of January 2026, or of 2100 for what is later than any request. */
const dated = (id: string, day: string, current = false): string =>
  `<Blob><Name>a</Name><VersionId>${id}</VersionId>${current ? "<IsCurrentVersion>true</IsCurrentVersion>" : ""}` +
  `<Properties><Last-Modified>${day}</Last-Modified><Etag>0x${id}</Etag><Content-Length>4</Content-Length></Properties></Blob>`;
const [FIRST, SECOND, LATER] = [
  "Thu, 01 Jan 2026 00:00:00 GMT",
  "Fri, 02 Jan 2026 00:00:00 GMT",
  "Fri, 01 Jan 2100 00:00:00 GMT",
];
const listed =
  (...versions: readonly string[]): ModelServer["other"] =>
  (asked, response) => {
    if (asked.what === "listing") answerXml(response, listingOf(versions.join("")));
    else answerPlainly(asked, response);
  };
const deletions = (): readonly string[] => server.batches.flat().map(({ versionId }) => versionId ?? "current");

test.each(["check", "unchecked"] as const)(
  "of the versions, those go that were there at the request; a newer one stays and makes it changed (identity: %s)",
  async (identity) => {
    server.other = listed(dated("v1", FIRST), dated("v2", SECOND), dated("v3", LATER, true));
    await using each = await open({ identity });
    expect((await remove(each, blob("a"))).map(({ kind }) => kind)).toEqual(["changed"]);
    expect(deletions()).toEqual(["v1", "v2"]);
  },
);

test.each([
  ["goes", true],
  ["was written anew", false],
])("a blob of which only versions are left, once the service is asked again to delete it, %s", async (_, gone) => {
  server.other = (asked, response) => {
    if (asked.what === "blob" && gone) response.writeHead(404, { "x-ms-error-code": "BlobNotFound" });
    listed(dated("v1", FIRST), dated("v2", SECOND, true))(asked, response);
  };
  server.answer = ({ versionId }) =>
    versionId === undefined ? { status: 412, code: "ConditionNotMet" } : { status: 202 };
  expect((await remove(store, blob("a"))).map(({ kind }) => kind)).toEqual([gone ? "deleted" : "changed"]);
  expect(deletions()).toEqual(gone ? ["current", "v1", "v2"] : ["current"]);
});

test("versions that a deleted blob left behind are deleted, not absent", async () => {
  server.other = listed(dated("v1", FIRST), dated("v2", SECOND));
  expect(await remove(store, blob("a"))).toEqual([{ kind: "deleted" }]);
  expect(deletions()).toEqual(["v1", "v2"]);
});

test("what was recorded is compared with the newest version that was there at the request", async () => {
  server.other = listed(dated("v1", FIRST), dated("v2", SECOND), dated("v3", LATER, true));
  for (const identity of [{ etag: "0xv1" }, { size: 5 }]) {
    const outcomes = await remove(store, { ...blob("a"), identity });
    expect(outcomes).toMatchObject([{ kind: "changed", reason: expect.stringContaining("recorded") as string }]);
    expect(deletions()).toEqual([]);
  }
  await remove(store, { ...blob("a"), identity: { etag: "0xv2", size: 4 } });
  expect(deletions()).toEqual(["v1", "v2"]);
});

test("versions: current leaves the older ones, and says so", async () => {
  server.other = listing("Thu, 01 Jan 2026 00:00:00 GMT");
  await using current = await open({ versions: "current" });
  expect(await remove(current, blob("a%26"))).toEqual([{ kind: "marker", asked: true }]);
  expect(server.batches.flat()).toHaveLength(1);
});

test("whether versions are kept is asked again where the service was busy: they would be left otherwise", async () => {
  server.other = (_, response) => response.writeHead(503, { "x-ms-error-code": "ServerBusy" }).end();
  await expect(remove(store, blob("a%26"))).rejects.toMatchObject({ code: "SCRUBBER_STORE_THROTTLED" });
  server.other = listing("Thu, 01 Jan 2026 00:00:00 GMT");
  expect(await remove(store, blob("a%26"))).toEqual([{ kind: "deleted" }]);
  expect(server.batches.flat()).toHaveLength(4);
});

test("credentials that may not list delete all the same", async () => {
  server.other = (_, response) => response.writeHead(403, { "x-ms-error-code": "AuthorizationFailure" }).end();
  expect(await remove(store, blob("a"))).toEqual([{ kind: "deleted" }]);
});

test("a recorded version is deleted by itself, without its snapshots", async () => {
  server.other = listing("Thu, 01 Jan 2026 00:00:00 GMT");
  const location = { ...blob("a%26"), identity: { versionId: "v1" } };
  expect(targetOf(store, location).key).not.toBe(targetOf(store, blob("a%26")).key);
  expect(await remove(store, location)).toEqual([{ kind: "deleted" }]);
  expect(
    server.batches.flat().map(({ versionId, headers }) => [versionId, headers.has("x-ms-delete-snapshots")]),
  ).toEqual([["v1", false]]);
});
