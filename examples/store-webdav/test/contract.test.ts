import { createHash } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { testPlugin, testStore, type StoreUnderTest } from "@scrubber/core/conformance";
import { describe, test } from "vitest";
import plugin from "../src/index.ts";
import { WebdavStore } from "../src/store.ts";

/** A server that does what WebDAV says of PUT, HEAD and DELETE, in memory; or one that passes over conditions, as some do. */
async function open(heedsConditions: boolean): Promise<StoreUnderTest> {
  const resources = new Map<string, Uint8Array>();
  const changedAt = new Map<string, Date>();
  let broken = false;
  const etagOf = (content: Uint8Array): string => `"${createHash("sha1").update(content).digest("hex")}"`;
  const server = createServer((request, response) => {
    const path = request.url ?? "";
    const content = resources.get(path);
    const end = (status: number, headers = {}): void => void response.writeHead(status, headers).end();
    if (broken) return end(503);
    if (request.method === "PUT") {
      resources.set(path, new Uint8Array());
      return end(201);
    }
    if (path === "/images/") return end(200);
    if (content === undefined) return end(404);
    const condition = request.headers["if-match"];
    if (heedsConditions && condition !== undefined && condition !== etagOf(content)) return end(412);
    const since = request.headers["if-unmodified-since"];
    // HTTP tells time to the second.
    const modifiedAt = new Date(Math.floor((changedAt.get(path)?.getTime() ?? 0) / 1000) * 1000);
    if (heedsConditions && since !== undefined && modifiedAt > new Date(since)) return end(412);
    if (request.method === "DELETE") resources.delete(path);
    return end(200, {
      "last-modified": modifiedAt.toUTCString(),
      etag: etagOf(content),
      "content-length": request.method === "HEAD" ? content.length : 0,
    });
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const base = `http://127.0.0.1:${port}/images/`;
  const pathOf = ({ uri }: { uri: string }): string => new URL(uri).pathname;
  return {
    store: new WebdavStore(base),
    locate: (name) => ({ uri: `${base}${encodeURIComponent(name)}` }),
    async create(name, content) {
      resources.set(`/images/${encodeURIComponent(name)}`, content);
      changedAt.set(`/images/${encodeURIComponent(name)}`, new Date());
      return { uri: `${base}${encodeURIComponent(name)}` };
    },
    async replace(location) {
      resources.set(pathOf(location), new TextEncoder().encode("other content"));
      changedAt.set(pathOf(location), new Date(Date.now() + 10_000));
    },
    exists: async (location) => resources.has(pathOf(location)),
    identify: async (location) => ({ etag: etagOf(resources.get(pathOf(location)) ?? new Uint8Array()).slice(1, -1) }),
    spellings: ({ uri }) => [{ uri: uri.replace("http:", "HTTP:") }, { uri: uri.replace("/images/", "/images/x/../") }],
    second: async () => new WebdavStore(base.replace("http:", "HTTP:")),
    count: async () => resources.size,
    foreign: [{ uri: "https://elsewhere.example/images/a" }, { uri: "file:///images/a" }],
    refused: [{ uri: base }, { uri: `${base}../secret` }, { uri: `${base}a%2Fb` }, { uri: `${base}a%FF` }],
    async breakBackend() {
      broken = true;
      return async () => {
        broken = false;
      };
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}

testStore({ describe, test }, { name: "webdav", open: () => open(true) });
testStore({ describe, test }, { name: "webdav on a server that passes over conditions", open: () => open(false) });
testPlugin(
  { describe, test },
  {
    name: "webdav",
    plugin,
    options: async () => ({ base: "https://dav.example.com/images/" }),
    refused: [
      { options: {}, names: "base" },
      { options: { base: "https://dav.example.com/images" }, names: "base" },
      { options: { base: "https://dav.example.com/images/", bass: 1 }, names: "bass" },
    ],
  },
);
