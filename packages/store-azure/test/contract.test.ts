import type { Location } from "@scrubber/core";
import { testPlugin, testStore, type StoreUnderTest } from "@scrubber/core/conformance";
import { createServer, type Server } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { connect } from "node:net";
import { once } from "node:events";
import { afterAll, beforeAll, describe, test } from "vitest";
import plugin from "../src/index.ts";
import type { AzureOptionsInput } from "../src/options.ts";
import { ACCOUNT, type Azurite, freshContainerName, KEY, startAzurite } from "./azurite.ts";
import { openStore } from "./opening.ts";

let azurite: Azurite;

beforeAll(async () => {
  azurite = await startAzurite();
});

afterAll(async () => {
  await azurite[Symbol.asyncDispose]();
});

/** A door in front of Azurite that can be shut. */
async function openDoor(): Promise<AsyncDisposable & { readonly port: number; shut(): () => Promise<void> }> {
  const sockets = new Set<Socket>();
  const server: Server = createServer();
  let open = true;
  server.removeAllListeners("connection");
  server.on("connection", (socket: Socket) => {
    sockets.add(socket);
    socket.on("error", () => socket.destroy());
    if (!open) {
      socket.destroy();
      return;
    }
    const { hostname, port } = new URL(azurite.endpoint);
    const inner = connect(Number(port), hostname);
    inner.on("error", () => socket.destroy());
    socket.on("close", () => inner.destroy());
    inner.on("close", () => socket.destroy());
    socket.pipe(inner).pipe(socket);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    port: (server.address() as AddressInfo).port,
    shut() {
      open = false;
      for (const socket of sockets) socket.destroy();
      sockets.clear();
      return () => {
        open = true;
        return Promise.resolve();
      };
    },
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, "close");
    },
  };
}

async function open(options: AzureOptionsInput): Promise<StoreUnderTest> {
  const door = await openDoor();
  const name = freshContainerName();
  const container = azurite.client.getContainerClient(name);
  await container.create();
  const endpoint = `http://127.0.0.1:${door.port}/${ACCOUNT}`;
  const store = await openStore({ account: ACCOUNT, accountKey: KEY, endpoint, containers: [name], ...options });
  const locate = (blob: string): Location => ({ uri: `${endpoint}/${name}/${encodeURIComponent(blob)}` });
  const blobOf = ({ uri }: Location): ReturnType<typeof container.getBlockBlobClient> =>
    container.getBlockBlobClient(decodeURIComponent(uri.slice(uri.indexOf(name) + name.length + 1)));
  return {
    store,
    locate,
    async create(blob, content) {
      const location = locate(blob);
      await blobOf(location).uploadData(content);
      return location;
    },
    async replace(location) {
      await blobOf(location).uploadData(Buffer.from("other content, and longer than what was there"));
    },
    exists: (location) => blobOf(location).exists(),
    async identify(location) {
      const { etag, contentLength, lastModified } = await blobOf(location).getProperties();
      return {
        ...(etag !== undefined && { etag: etag.replaceAll('"', "") }),
        ...(contentLength !== undefined && { size: contentLength }),
        ...(lastModified !== undefined && { modifiedAt: lastModified }),
      };
    },
    async hold(location) {
      await blobOf(location).getBlobLeaseClient().acquireLease(-1);
    },
    spellings: ({ uri }) => [
      { uri: uri.replace(/^http/, "HTTP") },
      { uri: `azure://${name}${uri.slice(uri.lastIndexOf("/"))}` },
      { uri: `https://${ACCOUNT}.blob.core.windows.net/${name}${uri.slice(uri.lastIndexOf("/"))}` },
      { uri: `https://${ACCOUNT}.blob.core.windows.net./${name}${uri.slice(uri.lastIndexOf("/"))}` },
      { uri: `https://${ACCOUNT}.BLOB.core.windows.net:443/${name}${uri.slice(uri.lastIndexOf("/"))}` },
      { uri: `https://${ACCOUNT}-secondary.blob.core.windows.net/${name}${uri.slice(uri.lastIndexOf("/"))}` },
      { uri: `${uri}?sv=2021-12-02&sig=c2VjcmV0U0FT&se=2030-01-01` },
      { uri: endpoint + uri.slice(endpoint.length).replaceAll("e", "%65") },
    ],
    second: () => openStore({ endpoint, sas: "sv=2021-12-02&sig=c2VjcmV0U0FT", containers: ["another", name] }),
    async count() {
      let count = 0;
      for await (const _ of container.listBlobsFlat()) count++;
      return count;
    },
    foreign: [
      { uri: "s3://bucket/key" },
      { uri: "https://somebodyelse.blob.core.windows.net/container/blob" },
      { uri: "https://example.com/container/blob" },
      { uri: "https://somebodyelse-secondary.blob.core.windows.net/container/blob" },
      { uri: `http://127.0.0.1:${door.port}/otheraccount/container/blob` },
    ],
    refused: [
      { uri: `${endpoint}/${name}` },
      { uri: `${endpoint}/${name}/` },
      { uri: `${endpoint}/other-container/blob` },
      { uri: `${endpoint}/UPPER/blob` },
      { uri: `${endpoint}/a/blob` },
      { uri: `${endpoint}/${name}/a/../b` },
      { uri: `${endpoint}/${name}/%2e%2E/b` },
      { uri: `${endpoint}/${name}/..` },
      { uri: `azure://${name}/.` },
      { uri: `${endpoint}/${name}/a#b` },
      { uri: `${endpoint}/${name}/a%` },
      { uri: `${endpoint}/${name}/a?snapshot=2021-01-01T00:00:00.0000000Z&sig=c2VjcmV0U0FT` },
      { uri: `${endpoint}/${name}/a?Snapshot=2021-01-01T00:00:00.0000000Z` },
      { uri: `azure://${name}` },
      { uri: `azure://${name}/${"a".repeat(1025)}` },
      { uri: `http://user:password1@127.0.0.1:${door.port}/${ACCOUNT}/${name}/a` },
    ],
    breakBackend: () => Promise.resolve(door.shut()),
    async [Symbol.asyncDispose]() {
      await store[Symbol.asyncDispose]();
      await door[Symbol.asyncDispose]();
    },
  };
}

testStore({ describe, test }, { name: "azure", open: () => open({ versions: "current" }) });
testStore(
  { describe, test },
  { name: "azure, unchecked", open: () => open({ versions: "current", identity: "unchecked" }) },
);

const good = { account: "images", accountKey: "c2VjcmV0" };

testPlugin(
  { describe, test },
  {
    name: "azure",
    plugin,
    options: () => Promise.resolve(good),
    refused: [
      { options: {}, names: "account" },
      { options: { account: "UPPER", accountKey: "c2VjcmV0" }, names: "account" },
      { options: { ...good, accountKey: "not base64!" }, names: "accountKey" },
      { options: { ...good, sas: "sv=1&sig=x" }, names: "sas" },
      { options: { account: "images", sas: "nothing" }, names: "signature" },
      { options: { ...good, endpoint: "ftp://x" }, names: "endpoint" },
      { options: { ...good, endpoint: "https://user:secret@host" }, names: "endpoint" },
      { options: { accountKey: "c2VjcmV0", endpoint: "https://host" }, names: "account" },
      { options: { account: "images", endpoint: "http://host" }, names: "https" },
      { options: { ...good, versions: "none" }, names: "versions" },
      { options: { ...good, identity: true }, names: "identity" },
      { options: { ...good, timeout: 30 }, names: "timeout" },
      { options: { ...good, timeout: "0s" }, names: "timeout" },
      { options: { ...good, containers: [] }, names: "containers" },
      { options: { account: "images", connectionString: "AccountName=a" }, names: "connectionString" },
    ],
  },
);
