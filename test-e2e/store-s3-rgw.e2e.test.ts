import {
  CreateBucketCommand,
  CreateMultipartUploadCommand,
  DeleteBucketCommand,
  ListMultipartUploadsCommand,
  ListObjectVersionsCommand,
  PutBucketPolicyCommand,
  PutBucketVersioningCommand,
  PutObjectCommand,
  PutObjectLegalHoldCommand,
  type PutObjectCommandInput,
  type S3Client,
} from "@aws-sdk/client-s3";
import type { Location, Outcome, Store } from "@scrubber/core";
import { oddNames } from "@scrubber/core/conformance";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startRgw, type Rgw } from "./servers/rgw.ts";
import { keysIn, openS3Store, otherClient, targetOf } from "./servers/s3-server.ts";

let rgw: Rgw;
let client: S3Client;
let buckets = 0;

beforeAll(async () => {
  rgw = await startRgw();
  client = otherClient(rgw);
});
afterAll(async () => {
  client?.destroy();
  await rgw?.[Symbol.asyncDispose]();
});

test("odd keys are deleted one and all, and nothing beside them is touched", async () => {
  const bucket = await freshBucket();
  const neighbours = ["a", "a b ", "a+b+", "x", "y", "a/b", "pct/key", "newline", "tab key", "control", "a&amp;b"];
  for (const key of [...oddNames, ...neighbours]) await put(bucket, key);
  expect(await keysIn(client, bucket)).toEqual([...oddNames, ...neighbours].toSorted());
  await using store = await openS3Store(rgw);
  for (const key of oddNames) {
    expect(await remove(store, [at(bucket, key)])).toEqual([{ kind: "deleted", note: "identity: unchecked" }]);
    expect((await keysIn(client, bucket)).filter((left) => left === key)).toEqual([]);
  }
  expect(await keysIn(client, bucket)).toEqual(neighbours.toSorted());
});

test("odd keys disturb no batch that they are in", async () => {
  const bucket = await freshBucket();
  const plain = Array.from({ length: 50 }, (_, i) => `plain/${i}`);
  for (const key of [...oddNames, ...plain, "stays"]) await put(bucket, key);
  await using store = await openS3Store(rgw);
  const outcomes = await remove(
    store,
    [...plain.slice(0, 25), ...oddNames, ...plain.slice(25)].map((key) => at(bucket, key)),
  );
  expect(new Set(outcomes.map(({ kind }) => kind))).toEqual(new Set(["deleted"]));
  expect(await keysIn(client, bucket)).toEqual(["stays"]);
});

test("in a versioned bucket every version and marker of just that key goes, and the freed bytes are told", async () => {
  const bucket = await freshBucket({ versioned: true });
  for (const key of ["a", "a", "a", "ab", "a/b", ...oddNames, ...oddNames]) await put(bucket, key, { Body: "12345" });
  await using store = await openS3Store(rgw);
  expect(await remove(store, [at(bucket, "a")])).toEqual([{ kind: "deleted", bytes: 15 }]);
  expect(await remove(store, [at(bucket, "a")])).toEqual([{ kind: "absent" }]);
  const outcomes = await remove(
    store,
    oddNames.map((key) => at(bucket, key)),
  );
  expect(outcomes).toEqual(oddNames.map(() => ({ kind: "deleted", bytes: 10 })));
  expect(await versionsIn(bucket)).toEqual(["a/b", "ab"]);
});

test("more versions of a key than one listing holds go as well", async () => {
  const bucket = await freshBucket({ versioned: true });
  for (let i = 0; i < 130; i++) await put(bucket, "many");
  await put(bucket, "many.not");
  await using store = await openS3Store(rgw);
  expect(await remove(store, [at(bucket, "many")])).toEqual([{ kind: "deleted", bytes: 130 }]);
  expect(await versionsIn(bucket)).toEqual(["many.not"]);
});

test("a version written after the deletion was requested stays, and that is said; the older ones go", async () => {
  const bucket = await freshBucket({ versioned: true });
  await put(bucket, "k");
  const requestedAt = await passedSecond();
  await put(bucket, "k", { Body: "newer" });
  await using store = await openS3Store(rgw);
  expect(await remove(store, [at(bucket, "k")], requestedAt)).toMatchObject([{ kind: "changed" }]);
  expect(await versionsIn(bucket)).toEqual(["k"]);
  expect(await keysIn(client, bucket)).toEqual(["k"]);
});

test("of a recorded version only that one goes", async () => {
  const bucket = await freshBucket({ versioned: true });
  const { VersionId: first = "" } = await put(bucket, "k");
  const { VersionId: second = "" } = await put(bucket, "k");
  await using store = await openS3Store(rgw);
  expect(await remove(store, [{ ...at(bucket, "k"), identity: { versionId: first } }])).toEqual([{ kind: "deleted" }]);
  const { Versions = [], DeleteMarkers = [] } = await client.send(new ListObjectVersionsCommand({ Bucket: bucket }));
  expect([Versions.map(({ VersionId }) => VersionId), DeleteMarkers]).toEqual([[second], []]);
});

test("with versions: current a marker is left and said, and no data goes", async () => {
  const bucket = await freshBucket({ versioned: true });
  await put(bucket, "k");
  await using store = await openS3Store(rgw, { versions: "current" });
  expect(await remove(store, [at(bucket, "k")])).toEqual([{ kind: "marker", asked: true }]);
  expect(await keysIn(client, bucket)).toEqual([]);
  expect(await versionsIn(bucket)).toEqual(["k", "k marker"]);
});

test("where asking for versioning is denied, the answers tell: the data is freed all the same", async () => {
  const bucket = await freshBucket({ versioned: true });
  const guest = await rgw.createUser("blind");
  await allow(bucket, "blind", ["s3:DeleteObject", "s3:DeleteObjectVersion", "s3:ListBucketVersions"]);
  for (const key of ["old", "old", "newer"]) await put(bucket, key);
  const requestedAt = await passedSecond();
  await put(bucket, "newer");
  await using store = await openS3Store({ ...rgw, ...guest });
  expect(await remove(store, [at(bucket, "old"), at(bucket, "newer")], requestedAt)).toMatchObject([
    { kind: "deleted", bytes: 2 },
    { kind: "changed" },
  ]);
  expect(await versionsIn(bucket)).toEqual(["newer"]);
  expect(await keysIn(client, bucket)).toEqual(["newer"]);
});

test("retention and legal hold are told apart from a denial, with their end where there is one", async () => {
  const bucket = await freshBucket({ locked: true });
  const until = new Date(Math.ceil(Date.now() / 1000) * 1000 + 3_600_000);
  await put(bucket, "retained", { ObjectLockMode: "GOVERNANCE", ObjectLockRetainUntilDate: until });
  await put(bucket, "complied", { ObjectLockMode: "COMPLIANCE", ObjectLockRetainUntilDate: until });
  const { VersionId } = await put(bucket, "held");
  await client.send(
    new PutObjectLegalHoldCommand({ Bucket: bucket, Key: "held", VersionId, LegalHold: { Status: "ON" } }),
  );
  await put(bucket, "free");
  const locations = ["retained", "complied", "held", "free"].map((key) => at(bucket, key));
  await using store = await openS3Store(rgw);
  expect(await remove(store, locations)).toEqual([
    { kind: "held", until, reason: "retention (governance)" },
    { kind: "held", until, reason: "retention (compliance)" },
    { kind: "held", reason: "legal hold" },
    { kind: "deleted", bytes: 1 },
  ]);
  expect(await inspect(store, locations)).toMatchObject([
    { kind: "held", until },
    { kind: "held", until },
    { kind: "held" },
    { kind: "absent" },
  ]);
  expect(await versionsIn(bucket)).toEqual(["complied", "held", "retained"]);
  await using bypassing = await openS3Store(rgw, { bypassGovernance: true });
  expect(await remove(bypassing, locations)).toMatchObject([
    { kind: "deleted" },
    { kind: "held", until },
    { kind: "held" },
    { kind: "absent" },
  ]);
  expect(await versionsIn(bucket)).toEqual(["complied", "held"]);
  await client.send(
    new PutObjectLegalHoldCommand({ Bucket: bucket, Key: "held", VersionId, LegalHold: { Status: "OFF" } }),
  );
});

test("what a bucket policy denies is denied by itself, inside of a batch whose others go", async () => {
  const bucket = await freshBucket();
  for (const key of ["deny/1", "ok/1", "deny/2", "ok/2"]) await put(bucket, key);
  await policy(bucket, {
    Effect: "Deny",
    Principal: "*",
    Action: "s3:DeleteObject",
    Resource: `arn:aws:s3:::${bucket}/deny/*`,
  });
  await using store = await openS3Store(rgw);
  const outcomes = await remove(
    store,
    ["deny/1", "ok/1", "deny/2", "ok/2"].map((key) => at(bucket, key)),
  );
  expect(outcomes.map(({ kind }) => kind)).toEqual(["denied", "deleted", "denied", "deleted"]);
  expect(outcomes[0]).toEqual(outcomes[2]);
  expect(await keysIn(client, bucket)).toEqual(["deny/1", "deny/2"]);
});

test("a missing bucket and wrong credentials are the environment's fault, for deleting and for looking", async () => {
  const bucket = await freshBucket();
  await put(bucket, "k");
  const environment = { code: "SCRUBBER_STORE_MISCONFIGURED" };
  for (const options of [{}, { identity: "check" as const }]) {
    await using store = await openS3Store(rgw, options);
    await expect(remove(store, [at("no-such-bucket", "k")])).rejects.toMatchObject(environment);
    await expect(inspect(store, [at("no-such-bucket", "k")])).rejects.toMatchObject(environment);
    for (const wrong of [{ accessKeyId: "nobody" }, { secretAccessKey: "wrong-secret" }]) {
      await using stranger = await openS3Store({ ...rgw, ...wrong }, options);
      await expect(remove(stranger, [at(bucket, "k")])).rejects.toMatchObject(environment);
      await expect(inspect(stranger, [at(bucket, "k")])).rejects.toMatchObject(environment);
      await expect(remove(stranger, [at(bucket, "k")])).rejects.not.toThrow(/wrong-secret/);
    }
  }
  expect(await keysIn(client, bucket)).toEqual(["k"]);
});

test("a bucket that is removed while the store is open makes nothing absent", async () => {
  const bucket = await freshBucket();
  await put(bucket, "k");
  await using store = await openS3Store(rgw, { identity: "check" });
  expect(await remove(store, [at(bucket, "k"), at(bucket, "never")])).toEqual([
    { kind: "deleted", bytes: 1 },
    { kind: "absent" },
  ]);
  await client.send(new DeleteBucketCommand({ Bucket: bucket }));
  await expect(remove(store, [at(bucket, "k")])).rejects.toMatchObject({ code: "SCRUBBER_STORE_MISCONFIGURED" });
});

test("an object of another identity, or written since, is not touched, though this server ignores If-Match", async () => {
  const bucket = await freshBucket();
  for (const key of ["etag", "size", "same"]) await put(bucket, key);
  const requestedAt = await passedSecond();
  await put(bucket, "rewritten");
  await using store = await openS3Store(rgw, { identity: "check" });
  const etag = '"9dd4e461268c8034f5c8564e155c67a6"';
  const locations: Location[] = [
    { ...at(bucket, "etag"), identity: { etag: "0000" } },
    { ...at(bucket, "size"), metadata: { size: 99 } },
    { ...at(bucket, "same"), identity: { etag, size: 1 } },
    at(bucket, "rewritten"),
  ];
  expect((await remove(store, locations, requestedAt)).map(({ kind }) => kind)).toEqual([
    "changed",
    "changed",
    "deleted",
    "changed",
  ]);
  expect(await keysIn(client, bucket)).toEqual(["etag", "rewritten", "size"]);
  await using unchecked = await openS3Store(rgw);
  expect((await remove(unchecked, locations.slice(0, 2), requestedAt)).map(({ kind }) => kind)).toEqual([
    "changed",
    "changed",
  ]);
});

test("unfinished uploads of a deleted key are aborted where the option says so, and of no other key", async () => {
  const bucket = await freshBucket();
  for (const key of ["k", "k2"]) {
    await put(bucket, key);
    await client.send(new CreateMultipartUploadCommand({ Bucket: bucket, Key: key }));
  }
  const uploads = async (): Promise<readonly (string | undefined)[]> =>
    ((await client.send(new ListMultipartUploadsCommand({ Bucket: bucket }))).Uploads ?? []).map(({ Key }) => Key);
  await using plain = await openS3Store(rgw);
  await remove(plain, [at(bucket, "k")]);
  expect(await uploads()).toEqual(["k", "k2"]);
  await using store = await openS3Store(rgw, { abortUploads: true });
  await remove(store, [at(bucket, "k")]);
  expect(await uploads()).toEqual(["k2"]);
});

test("credentials in Glance's locations sign where the option says so, and a wrong pair there concerns nobody else", async () => {
  const bucket = await freshBucket();
  const guest = await rgw.createUser("glance");
  await allow(bucket, "glance", ["s3:DeleteObject"]);
  for (const key of ["one", "two", "three"]) await put(bucket, key);
  const host = rgw.endpoint.replace("http://", "");
  await using store = await openS3Store({ ...rgw, secretAccessKey: "only-the-locations-know" }, { glanceUris: true });
  const outcomes = await remove(store, [
    { uri: `s3://${guest.accessKeyId}:${guest.secretAccessKey}@${host}/${bucket}/one` },
    { uri: `s3+http://${guest.accessKeyId}:not/the/secret@${host}/${bucket}/two` },
  ]);
  expect(outcomes).toEqual([
    { kind: "deleted", note: "identity: unchecked" },
    { kind: "denied", reason: "the credentials in the location are refused (SignatureDoesNotMatch)" },
  ]);
  expect(await keysIn(client, bucket)).toEqual(["three", "two"]);
});

test("the probe finds buckets, proves deletion with an object of its own, and leaves nothing", async () => {
  const bucket = await freshBucket({ versioned: true });
  const other = await freshBucket();
  await policy(other, {
    Effect: "Deny",
    Principal: "*",
    Action: "s3:DeleteObject",
    Resource: `arn:aws:s3:::${other}/*`,
  });
  await using store = await openS3Store(rgw, { buckets: [bucket, other, "no-such-bucket"] });
  const signal = AbortSignal.timeout(60_000);
  expect((await store.probe({ signal, write: false })).map(({ level }) => level)).toEqual([
    "ok",
    "ok",
    "ok",
    "problem",
  ]);
  const findings = await store.probe({ signal, write: true });
  expect(findings.map(({ level }) => level)).toEqual(["ok", "ok", "ok", "ok", "problem", "problem"]);
  expect(findings[4]?.message).toContain(other);
  expect(await versionsIn(bucket)).toEqual([]);
});

async function freshBucket({ versioned = false, locked = false } = {}): Promise<string> {
  const bucket = `bucket-${++buckets}`;
  await client.send(new CreateBucketCommand({ Bucket: bucket, ...(locked && { ObjectLockEnabledForBucket: true }) }));
  if (versioned)
    await client.send(
      new PutBucketVersioningCommand({ Bucket: bucket, VersioningConfiguration: { Status: "Enabled" } }),
    );
  return bucket;
}

function put(
  bucket: string,
  key: string,
  more: Partial<PutObjectCommandInput> = {},
): Promise<{ VersionId?: string | undefined }> {
  return client.send(new PutObjectCommand({ Bucket: bucket, Key: key, Body: "x", ...more }));
}

function at(bucket: string, key: string): Location {
  return { uri: `s3://${bucket}/${encodeURIComponent(key)}` };
}

/** An instant after all that was written and before all that will be, also for a clock of whole seconds. */
async function passedSecond(): Promise<Date> {
  const instant = new Date(Math.ceil(Date.now() / 1000) * 1000);
  await expect.poll(() => Date.now(), { timeout: 10_000, interval: 20 }).toBeGreaterThan(instant.getTime() + 1000);
  return instant;
}

async function remove(
  store: Store,
  locations: readonly Location[],
  requestedAt = new Date(Date.now() + 1000),
): Promise<readonly Outcome[]> {
  return store.delete(targets(store, locations, requestedAt), { signal: AbortSignal.timeout(120_000) });
}

async function inspect(store: Store, locations: readonly Location[]): ReturnType<Store["inspect"]> {
  return store.inspect(targets(store, locations, new Date()), { signal: AbortSignal.timeout(120_000) });
}

function targets(store: Store, locations: readonly Location[], requestedAt: Date): Parameters<Store["delete"]>[0] {
  return locations.map((location) => targetOf(store, location, requestedAt));
}

/** All versions and markers of a bucket as another client lists them. */
async function versionsIn(bucket: string): Promise<readonly string[]> {
  const { Versions = [], DeleteMarkers = [] } = await client.send(new ListObjectVersionsCommand({ Bucket: bucket }));
  return [
    ...Versions.map(({ Key }) => `${Key ?? ""}`),
    ...DeleteMarkers.map(({ Key }) => `${Key ?? ""} marker`),
  ].toSorted();
}

async function policy(bucket: string, statement: Readonly<Record<string, unknown>>): Promise<void> {
  await client.send(
    new PutBucketPolicyCommand({
      Bucket: bucket,
      Policy: JSON.stringify({ Version: "2012-10-17", Statement: [statement] }),
    }),
  );
}

/** Lets another user do this in the bucket and with its objects, and nothing else. */
async function allow(bucket: string, user: string, actions: readonly string[]): Promise<void> {
  await policy(bucket, {
    Effect: "Allow",
    Principal: { AWS: [`arn:aws:iam:::user/${user}`] },
    Action: actions,
    Resource: [`arn:aws:s3:::${bucket}`, `arn:aws:s3:::${bucket}/*`],
  });
}
