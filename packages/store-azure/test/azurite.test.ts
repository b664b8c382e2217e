import {
  BlockBlobClient,
  ContainerSASPermissions,
  StorageSharedKeyCredential,
  type ContainerClient,
} from "@azure/storage-blob";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { ACCOUNT, type Azurite, freshContainerName, KEY, startAzurite } from "./azurite.ts";
import { calmly, openStore, remove, targetOf } from "./opening.ts";

let azurite: Azurite;
let container: ContainerClient;

beforeAll(async () => {
  azurite = await startAzurite();
});

beforeEach(async () => {
  container = azurite.client.getContainerClient(freshContainerName());
  await container.create();
});

afterAll(() => azurite[Symbol.asyncDispose]());

const open = (options = {}): ReturnType<typeof openStore> =>
  openStore({ account: ACCOUNT, accountKey: KEY, endpoint: azurite.endpoint, ...options });

const at = (name: string): { readonly uri: string } => ({
  uri: `azure://${container.containerName}/${encodeURIComponent(name)}`,
});

/** Another client, at just this name: the SDK itself would resolve the dots in `./x`. */
function blob(name: string): BlockBlobClient {
  const url = `${container.url}/${encodeURIComponent(name)}`;
  return new BlockBlobClient(url, new StorageSharedKeyCredential(ACCOUNT, KEY), {
    retryOptions: { maxTries: 4, retryDelayInMs: 100 },
  });
}

async function put(name: string): Promise<void> {
  await blob(name).uploadData(Buffer.from("data"));
}

async function listed(): Promise<readonly string[]> {
  const names: string[] = [];
  for await (const { name } of container.listBlobsFlat()) names.push(name);
  return names.toSorted();
}

const ODD = ["a b", "a+b", `a&b<c>"d'`, "grüße/東京", "a//b", "./x", "../y", "x/", "a\nb", "a%2Fb", "a\tb"].concat([
  "a\rb",
  "😀",
  "a\u0001b",
  "a?b",
  "a#b",
  "~!*()'",
  "a/b",
  "x",
  "y",
]);

test.each(ODD)("of the odd names, just %j is deleted, as another client sees it", async (odd) => {
  await using store = await open();
  for (const name of ODD) await put(name);
  expect(await remove(store, at(odd))).toEqual([{ kind: "deleted" }]);
  const there = await Promise.all(ODD.map((name) => blob(name).exists()));
  expect(ODD.filter((_, index) => there[index] !== true)).toEqual([odd]);
});

test("each odd name is looked at as itself: its own size comes back, and is a condition", async () => {
  await using store = await open();
  for (const [index, name] of ODD.entries()) await blob(name).uploadData(Buffer.alloc(index + 1));
  const recorded = ODD.map((name, index) => ({ ...at(name), identity: { size: index + 1 } }));
  const presences = await store.inspect(
    recorded.map((location) => targetOf(store, location)),
    calmly,
  );
  expect(presences.map((presence) => presence.kind === "present" && presence.bytes)).toEqual(
    ODD.map((_, index) => index + 1),
  );
  const outcomes = await remove(store, ...recorded);
  expect(outcomes.map(({ kind }) => kind)).toEqual(ODD.map(() => "deleted"));
  expect(await listed()).toEqual([]);
});

test("odd names disturb no neighbour in their batch", async () => {
  await using store = await open();
  for (const name of ["first", "last"]) await put(name);
  const outcomes = await remove(store, at("first"), ...ODD.map(at), at("last"));
  expect([outcomes[0]?.kind, outcomes.at(-1)?.kind]).toEqual(["deleted", "deleted"]);
  expect(outcomes.map(({ kind }) => kind).filter((kind) => kind === "deleted")).toHaveLength(2);
  expect(await listed()).toEqual([]);
});

test("snapshots go with their blob", async () => {
  await using store = await open();
  await put("a");
  await container.getBlobClient("a").createSnapshot();
  expect(await remove(store, at("a"))).toEqual([{ kind: "deleted" }]);
  const left: string[] = [];
  for await (const { name } of container.listBlobsFlat({ includeSnapshots: true })) left.push(name);
  expect(left).toEqual([]);
});

test("in a container that is missing nothing is absent: it is the environment's fault", async () => {
  await using store = await open();
  const missing = { uri: "azure://no-such-container/blob" };
  for (const call of [
    () => remove(store, missing),
    () => remove(store, missing, { uri: "azure://no-such-container/blob2" }),
    () => store.inspect([targetOf(store, missing)], calmly),
  ]) {
    await expect(call()).rejects.toMatchObject({ code: "SCRUBBER_STORE_MISCONFIGURED" });
  }
});

test("a wrong key is the environment's fault, and no error shows a key", async () => {
  const wrong = Buffer.from("a key that is not right").toString("base64");
  await using store = await open({ accountKey: wrong });
  await put("a");
  const error: unknown = await remove(store, at("a")).catch((reason: unknown) => reason);
  expect(error).toMatchObject({ code: "SCRUBBER_STORE_MISCONFIGURED" });
  expect(JSON.stringify(error) + String(error)).not.toContain(wrong);
  expect(await listed()).toEqual(["a"]);
});

test("a shared access signature opens what it says, and is in no key, group or error", async () => {
  const url = await container.generateSasUrl({
    expiresOn: new Date(Date.now() + 3_600_000),
    permissions: ContainerSASPermissions.parse("rdl"),
  });
  const sas = new URL(url).search;
  await using store = await openStore({ endpoint: azurite.endpoint, sas, containers: [container.containerName] });
  await put("a b");
  const target = targetOf(store, { uri: `${container.url}/a%20b${sas}` });
  expect(`${target.key} ${target.group}`).not.toContain("sig");
  expect(await store.inspect([target], calmly)).toMatchObject([{ kind: "present", bytes: 4 }]);
  expect(await store.delete([target], calmly)).toEqual([{ kind: "deleted" }]);
  expect(await listed()).toEqual([]);
  await using expired = await openStore({ endpoint: azurite.endpoint, sas: sas.replace(/se=[^&]*/, "se=2020-01-01") });
  const error: unknown = await remove(expired, at("a")).catch((reason: unknown) => reason);
  expect(error).toMatchObject({ code: "SCRUBBER_STORE_MISCONFIGURED" });
  expect(String(error)).not.toContain(new URL(url).searchParams.get("sig"));
});

test("a connection string is enough", async () => {
  const connectionString = `DefaultEndpointsProtocol=http;AccountName=${ACCOUNT};AccountKey=${KEY};BlobEndpoint=${azurite.endpoint};`;
  await using store = await openStore({ connectionString });
  await put("a");
  expect(await remove(store, at("a"))).toEqual([{ kind: "deleted" }]);
});

test("a leased blob is held, a changed one is changed, one that is gone is absent, all in one batch", async () => {
  await using store = await open();
  for (const name of ["leased", "changed", "fine"]) await put(name);
  await container.getBlobClient("leased").getBlobLeaseClient().acquireLease(-1);
  const outcomes = await remove(
    store,
    at("leased"),
    { ...at("changed"), identity: { etag: '"0x1"' } },
    { ...at("gone"), identity: { etag: '"0x1"' } },
    at("fine"),
    { ...at("changed"), uri: `${at("changed").uri}2`, metadata: { etag: "0x1" } },
  );
  expect(outcomes.map(({ kind }) => kind)).toEqual(["held", "changed", "absent", "deleted", "absent"]);
  expect(await listed()).toEqual(["changed", "leased"]);
});

test("a blob written within two seconds of the request is the one that was meant", async () => {
  await using store = await open();
  await put("a");
  const { lastModified } = await container.getBlobClient("a").getProperties();
  const written = lastModified?.getTime() ?? 0;
  const outcome = async (requestedAt: number): Promise<string | undefined> =>
    (await store.delete([targetOf(store, at("a"), new Date(requestedAt))], calmly))[0]?.kind;
  expect(await outcome(written - 2001)).toBe("changed");
  expect(await outcome(written - 2000)).toBe("deleted");
});
