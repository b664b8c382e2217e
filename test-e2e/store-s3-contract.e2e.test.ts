import {
  CreateBucketCommand,
  HeadObjectCommand,
  ListObjectVersionsCommand,
  PutBucketVersioningCommand,
  PutObjectCommand,
  PutObjectLegalHoldCommand,
  type S3Client,
} from "@aws-sdk/client-s3";
import type { Location, StoreSupports } from "@scrubber/core";
import { testStore, type StoreUnderTest } from "@scrubber/core/conformance";
import { afterAll, beforeAll, describe, test } from "vitest";
import { startFaultProxy, type FaultProxy } from "./servers/fault-proxy.ts";
import { startRgw } from "./servers/rgw.ts";
import { openS3Store, otherClient, type S3Server } from "./servers/s3-server.ts";
import { startSwift } from "./servers/swift.ts";

/** A kind of bucket, and what of the store's abilities nobody can see in it. */
interface Kind {
  readonly name: string;
  readonly versioned?: boolean;
  readonly locked?: boolean;
  readonly lacks: Partial<StoreSupports>;
  /** Most objects in a call, where making a thousand of them, and their versions, takes long. */
  readonly batch?: number;
}

const UNVERSIONED: Kind = { name: "without versions", lacks: { holds: false, versions: false } };
const VERSIONED: Kind = { name: "that keeps versions", versioned: true, lacks: { holds: false }, batch: 50 };
const LOCKED: Kind = { name: "that keeps versions and locks", locked: true, lacks: {}, batch: 50 };

describe.each([
  { server: "Ceph RGW", start: startRgw, kinds: [UNVERSIONED, VERSIONED, LOCKED] },
  { server: "OpenStack Swift", start: startSwift, kinds: [{ ...UNVERSIONED, batch: 50 }, VERSIONED] },
])("$server", ({ server, start, kinds }) => {
  let running: S3Server;
  let client: S3Client;
  let proxy: FaultProxy;
  let buckets = 0;

  beforeAll(async () => {
    running = await start();
    client = otherClient(running);
    proxy = await startFaultProxy(running.endpoint);
  });
  afterAll(async () => {
    client?.destroy();
    await proxy?.[Symbol.asyncDispose]();
    await running?.[Symbol.asyncDispose]();
  });

  for (const kind of kinds) {
    testStore({ describe, test }, { name: `s3 on ${server}, in a bucket ${kind.name},`, open: () => place(kind) });
  }

  async function place({ versioned = false, locked = false, lacks, batch }: Kind): Promise<StoreUnderTest> {
    const Bucket = `kit-${++buckets}`;
    await client.send(new CreateBucketCommand({ Bucket, ...(locked && { ObjectLockEnabledForBucket: true }) }));
    if (versioned) {
      await client.send(new PutBucketVersioningCommand({ Bucket, VersioningConfiguration: { Status: "Enabled" } }));
    }
    const store = await openS3Store(
      { ...running, endpoint: proxy.endpoint },
      { buckets: [Bucket], identity: "check", hosts: [new URL(running.endpoint).host] },
    );
    const locate = (name: string): Location => ({ uri: `s3://${Bucket}/${name}` });
    const keyOf = ({ uri }: Location): string => decodeURIComponent(uri.slice(uri.lastIndexOf("/") + 1));
    const put = (Key: string, Body: string | Uint8Array): Promise<unknown> =>
      client.send(new PutObjectCommand({ Bucket, Key, Body }));
    const look = async (location: Location): Promise<NonNullable<Location["identity"]>> => {
      const { ETag, ContentLength, LastModified, VersionId } = await client.send(
        new HeadObjectCommand({ Bucket, Key: keyOf(location) }),
      );
      return {
        ...(ETag !== undefined && { etag: ETag.replaceAll('"', "") }),
        ...(ContentLength !== undefined && { size: ContentLength }),
        ...(LastModified !== undefined && { modifiedAt: LastModified }),
        ...(VersionId !== undefined && { versionId: VersionId }),
      };
    };
    return {
      store: {
        schemes: store.schemes,
        supports: { ...store.supports, ...lacks },
        limits: { ...store.limits, ...(batch !== undefined && { batch }) },
        place: store.place ?? "",
        target: (of) => store.target(of),
        delete: (targets, call) => store.delete(targets, call),
        inspect: (targets, call) => store.inspect(targets, call),
        probe: (call) => store.probe(call),
        [Symbol.asyncDispose]: () => store[Symbol.asyncDispose](),
      },
      locate,
      // By another port, without the proxy.
      second: () => openS3Store(running, { versions: "current" }),
      async create(name, content) {
        await put(name, content);
        return locate(name);
      },
      replace: async (location) => void (await put(keyOf(location), "something else, and of another length")),
      async exists(location) {
        try {
          await look(location);
          return true;
        } catch (error) {
          if (error instanceof Error && error.name === "NotFound") return false;
          throw error;
        }
      },
      identify: look,
      ...(locked && {
        hold: async (location: Location) =>
          void (await client.send(
            new PutObjectLegalHoldCommand({ Bucket, Key: keyOf(location), LegalHold: { Status: "ON" } }),
          )),
      }),
      async count() {
        const { Versions = [], DeleteMarkers = [] } = await client.send(new ListObjectVersionsCommand({ Bucket }));
        return Versions.length + DeleteMarkers.length;
      },
      spellings({ uri }) {
        const word = uri.slice(uri.lastIndexOf("/") + 1);
        return [
          { uri: `S3://${Bucket}/${word}` },
          { uri: `s3://${Bucket}/%${word.charCodeAt(0).toString(16)}${word.slice(1)}` },
          { uri: `s3+http://${new URL(running.endpoint).host}/${Bucket}/${word}` },
        ];
      },
      foreign: [{ uri: "s3+https://elsewhere.example.com/bucket/object" }, { uri: "s3://another-bucket/object" }],
      refused: [{ uri: `s3://${Bucket}` }, { uri: `s3://${Bucket}/object?versionId=verysecret` }],
      async breakBackend() {
        proxy.choose = () => async () => "cut";
        return async () => {
          proxy.choose = () => undefined;
        };
      },
      [Symbol.asyncDispose]: () => store[Symbol.asyncDispose](),
    };
  }
});
