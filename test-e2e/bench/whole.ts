import { mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { CreateBucketCommand, type S3Client } from "@aws-sdk/client-s3";
import { createScrubber } from "@scrubber/engine";
import queueFile from "@scrubber/queue-file";
import azure from "@scrubber/store-azure";
import fs from "@scrubber/store-fs";
import s3 from "@scrubber/store-s3";
import { freePort } from "../servers/database-server.ts";
import { startRgw, type Rgw } from "../servers/rgw.ts";
import { keysIn, otherClient } from "../servers/s3-server.ts";
import { median } from "./measure/process.ts";

/** Ten thousand entries over three stores. */
const EACH = 3334;
const PAIRS = 5;

/** What one run took: wall until the last file and object are settled, and this process's CPU in all of it. */
interface Run {
  readonly seconds: number;
  readonly cpuSeconds: number;
}

/**
 * The pace of files and S3 in a run that has as many entries of an Azure that is down, against the same run without those. A pair is four runs, with, without,
 * without, with, or the other way round: what drifts meanwhile meets both alike.
 */
export async function bench(): Promise<void> {
  await using rgw = await startRgw();
  const client = otherClient(rgw);
  try {
    const paces: number[] = [];
    const costs: number[] = [];
    let bucket = 0;
    for (let pair = 0; pair < PAIRS; pair++) {
      const sums = { with: { seconds: 0, cpuSeconds: 0 }, without: { seconds: 0, cpuSeconds: 0 } };
      const order = ["with", "without", "without", "with"] as const;
      for (const arm of pair % 2 === 0 ? order : order.map((one) => (one === "with" ? "without" : "with"))) {
        const run = await runOnce(rgw, client, `whole-${bucket++}`, arm === "with");
        sums[arm].seconds += run.seconds;
        sums[arm].cpuSeconds += run.cpuSeconds;
      }
      const { with: down, without } = sums;
      paces.push(without.seconds / down.seconds);
      costs.push(((down.cpuSeconds - without.cpuSeconds) / 2 / EACH) * 1e6);
      console.log(
        "with Azure down %s s and %s s CPU, without %s s and %s s CPU, of two runs each",
        ...[down.seconds, down.cpuSeconds, without.seconds, without.cpuSeconds].map((value) => value.toFixed(2)),
      );
    }
    console.log("%d files and %d objects on Ceph RGW, median of %d pairs", EACH, EACH, PAIRS);
    console.log("pace with Azure down / without its entries: %s (reach 0.95)", median(paces).toFixed(3));
    console.log("what an entry of Azure costs this process: %s µs CPU", median(costs).toFixed(0));
  } finally {
    client.destroy();
  }
}

async function runOnce(rgw: Rgw, client: S3Client, Bucket: string, withAzure: boolean): Promise<Run> {
  const root = await mkdtemp(join(tmpdir(), "scrubber-bench-"));
  try {
    const files = join(root, "files");
    await mkdir(files);
    // Anybody may write: signing each of so many requests would take longer than all that is measured.
    await client.send(new CreateBucketCommand({ Bucket, ACL: "public-read-write" }));
    const names = Array.from({ length: EACH }, (_, i) => `object-${i}`);
    const left = [...names];
    const fill = async (): Promise<void> => {
      for (let name = left.pop(); name !== undefined; name = left.pop()) {
        await writeFile(join(files, name), "x");
        const put = await fetch(`${rgw.endpoint}/${Bucket}/${name}`, { method: "PUT", body: "x" });
        if (!put.ok) throw new Error(`the object ${name} was not made: HTTP ${put.status}`);
      }
    };
    await Promise.all(Array.from({ length: 16 }, fill));

    const { endpoint, accessKeyId, secretAccessKey } = rgw;
    const refused = `http://127.0.0.1:${await freePort()}/devstoreaccount1`;
    let settledAt = 0;
    await using scrubber = await createScrubber(
      {
        queue: { use: queueFile, with: { directory: join(root, "queue") } },
        stores: [
          { id: "fs", use: fs, with: { roots: [files], marker: false } },
          { id: "s3", use: s3, with: { endpoint, accessKeyId, secretAccessKey } },
          {
            id: "azure",
            use: azure,
            with: { account: "devstoreaccount1", accountKey: Buffer.alloc(64).toString("base64"), endpoint: refused },
          },
        ],
      },
      {
        onEvent(event) {
          if (event.type === "batch.settled" && event.store !== "azure") settledAt = performance.now();
        },
      },
    );
    const prefixes = [`${pathToFileURL(files).href}/`, `s3://${Bucket}/`, ...(withAzure ? ["azure://whole/"] : [])];
    const requestedAt = new Date(Date.now() + 1000);
    await scrubber.add(
      names.flatMap((name) =>
        prefixes.map((prefix) => ({
          imageId: name,
          location: { uri: prefix + name },
          requestedAt,
          dueAt: new Date(0),
        })),
      ),
    );
    const cpuBefore = process.cpuUsage();
    const began = performance.now();
    const { deleted, absent } = await scrubber.runOnce();
    const { user, system } = process.cpuUsage(cpuBefore);
    if (deleted + absent !== 2 * EACH || (await readdir(files)).length + (await keysIn(client, Bucket)).length > 0)
      throw new Error(`${deleted + absent} of ${2 * EACH} were deleted`);
    return { seconds: (settledAt - began) / 1000, cpuSeconds: (user + system) / 1e6 };
  } finally {
    await rm(root, { recursive: true, force: true });
  }
}
