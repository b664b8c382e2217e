import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { once } from "node:events";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ContainerSASPermissions, type ContainerClient } from "@azure/storage-blob";
import type { Location, Outcome, Store, Target } from "@scrubber/core";
import { oddNames } from "@scrubber/core/conformance";
import { type AzureOptionsInput, default as plugin } from "@scrubber/store-azure";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { createAuthority, type Authority } from "./servers/authority.ts";
import { type Azurite, startAzurite } from "./servers/azurite.ts";
import { startFaultProxy, type FaultProxy } from "./servers/fault-proxy.ts";

// Azurite knows neither versions of blobs nor retention and legal holds: what the store does about those, the
// package's own tests show on a model of the documented protocol. Its soft delete is a setting that it keeps; it retains nothing.

let azurite: Azurite;
let proxy: FaultProxy;
/** Where `container` is. */
let server: Azurite;
let container: ContainerClient;
let containers = 0;

beforeAll(async () => {
  azurite = await startAzurite();
  proxy = await startFaultProxy(azurite.endpoint);
});
beforeEach(async () => {
  server = azurite;
  container = azurite.client.getContainerClient(`container-${++containers}`);
  await container.create();
});
afterAll(async () => {
  await proxy?.[Symbol.asyncDispose]();
  await azurite?.[Symbol.asyncDispose]();
});

test("256 blobs go in one request, with their snapshots, and nothing beside them", async () => {
  const names = Array.from({ length: 256 }, (_, i) => `blob-${i}`);
  await Promise.all([...names, "stays"].map((name) => put(name)));
  for (const name of ["blob-0", "blob-255", "stays"]) await container.getBlobClient(name).createSnapshot();
  await using store = await open({ endpoint: `${proxy.endpoint}/${azurite.account}` });
  const before = proxy.requests;
  expect(await remove(store, ...names.map(at))).toEqual(names.map(() => ({ kind: "deleted" })));
  // One of the others asks whether the container keeps versions, one whether a deleted blob left some.
  expect(proxy.requests - before).toBe(3);
  expect(await listed()).toEqual(["stays", "stays"]);
});

test("a container that is missing is the environment's fault: nothing in it is called absent", async () => {
  await using store = await open();
  const [first, second] = [{ uri: "azure://no-such-container/a" }, { uri: "azure://no-such-container/b" }];
  await expect(remove(store, first)).rejects.toMatchObject({ code: "SCRUBBER_STORE_MISCONFIGURED" });
  await expect(remove(store, first, second)).rejects.toMatchObject({ code: "SCRUBBER_STORE_MISCONFIGURED" });
  expect(await remove(store, at("gone"))).toEqual([{ kind: "absent" }]);
});

test("a blob under a lease is held while its neighbours go, and goes when the lease is over", async () => {
  for (const name of ["leased", "fine"]) await put(name);
  const lease = container.getBlobClient("leased").getBlobLeaseClient();
  await lease.acquireLease(-1);
  await using store = await open();
  expect((await remove(store, at("leased"), at("fine"))).map(({ kind }) => kind)).toEqual(["held", "deleted"]);
  expect(await listed()).toEqual(["leased"]);
  await lease.releaseLease();
  expect(await remove(store, at("leased"))).toEqual([{ kind: "deleted" }]);
  expect(await listed()).toEqual([]);
});

test("odd names are deleted one and all, and nothing beside them is touched", async () => {
  const neighbours = ["a", "a b ", "a+b+", "x", "y", "a/b", "pct/key", "newline", "control"];
  for (const name of [...oddNames, ...neighbours]) await put(name);
  await using store = await open();
  const left = new Set([...oddNames, ...neighbours]);
  for (const name of oddNames) {
    expect(await remove(store, at(name))).toEqual([{ kind: "deleted" }]);
    left.delete(name);
    expect(await there([...oddNames, ...neighbours])).toEqual([...left]);
  }
  expect(await listed()).toEqual(neighbours.toSorted());
});

test("an etag is a condition inside the batch: it costs no request, and what differs stays", async () => {
  const [same, rewritten] = [await put("same"), await put("rewritten")];
  await put("rewritten");
  await using store = await open({ endpoint: `${proxy.endpoint}/${azurite.account}` });
  await put("another");
  await remove(store, at("another"));
  const before = proxy.requests;
  expect(await remove(store, { ...at("same"), identity: { etag: same } })).toEqual([{ kind: "deleted" }]);
  expect(proxy.requests - before).toBe(1);
  const [outcome] = await remove(store, { ...at("rewritten"), identity: { etag: rewritten } });
  expect(outcome?.kind).toBe("changed");
  expect(await listed()).toEqual(["rewritten"]);
});

test("a shared key, a shared access signature and a connection string each open the account", async () => {
  const { account, accountKey, endpoint } = azurite;
  const url = await container.generateSasUrl({
    expiresOn: new Date(Date.now() + 3_600_000),
    permissions: ContainerSASPermissions.parse("rdl"),
  });
  for (const options of [
    { account, accountKey, endpoint },
    { endpoint, sas: new URL(url).search },
    {
      connectionString: `AccountName=${account};AccountKey=${accountKey};DefaultEndpointsProtocol=http;BlobEndpoint=${endpoint}`,
    },
    { connectionString: `BlobEndpoint=${endpoint};SharedAccessSignature=${new URL(url).search.slice(1)}` },
  ]) {
    const etag = await put("blob");
    await using store = await openWith(options);
    expect(await store.inspect([targetOf(store, at("blob"))], calmly)).toMatchObject([
      { kind: "present", identity: { etag } },
    ]);
    expect(await remove(store, at("blob"))).toEqual([{ kind: "deleted" }]);
    expect(await listed()).toEqual([]);
  }
  await using readOnly = await openWith({ endpoint, sas: new URL(url).search.replace(/sp=rdl/, "sp=rl") });
  await put("blob");
  await expect(remove(readOnly, at("blob"))).rejects.toMatchObject({ code: "SCRUBBER_STORE_MISCONFIGURED" });
  expect(await listed()).toEqual(["blob"]);
});

test("check --probe reports what the account retains by soft delete", async () => {
  await using files = await configured({
    account: azurite.account,
    accountKey: azurite.accountKey,
    endpoint: azurite.endpoint,
  });
  const { stdout: before } = await files.scrubber(["check", "--probe=write"]);
  expect(before).toContain("soft delete is off");
  await azurite.client.setProperties({ deleteRetentionPolicy: { enabled: true, days: 9 } });
  try {
    const { stdout } = await files.scrubber(["check", "--probe=write"]);
    expect(stdout).toContain("retains deleted blobs for 9 days (soft delete)");
    expect(stdout).toContain(`blobs can be deleted in the container ${container.containerName}`);
    expect(stdout + before).not.toContain(azurite.accountKey);
  } finally {
    await azurite.client.setProperties({ deleteRetentionPolicy: { enabled: false } });
  }
  expect(await listed()).toEqual([]);
});

describe("over HTTPS, with a certificate of an authority that the system does not know", () => {
  let authority: Authority;
  let secure: Azurite;
  let identity: Awaited<ReturnType<typeof startIdentityEndpoint>>;

  beforeAll(async () => {
    authority = await createAuthority();
    secure = await startAzurite({ ...(await authority.issue(["IP:127.0.0.1"])), ca: authority.ca });
    identity = await startIdentityEndpoint();
  });
  beforeEach(async () => {
    server = secure;
    container = secure.client.getContainerClient(`container-${++containers}`);
    await container.create();
    await put("image");
  });
  afterEach(() => {
    identity.token = tokenFor(3600);
  });
  afterAll(async () => {
    await identity?.[Symbol.asyncDispose]();
    await secure?.[Symbol.asyncDispose]();
    await authority?.[Symbol.asyncDispose]();
  });

  const trusting = (): Readonly<Record<string, string>> => ({ NODE_EXTRA_CA_CERTS: authority.ca });
  /** As a virtual machine or an app of Azure has them: a managed identity answers there. */
  const managed = (): Readonly<Record<string, string>> => ({
    AZURE_TOKEN_CREDENTIALS: "ManagedIdentityCredential",
    IDENTITY_ENDPOINT: identity.endpoint,
    IDENTITY_HEADER: "a header of the test's",
  });
  const scrub = async (
    options: AzureOptionsInput,
    env: Readonly<Record<string, string>>,
  ): Promise<{ readonly left: readonly string[]; readonly said: string }> => {
    await using files = await configured(options);
    await files.scrubber(["add", "image", at("image").uri], env);
    const { stdout, stderr } = await files.scrubber(["run", "--once", "--json"], env);
    return { left: await listed(), said: stdout + stderr };
  };

  test("a shared key deletes where the option ca or NODE_EXTRA_CA_CERTS names the authority", async () => {
    const { account, accountKey, endpoint } = secure;
    for (const [ca, env] of [
      [authority.ca, {}],
      [await readFile(authority.ca, "utf8"), {}],
      [undefined, trusting()],
    ] as const) {
      await put("image");
      expect((await scrub({ account, accountKey, endpoint, ca }, env)).left).toEqual([]);
    }
  });

  test("with no authority or another's nothing is deleted, and what to do is said", async () => {
    const { account, accountKey, endpoint } = secure;
    await using stranger = await createAuthority();
    for (const ca of [undefined, stranger.ca]) {
      await using store = await openWith({ account, accountKey, endpoint, ca });
      await expect(remove(store, at("image"))).rejects.toMatchObject({
        code: "SCRUBBER_STORE_MISCONFIGURED",
        message: expect.stringContaining("the certificate is not trusted") as string,
        hint: expect.stringContaining("in the option ca") as string,
      });
    }
    expect(await listed()).toEqual(["image"]);
  });

  test("a token of Azure's default credentials deletes, and one that is over does not", async () => {
    const { account, endpoint } = secure;
    identity.token = tokenFor(-60);
    const late = await scrub({ account, endpoint }, { ...trusting(), ...managed() });
    expect(late.said).toContain("AuthenticationFailed");
    expect(late.said).not.toContain(identity.token);
    expect(late.left).toEqual(["image"]);
    identity.token = tokenFor(3600);
    const good = await scrub({ account, endpoint }, { ...trusting(), ...managed() });
    expect(good.left).toEqual([]);
    expect(good.said).not.toContain(identity.token);
  });
});

/** Gives out tokens as the managed identity of an Azure app does. Source: https://learn.microsoft.com/azure/app-service/overview-managed-identity */
async function startIdentityEndpoint(): Promise<AsyncDisposable & { readonly endpoint: string; token: string }> {
  const listener = createServer((_, response) => {
    const expires = Math.floor(Date.now() / 1000) + 3600;
    const answer = { access_token: state.token, expires_on: String(expires), token_type: "Bearer", resource: RESOURCE };
    response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(answer));
  });
  listener.listen(0, "127.0.0.1");
  await once(listener, "listening");
  const state = {
    endpoint: `http://127.0.0.1:${(listener.address() as AddressInfo).port}/msi/token`,
    token: tokenFor(3600),
    async [Symbol.asyncDispose]() {
      listener.closeAllConnections();
      listener.close();
      await once(listener, "close");
    },
  };
  return state;
}

const RESOURCE = "https://storage.azure.com";

/** A token whose lifetime ends so many seconds from now. */
function tokenFor(seconds: number): string {
  const now = Math.floor(Date.now() / 1000);
  const claims = {
    aud: RESOURCE,
    iss: "https://sts.windows.net/test/",
    iat: now - 7200,
    nbf: now - 7200,
    exp: now + seconds,
  };
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString("base64url");
  return `${part({ typ: "JWT", alg: "HS256" })}.${part(claims)}.${Buffer.from("unsigned").toString("base64url")}`;
}

interface Printed {
  readonly stdout: string;
  readonly stderr: string;
}

/** A folder with a configuration, and the command in it. */
async function configured(
  options: AzureOptionsInput,
): Promise<
  AsyncDisposable & { scrubber(args: readonly string[], env?: Readonly<Record<string, string>>): Promise<Printed> }
> {
  const folder = await mkdtemp(join(tmpdir(), "scrubber-azure-"));
  const config = {
    queue: { use: "@scrubber/queue-file", with: { directory: "./data" } },
    stores: [{ use: "@scrubber/store-azure", with: { ...options, containers: [container.containerName] } }],
    scrub: { delay: "0s" },
  };
  await writeFile(join(folder, "scrubber.yaml"), JSON.stringify(config));
  const program = join(import.meta.dirname, "../apps/scrubber/src/main.ts");
  return {
    scrubber: (args, env = {}) =>
      new Promise((resolve) => {
        const child = ["--conditions=@scrubber/source", program, ...args];
        const set = { cwd: folder, timeout: 120_000, env: { ...process.env, ...env } };
        execFile(process.execPath, child, set, (_, stdout, stderr) => resolve({ stdout, stderr }));
      }),
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }),
  };
}

const calmly = { signal: AbortSignal.timeout(600_000) };

function at(name: string): Location {
  return { uri: `azure://${container.containerName}/${encodeURIComponent(name)}` };
}

const open = (options: AzureOptionsInput = {}): Promise<Store> => {
  const { account, accountKey, endpoint } = azurite;
  return openWith({ account, accountKey, endpoint, ...options });
};

async function openWith(options: AzureOptionsInput): Promise<Store> {
  const checked = await plugin.options["~standard"].validate(options);
  if (checked.issues !== undefined) throw new Error(checked.issues.map(({ message }) => message).join("; "));
  const silent = (): void => {};
  return plugin.open(checked.value, {
    id: "azure",
    log: { debug: silent, info: silent, warn: silent, error: silent },
    now: () => new Date(),
    resolvePath: (path) => path,
    cipher: undefined,
  });
}

function targetOf(store: Store, location: Location): Target {
  // The clock of the server says when a blob was written.
  const target = store.target({ location, requestedAt: new Date(Date.now() + 3_600_000) });
  if (target === undefined) throw new Error(`not taken: ${location.uri}`);
  return target;
}

function remove(store: Store, ...locations: readonly Location[]): Promise<readonly Outcome[]> {
  return store.delete(
    locations.map((location) => targetOf(store, location)),
    calmly,
  );
}

async function put(name: string): Promise<string> {
  const { etag = "" } = await server.blob(container.containerName, name).upload("data", 4);
  return etag.replaceAll('"', "");
}

async function there(names: readonly string[]): Promise<readonly string[]> {
  const found = await Promise.all(names.map((name) => server.blob(container.containerName, name).exists()));
  return names.filter((_, index) => found[index]);
}

async function listed(): Promise<readonly string[]> {
  const names: string[] = [];
  for await (const { name } of container.listBlobsFlat({ includeSnapshots: true })) names.push(name);
  return names.toSorted();
}
