import {
  CreateBucketCommand,
  ListObjectVersionsCommand,
  PutBucketVersioningCommand,
  PutObjectCommand,
  type S3Client,
} from "@aws-sdk/client-s3";
import type { Location, Outcome, Store } from "@scrubber/core";
import { oddNames } from "@scrubber/core/conformance";
import { afterAll, beforeAll, expect, test } from "vitest";
import { keysIn, openS3Store, otherClient, targetOf, type S3Server } from "./servers/s3-server.ts";
import { startSwift } from "./servers/swift.ts";

let swift: S3Server;
let client: S3Client;
let buckets = 0;

beforeAll(async () => {
  swift = await startSwift();
  client = otherClient(swift);
});
afterAll(async () => {
  client?.destroy();
  await swift?.[Symbol.asyncDispose]();
});

test("a server that demands Content-MD5 gets it, without a setting", async () => {
  const bucket = await freshBucket();
  const keys = Array.from({ length: 30 }, (_, i) => `k${i}`);
  for (const key of [...keys, "stays"]) await put(bucket, key);
  await using store = await openS3Store(swift);
  expect(
    await remove(
      store,
      keys.map((key) => at(bucket, key)),
    ),
  ).toEqual(keys.map(() => ({ kind: "deleted", note: "identity: unchecked" })));
  expect(await keysIn(client, bucket)).toEqual(["stays"]);
});

test("odd keys are deleted one and all, and nothing beside them is touched", async () => {
  const bucket = await freshBucket();
  const neighbours = ["a", "a b ", "a+b+", "x", "y", "a/b", "pct/key", "newline", "control"];
  for (const key of [...oddNames, ...neighbours]) await put(bucket, key);
  await using store = await openS3Store(swift);
  for (const key of oddNames) {
    expect(await remove(store, [at(bucket, key)])).toEqual([{ kind: "deleted", note: "identity: unchecked" }]);
    expect((await keysIn(client, bucket)).filter((left) => left === key)).toEqual([]);
  }
  expect(await keysIn(client, bucket)).toEqual(neighbours.toSorted());
});

test("versions go though the answers of this server do not mention markers", async () => {
  const bucket = await freshBucket();
  await client.send(new PutBucketVersioningCommand({ Bucket: bucket, VersioningConfiguration: { Status: "Enabled" } }));
  for (const key of ["a", "a", "ab"]) await put(bucket, key);
  await using current = await openS3Store(swift, { versions: "current" });
  expect(await remove(current, [at(bucket, "a")])).toEqual([{ kind: "marker", asked: true }]);
  await using store = await openS3Store(swift);
  expect(await remove(store, [at(bucket, "a")])).toEqual([{ kind: "deleted", bytes: 2 }]);
  const { Versions = [], DeleteMarkers = [] } = await client.send(new ListObjectVersionsCommand({ Bucket: bucket }));
  expect([Versions.map(({ Key }) => Key), DeleteMarkers]).toEqual([["ab"], []]);
});

test("a missing bucket and wrong credentials are the environment's fault", async () => {
  await using store = await openS3Store(swift);
  await expect(remove(store, [at("no-such-bucket", "k")])).rejects.toMatchObject({
    code: "SCRUBBER_STORE_MISCONFIGURED",
  });
  await using stranger = await openS3Store({ ...swift, secretAccessKey: "wrong" });
  await expect(remove(stranger, [at("no-such-bucket", "k")])).rejects.toMatchObject({
    code: "SCRUBBER_STORE_MISCONFIGURED",
  });
});

test("an object of another identity is not touched", async () => {
  const bucket = await freshBucket();
  for (const key of ["same", "other"]) await put(bucket, key);
  await using store = await openS3Store(swift, { identity: "check" });
  const outcomes = await remove(store, [
    { ...at(bucket, "same"), identity: { etag: "9dd4e461268c8034f5c8564e155c67a6" } },
    { ...at(bucket, "other"), identity: { etag: "0000" } },
    at(bucket, "never"),
  ]);
  expect(outcomes).toMatchObject([{ kind: "deleted", bytes: 1 }, { kind: "changed" }, { kind: "absent" }]);
  expect(await keysIn(client, bucket)).toEqual(["other"]);
});

async function freshBucket(): Promise<string> {
  const bucket = `bucket-${++buckets}`;
  await client.send(new CreateBucketCommand({ Bucket: bucket }));
  return bucket;
}

async function put(bucket: string, key: string): Promise<void> {
  await client.send(new PutObjectCommand({ Bucket: bucket, Key: key, Body: "x" }));
}

function at(bucket: string, key: string): Location {
  return { uri: `s3://${bucket}/${encodeURIComponent(key)}` };
}

async function remove(store: Store, locations: readonly Location[]): Promise<readonly Outcome[]> {
  const requestedAt = new Date(Date.now() + 1000);
  const targets = locations.map((location) => targetOf(store, location, requestedAt));
  return store.delete(targets, { signal: AbortSignal.timeout(120_000) });
}
