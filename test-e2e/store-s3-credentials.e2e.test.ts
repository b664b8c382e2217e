import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { CreateBucketCommand, PutBucketPolicyCommand, PutObjectCommand, type S3Client } from "@aws-sdk/client-s3";
import { createMemoryQueue, memoryQueue } from "@scrubber/core/memory";
import { createScrubber, type RunSummary } from "@scrubber/engine";
import s3 from "@scrubber/store-s3";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startFaultProxy, type FaultProxy } from "./servers/fault-proxy.ts";
import { startRgw, type Rgw } from "./servers/rgw.ts";
import { keysIn, otherClient, run } from "./servers/s3-server.ts";

const MAIN = fileURLToPath(new URL("../apps/scrubber/src/main.ts", import.meta.url));
const BUCKET = "bucket";
let rgw: Rgw;
let client: S3Client;
let proxy: FaultProxy;
/** Who signed each deletion that came through the proxy. */
let signers: string[];

beforeAll(async () => {
  rgw = await startRgw();
  client = otherClient(rgw);
  proxy = await startFaultProxy(rgw.endpoint);
  signers = [];
  proxy.choose = ({ method, headers }) => {
    const signer = /Credential=([^/]+)\//.exec(headers.authorization ?? "")?.[1];
    if (method === "POST") signers.push(signer ?? "");
    return undefined;
  };
  await client.send(new CreateBucketCommand({ Bucket: BUCKET }));
});
afterAll(async () => {
  client?.destroy();
  await proxy?.[Symbol.asyncDispose]();
  await rgw?.[Symbol.asyncDispose]();
});

test("the command takes credentials from the environment and from files, and prints neither", async () => {
  const folder = await mkdtemp(join(tmpdir(), "scrubber-secrets-"));
  const scrubber = (...args: readonly string[]): Promise<string> =>
    run(
      process.execPath,
      ["--conditions=@scrubber/source", MAIN, ...args, "--config", join(folder, "scrubber.yaml"), "--json"],
      { KEY_OF_THE_TEST: rgw.accessKeyId },
    );
  try {
    await writeFile(
      join(folder, "scrubber.yaml"),
      `queue: { use: "@scrubber/queue-file", with: { directory: ./queue } }
stores:
  - use: "@scrubber/store-s3"
    with: { endpoint: "${proxy.endpoint}", accessKeyId: "env:KEY_OF_THE_TEST", secretAccessKey: "file:secret" }
`,
    );
    await client.send(new PutObjectCommand({ Bucket: BUCKET, Key: "object", Body: "x" }));
    await writeFile(join(folder, "secret"), "not-the-secret\n");
    await scrubber("add", "image", `s3://${BUCKET}/object`);
    const refused: unknown = await scrubber("run", "--once").catch((error: unknown) => error);
    expect(String(refused)).toContain("SignatureDoesNotMatch");
    expect(String(refused)).not.toMatch(/not-the-secret/);
    expect(await keysIn(client, BUCKET)).toEqual(["object"]);
    await writeFile(join(folder, "secret"), `${rgw.secretAccessKey}\n`);
    // What the outage put off comes back after a while.
    const again = async (): Promise<readonly string[]> => {
      expect(await scrubber("run", "--once")).not.toContain(rgw.secretAccessKey);
      return keysIn(client, BUCKET);
    };
    await expect.poll(again, { timeout: 120_000 }).toEqual([]);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});

test("one object under two pairs of credentials is one deletion, signed by the pair that was due first, and answers both entries", async () => {
  const [first, second] = [await rgw.createUser("first"), await rgw.createUser("second")];
  await allow("first", "second");
  expect(await runOn([first, second])).toMatchObject({ leased: 2, deleted: 2, images: 0 });
  expect(signers).toEqual([first.accessKeyId]);
  expect(await keysIn(client, BUCKET)).toEqual([]);
});

test("where the pair that was due first is refused, the other entry is tried with its own, and the object goes", async () => {
  const good = await rgw.createUser("good");
  await allow("good");
  const summary = await runOn([{ ...good, secretAccessKey: "another-secret" }, good]);
  expect(summary).toMatchObject({ leased: 2, deleted: 1, retried: 1 });
  expect(await keysIn(client, BUCKET)).toEqual([]);
});

interface Pair {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
}

/** Queues the same object once for each pair, due in this order, and works through the queue once. */
async function runOn(pairs: readonly Pair[]): Promise<RunSummary> {
  signers.length = 0;
  await client.send(new PutObjectCommand({ Bucket: BUCKET, Key: "object", Body: "x" }));
  await using scrubber = await createScrubber({
    queue: { use: memoryQueue, with: { instance: createMemoryQueue() } },
    stores: [{ use: s3, with: { endpoint: proxy.endpoint, glanceUris: true } }],
  });
  const host = new URL(proxy.endpoint).host;
  await scrubber.add(
    pairs.map(({ accessKeyId, secretAccessKey }, place) => ({
      imageId: `image-${place}`,
      location: { uri: `s3://${accessKeyId}:${secretAccessKey}@${host}/${BUCKET}/object` },
      requestedAt: new Date(Date.now() + 1000),
      dueAt: new Date(place),
    })),
  );
  return await scrubber.runOnce();
}

/** Lets these users delete in the bucket, and nothing else. */
async function allow(...users: readonly string[]): Promise<void> {
  const statement = {
    Effect: "Allow",
    Principal: { AWS: users.map((user) => `arn:aws:iam:::user/${user}`) },
    Action: ["s3:DeleteObject"],
    Resource: [`arn:aws:s3:::${BUCKET}`, `arn:aws:s3:::${BUCKET}/*`],
  };
  await client.send(
    new PutBucketPolicyCommand({
      Bucket: BUCKET,
      Policy: JSON.stringify({ Version: "2012-10-17", Statement: [statement] }),
    }),
  );
}
