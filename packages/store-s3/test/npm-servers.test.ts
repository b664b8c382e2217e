import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { CreateBucketCommand, ListObjectsV2Command, PutObjectCommand, S3Client } from "@aws-sdk/client-s3";
import { oddNames } from "@scrubber/core/conformance";
import { startFauxqs } from "fauxqs";
import S3rver from "s3rver";
import { expect, test } from "vitest";
import { at, inspect, kinds, openS3, remove, targetsOf } from "./opening.ts";

interface Running extends AsyncDisposable {
  readonly endpoint: string;
  readonly key: string;
}

async function s3rver(): Promise<Running> {
  const directory = await mkdtemp(join(tmpdir(), "scrubber-s3rver-"));
  const server = new S3rver({ directory, address: "127.0.0.1", port: 0, silent: true });
  const { port } = await server.run();
  return {
    endpoint: `http://127.0.0.1:${port}`,
    key: "S3RVER",
    async [Symbol.asyncDispose]() {
      const closed = once(server.httpServer, "close");
      server.httpServer.closeAllConnections();
      server.httpServer.close();
      await closed;
      await rm(directory, { recursive: true, force: true });
    },
  };
}

/** Servers that others wrote, and the odd keys that they cannot even keep. */
const servers: readonly {
  readonly name: string;
  readonly start: () => Promise<Running>;
  readonly cannotKeep: readonly string[];
}[] = [
  {
    name: "fauxqs",
    async start() {
      const server = await startFauxqs({ port: 0, host: "127.0.0.1", logger: false });
      return { endpoint: `http://127.0.0.1:${server.port}`, key: "test", [Symbol.asyncDispose]: () => server.stop() };
    },
    cannotKeep: [],
  },
  {
    name: "s3rver",
    start: s3rver,
    // Its objects are files: a//b is a/b there, and its XML has no words for a control character.
    cannotKeep: ["a//b", "./x", "../y", "control\u0001key"],
  },
];
test.each(servers)(
  "$name: odd keys are deleted in one call, and what stands beside them stays",
  async ({ start, cannotKeep }) => {
    await using server = await start();
    const credentials = { accessKeyId: server.key, secretAccessKey: server.key };
    const client = new S3Client({
      endpoint: server.endpoint,
      region: "us-east-1",
      forcePathStyle: true,
      credentials: { ...credentials },
    });
    await client.send(new CreateBucketCommand({ Bucket: "bucket" }));
    const keys = oddNames.filter((key) => !cannotKeep.includes(key));
    for (const key of [...keys, "a", "stays"])
      await client.send(new PutObjectCommand({ Bucket: "bucket", Key: key, Body: "x" }));
    await using store = await openS3({ endpoint: server.endpoint, ...credentials });
    expect(
      kinds(
        await remove(
          store,
          keys.map((key) => at("bucket", key)),
        ),
      ),
    ).toEqual(keys.map(() => "deleted"));
    const { Contents = [] } = await client.send(new ListObjectsV2Command({ Bucket: "bucket" }));
    expect(Contents.map(({ Key = "" }) => Key).toSorted()).toEqual(["a", "stays"]);
    expect(
      kinds(
        await inspect(
          store,
          ["a", ...keys].map((key) => at("bucket", key)),
        ),
      ),
    ).toEqual(["present", ...keys.map(() => "absent")]);
    await expect(remove(store, [at("missing-bucket", "k")])).rejects.toMatchObject({
      code: "SCRUBBER_STORE_MISCONFIGURED",
    });
    client.destroy();
  },
);

test("a server whose objects are files deletes a/b where a//b is meant: so who names the one needs the other", async () => {
  await using server = await s3rver();
  const credentials = { accessKeyId: server.key, secretAccessKey: server.key };
  const client = new S3Client({
    endpoint: server.endpoint,
    region: "us-east-1",
    forcePathStyle: true,
    credentials: { ...credentials },
  });
  await client.send(new CreateBucketCommand({ Bucket: "bucket" }));
  for (const Key of ["a/b", "stays"]) await client.send(new PutObjectCommand({ Bucket: "bucket", Key, Body: "x" }));
  await using store = await openS3({ endpoint: server.endpoint, ...credentials });
  const [plain, doubled] = targetsOf(store, [at("bucket", "a/b"), at("bucket", "a//b")]);
  // It stumbles over what it did.
  await remove(store, [at("bucket", "a//b")]).catch(() => undefined);
  const { Contents = [] } = await client.send(new ListObjectsV2Command({ Bucket: "bucket" }));
  expect(Contents.map(({ Key }) => Key)).toEqual(["stays"]);
  expect(doubled?.within).toBe(plain?.key);
  client.destroy();
});
