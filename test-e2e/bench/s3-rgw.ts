import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { CreateBucketCommand, PutObjectCommand, type S3Client } from "@aws-sdk/client-s3";
import { startRgw, type Rgw } from "../servers/rgw.ts";
import { keysIn, openS3Store, otherClient, run, targetOf } from "../servers/s3-server.ts";

const OBJECTS = 2000;
const ROUNDS = 3;

/** How long the store takes to delete all objects of a bucket on Ceph RGW, against the tools that people have (Debian: rclone, s3cmd, awscli), in turns. */
export async function bench(): Promise<void> {
  await using rgw = await startRgw();
  const client = otherClient(rgw);
  const folder = await mkdtemp(join(tmpdir(), "scrubber-bench-"));
  const arms = await armsFor(rgw, folder);
  const seconds: Record<string, number[]> = {};
  let bucket = 0;
  try {
    for (let round = 0; round < ROUNDS; round++) {
      for (const [name, deleteAll] of Object.entries(arms)) {
        const Bucket = `bench-${++bucket}`;
        const keys = await fill(client, Bucket);
        const began = performance.now();
        await deleteAll(Bucket, keys);
        (seconds[name] ??= []).push((performance.now() - began) / 1000);
        const left = await keysIn(client, Bucket);
        if (left.length > 0) throw new Error(`${name} left ${left.length} objects`);
      }
    }
  } finally {
    client.destroy();
    await rm(folder, { recursive: true, force: true });
  }
  const ours = seconds["store-s3"] ?? [];
  console.log(
    "%d objects on Ceph RGW, wall, median of %d rounds in turns; the other tools with their start",
    OBJECTS,
    ROUNDS,
  );
  console.table(
    Object.fromEntries(
      Object.entries(seconds).map(([name, walls]) => [
        name,
        {
          seconds: median(walls).toFixed(2),
          "store-s3 takes": median(walls.map((wall, i) => (ours[i] ?? Number.NaN) / wall)).toFixed(2),
        },
      ]),
    ),
  );
  console.log("reach: <= 0.55 of rclone's default, <= 0.3 of aws s3 rm");
}

/** A certificate authority for other servers, which some of the tools stumble over. */
const NO_CA = { AWS_CA_BUNDLE: "" };

type DeleteAll = (bucket: string, keys: readonly string[]) => Promise<unknown>;

async function armsFor(rgw: Rgw, folder: string): Promise<Readonly<Record<string, DeleteAll>>> {
  const { endpoint, accessKeyId, secretAccessKey } = rgw;
  const host = endpoint.replace("http://", "");
  const s3cfg = join(folder, "s3cfg");
  await writeFile(
    s3cfg,
    `[default]\naccess_key = ${accessKeyId}\nsecret_key = ${secretAccessKey}\nhost_base = ${host}\nhost_bucket = ${host}\nuse_https = False\n`,
  );
  const aws = {
    ...NO_CA,
    AWS_ACCESS_KEY_ID: accessKeyId,
    AWS_SECRET_ACCESS_KEY: secretAccessKey,
    AWS_DEFAULT_REGION: "us-east-1",
    AWS_CONFIG_FILE: "/dev/null",
  };
  const remote = `:s3,provider=Ceph,access_key_id=${accessKeyId},secret_access_key=${secretAccessKey},endpoint='${endpoint}',force_path_style=true:`;
  return {
    "store-s3": async (bucket, keys) => {
      await using store = await openS3Store(rgw);
      const signal = AbortSignal.timeout(120_000);
      const requestedAt = new Date();
      const batches = Array.from({ length: Math.ceil(keys.length / 500) }, (_, i) =>
        keys.slice(i * 500, (i + 1) * 500),
      );
      await Promise.all(
        batches.map((batch) =>
          store.delete(
            batch.map((key) => targetOf(store, { uri: `s3://${bucket}/${key}` }, requestedAt)),
            { signal },
          ),
        ),
      );
    },
    "rclone delete": (bucket) => run("rclone", ["--config", "/dev/null", "delete", `${remote}${bucket}`], NO_CA),
    "s3cmd del --recursive": (bucket) =>
      run("s3cmd", ["-c", s3cfg, "del", "--recursive", "--force", `s3://${bucket}/`]),
    "aws s3 rm --recursive": (bucket) =>
      run("/usr/bin/aws", ["--endpoint-url", endpoint, "s3", "rm", "--recursive", "--quiet", `s3://${bucket}/`], aws),
  };
}

async function fill(client: S3Client, Bucket: string): Promise<readonly string[]> {
  await client.send(new CreateBucketCommand({ Bucket }));
  const keys = Array.from({ length: OBJECTS }, (_, i) => `object-${i}`);
  const left = [...keys];
  const worker = async (): Promise<void> => {
    for (let Key = left.pop(); Key !== undefined; Key = left.pop())
      await client.send(new PutObjectCommand({ Bucket, Key, Body: "x" }));
  };
  await Promise.all(Array.from({ length: 16 }, worker));
  return keys;
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[sorted.length >> 1] ?? Number.NaN;
}
