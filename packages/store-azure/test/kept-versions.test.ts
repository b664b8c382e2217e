import type { Location, Outcome, Store } from "@scrubber/core";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { answerPlainly, answerXml, listingOf, type ModelServer, startModelServer } from "./model-server.ts";
import { openStore, remove } from "./opening.ts";

/** A version in the model; without an id: a blob that was written before versioning was switched on. */
interface Version {
  readonly id: string | undefined;
  readonly current: boolean;
}

const blob = (name: string): Location => ({ uri: `azure://container/${name}` });

let server: ModelServer;
/** As an account that keeps versions has them: deleting the blob itself makes its last version an older one. */
let blobs: Map<string, readonly Version[]>;
let stores: Store[];
let listings: string[];

beforeEach(async () => {
  server = await startModelServer();
  blobs = new Map([["a-first", [{ id: undefined, current: true }]]]);
  stores = [];
  listings = [];
  let made = 0;
  server.other = (asked, response) => {
    if (asked.what !== "listing") return answerPlainly(asked, response);
    const prefix = asked.query.get("prefix") ?? "";
    listings.push(prefix);
    const shown = [...blobs].filter(([name]) => name.startsWith(prefix)).toSorted(([a], [b]) => (a < b ? -1 : 1));
    const most = Number(asked.query.get("maxresults") ?? 5000);
    answerXml(
      response,
      listingOf(
        shown
          .flatMap(([name, versions]) => versions.map((each) => xml(name, each)))
          .slice(0, most)
          .join(""),
      ),
    );
  };
  server.answer = ({ path, versionId }) => {
    const name = path.slice(path.lastIndexOf("/") + 1);
    const versions = blobs.get(name) ?? [];
    const goes = versions.find(({ id, current }) => (versionId === undefined ? current : id === versionId));
    if (goes === undefined) return { status: 404, code: "BlobNotFound" };
    const left = versions.filter((each) => each !== goes);
    blobs.set(name, versionId === undefined ? [...left, { id: goes.id ?? `made-${++made}`, current: false }] : left);
    return { status: 202 };
  };
});

afterEach(async () => {
  for (const store of stores) await store[Symbol.asyncDispose]();
  await server[Symbol.asyncDispose]();
});

function xml(name: string, { id, current }: Version): string {
  return (
    `<Blob><Name>${name}</Name>${id === undefined ? "" : `<VersionId>${id}</VersionId>${current ? "<IsCurrentVersion>true</IsCurrentVersion>" : ""}`}` +
    `<Properties><Last-Modified>Thu, 01 Jan 2026 00:00:00 GMT</Last-Modified><Etag>0x1</Etag></Properties></Blob>`
  );
}

async function deletion(versions: "all" | "current", ...names: readonly string[]): Promise<readonly Outcome[]> {
  const store =
    stores[0] ?? (await openStore({ account: "images", accountKey: "c2VjcmV0", endpoint: server.endpoint, versions }));
  stores[0] = store;
  return remove(store, ...names.map(blob));
}

describe("a container whose first blob is older than its account's versioning", () => {
  test("nothing is called deleted while a version of it is left", async () => {
    blobs.set("b", [
      { id: "1", current: false },
      { id: "2", current: true },
    ]);
    blobs.set("c", [{ id: "1", current: true }]);
    expect(await deletion("all", "b", "c")).toEqual([{ kind: "deleted" }, { kind: "deleted" }]);
    expect([blobs.get("b"), blobs.get("c")]).toEqual([[], []]);
  });

  test("nor absent while an older version is left", async () => {
    blobs.set("b", [{ id: "1", current: false }]);
    expect(await deletion("all", "b")).toEqual([{ kind: "deleted" }]);
    expect(blobs.get("b")).toEqual([]);
  });

  test("nor what has no version itself, and becomes one by its deletion", async () => {
    expect(await deletion("all", "a-first")).toEqual([{ kind: "deleted" }]);
    expect(blobs.get("a-first")).toEqual([]);
    // Now that it is known to keep versions.
    blobs.set("a-second", [{ id: undefined, current: true }]);
    expect(await deletion("all", "a-second")).toEqual([{ kind: "deleted" }]);
    expect(blobs.get("a-second")).toEqual([]);
  });

  test("with versions: current, what is left is a marker", async () => {
    blobs.set("b", [{ id: "1", current: true }]);
    expect(await deletion("current", "b")).toEqual([{ kind: "marker", asked: true }]);
    expect(blobs.get("b")).toEqual([{ id: "1", current: false }]);
  });

  test("nothing is called deleted where the service fails before that is known", async () => {
    blobs.set("b", [{ id: "1", current: true }]);
    const list = server.other;
    server.other = (asked, response) => {
      if (asked.query.get("prefix") === null) list(asked, response);
      else response.writeHead(503, { "x-ms-error-code": "ServerBusy" }).end();
    };
    await expect(deletion("all", "b")).rejects.toMatchObject({ code: "SCRUBBER_STORE_THROTTLED" });
    server.other = list;
    expect(await deletion("all", "b")).toEqual([{ kind: "deleted" }]);
    expect(blobs.get("b")).toEqual([]);
  });
});

test("where no versions are kept, one blob proves it for all of the next minutes", async () => {
  server.answer = ({ path }) => {
    blobs.delete(path.slice(path.lastIndexOf("/") + 1));
    return { status: 202 };
  };
  for (const name of ["b", "c", "d"]) blobs.set(name, [{ id: undefined, current: true }]);
  expect(await deletion("all", "b", "c")).toEqual([{ kind: "deleted" }, { kind: "deleted" }]);
  expect(await deletion("all", "d")).toEqual([{ kind: "deleted" }]);
  expect(listings).toEqual(["", "b"]);
});
