import { readFile } from "node:fs/promises";
import { CreateBucketCommand, PutObjectCommand, type S3Client } from "@aws-sdk/client-s3";
import { isScrubberError, type ErrorCode, type Outcome, type Store } from "@scrubber/core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openRegistry } from "./registry/glance-rows.ts";
import { createAuthority, startTlsFront, type Authority } from "./servers/authority.ts";
import type { DatabaseServer, ServerDatabase } from "./servers/database-server.ts";
import { makeGlanceSchema } from "./servers/glance-schema.ts";
import { startMariadb } from "./servers/mariadb.ts";
import { startPostgres } from "./servers/postgres.ts";
import { startRgw, type Rgw } from "./servers/rgw.ts";
import { keysIn, openS3Store, otherClient, targetOf } from "./servers/s3-server.ts";

let authority: Authority;
let stranger: Authority;

beforeAll(async () => {
  [authority, stranger] = [await createAuthority(), await createAuthority()];
});
afterAll(async () => {
  await stranger?.[Symbol.asyncDispose]();
  await authority?.[Symbol.asyncDispose]();
});

describe("store-s3 on an endpoint whose certificate comes from an authority that the system does not know", () => {
  let rgw: Rgw;
  let client: S3Client;
  let front: AsyncDisposable & { readonly port: number };
  let elsewhere: AsyncDisposable & { readonly port: number };

  beforeAll(async () => {
    rgw = await startRgw();
    client = otherClient(rgw);
    front = await startTlsFront(rgw.endpoint, await authority.issue(["IP:127.0.0.1", "DNS:localhost"]));
    elsewhere = await startTlsFront(rgw.endpoint, await authority.issue(["DNS:elsewhere.example.com"]));
    await client.send(new CreateBucketCommand({ Bucket: "bucket" }));
  });
  afterAll(async () => {
    client?.destroy();
    await elsewhere?.[Symbol.asyncDispose]();
    await front?.[Symbol.asyncDispose]();
    await rgw?.[Symbol.asyncDispose]();
  });

  const open = (port: number, ca?: string, host = "127.0.0.1"): Promise<Store> =>
    openS3Store({ ...rgw, endpoint: `https://${host}:${port}` }, ca === undefined ? {} : { ca });
  const remove = async (store: Store): Promise<readonly Outcome[]> => {
    const target = targetOf(store, { uri: "s3://bucket/object" }, new Date(Date.now() + 1000));
    return store.delete([target], { signal: AbortSignal.timeout(60_000) });
  };

  test("objects are deleted where the option ca names it, by path or as PEM", async () => {
    for (const ca of [authority.ca, await readFile(authority.ca, "utf8")]) {
      await client.send(new PutObjectCommand({ Bucket: "bucket", Key: "object", Body: "x" }));
      await using store = await open(front.port, ca);
      expect(await remove(store)).toMatchObject([{ kind: "deleted" }]);
      expect(await keysIn(client, "bucket")).toEqual([]);
    }
  });

  test("without it, with another one, and under another name, it is the environment that fails: nothing is deleted, and what to do is said", async () => {
    await client.send(new PutObjectCommand({ Bucket: "bucket", Key: "object", Body: "x" }));
    for (const [port, ca, hint] of [
      [front.port, undefined, "in the option ca"],
      [front.port, stranger.ca, "in the option ca"],
      [elsewhere.port, authority.ca, "names other hosts"],
    ] as const) {
      await using store = await open(port, ca);
      await refuses(remove(store), "SCRUBBER_STORE_MISCONFIGURED", hint, rgw.secretAccessKey);
      const findings = await store.probe({ signal: AbortSignal.timeout(60_000), write: false });
      expect(findings).toMatchObject([{ level: "problem", hint: expect.stringContaining(hint) }]);
    }
    expect(await keysIn(client, "bucket")).toEqual(["object"]);
  });
});

describe.each([
  {
    kind: "MariaDB",
    start: startMariadb,
    trusting: (ca: string) => `ssl_ca=${ca}`,
    checking: (ca: string) => `ssl_ca=${ca}&ssl_verify_identity=true`,
    // Who may come over TLS alone, and comes, is encrypted.
    requireTls: (user: string) => `ALTER USER '${user}'@'%' REQUIRE SSL`,
    encrypted: "SELECT 'TRUE' AS encrypted",
  },
  {
    kind: "PostgreSQL",
    start: startPostgres,
    trusting: (ca: string) => `sslmode=verify-ca&sslrootcert=${ca}`,
    checking: (ca: string) => `sslmode=verify-full&sslrootcert=${ca}`,
    requireTls: () => "SELECT 1",
    encrypted:
      "SELECT CASE WHEN bool_and(ssl) THEN 'TRUE' ELSE 'FALSE' END AS encrypted FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE application_name = 'scrubber'",
  },
])("registry-sql on $kind over TLS", ({ start, trusting, checking, requireTls, encrypted }) => {
  let server: DatabaseServer;
  let database: ServerDatabase;
  let url: string;

  beforeAll(async () => {
    server = await start(await authority.issue(["DNS:localhost"]));
    database = await server.createDatabase("glance");
    await makeGlanceSchema(database.sqlAlchemyUrl);
    url = (await database.urlOf("restricted", "SELECT, UPDATE")).replace("127.0.0.1", "localhost");
    await server.admin(requireTls("restricted"));
  });
  afterAll(async () => {
    await database?.[Symbol.asyncDispose]();
    await server?.[Symbol.asyncDispose]();
  });

  test("it works, encrypted, where the URL names the authority, whether or not the host's name is checked", async () => {
    for (const options of [trusting(authority.ca), checking(authority.ca)]) {
      await using registry = await openRegistry({ url: `${url}?${options}` });
      expect(await registry.images(["no-such-image"])).toEqual(new Map());
      expect(await server.admin(encrypted)).toEqual([{ encrypted: "TRUE" }]);
    }
  });

  test("with another authority nothing is read, and the error says what to do and no password", async () => {
    for (const options of [trusting(stranger.ca), checking(stranger.ca)]) {
      await using registry = await openRegistry({ url: `${url}?${options}` });
      const reading = registry.images(["no-such-image"]);
      await refuses(reading, "SCRUBBER_REGISTRY_UNAVAILABLE", "certificate authority", "secret");
    }
  });

  test("a certificate of another host is refused where the host's name is checked, and there alone", async () => {
    await using other = await start(await authority.issue(["DNS:elsewhere.example.com"]));
    await using empty = await other.createDatabase("glance");
    const at = empty.url.replace("127.0.0.1", "localhost");
    await using checked = await openRegistry({ url: `${at}?${checking(authority.ca)}` });
    await refuses(checked.images(["a"]), "SCRUBBER_REGISTRY_UNAVAILABLE", "names other hosts", "secret");
    // It comes as far as to find no tables.
    await using trusted = await openRegistry({ url: `${at}?${trusting(authority.ca)}` });
    await refuses(trusted.images(["a"]), "SCRUBBER_REGISTRY_SCHEMA", "Glance's database", "secret");
  });
});

/** Asserts that it rejects with this code, a hint that says this, and nowhere the secret. */
async function refuses(work: Promise<unknown>, code: ErrorCode, hint: string, secret: string): Promise<void> {
  const error: unknown = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!isScrubberError(error)) throw new Error("it did not reject as it should", { cause: error });
  expect(error).toMatchObject({ code, hint: expect.stringContaining(hint) });
  expect(`${error.message} ${error.hint}`).not.toContain(secret);
}
