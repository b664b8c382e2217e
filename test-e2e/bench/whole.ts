import { mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { CreateBucketCommand, PutObjectCommand, type S3Client } from "@aws-sdk/client-s3";
import { createScrubber } from "@scrubber/engine";
import queueFile from "@scrubber/queue-file";
import azure from "@scrubber/store-azure";
import fs from "@scrubber/store-fs";
import s3 from "@scrubber/store-s3";
import { freePort } from "../servers/database-server.ts";
import { startRgw, type Rgw } from "../servers/rgw.ts";
import { keysIn, otherClient } from "../servers/s3-server.ts";
import { median } from "./measure/process.ts";

const EACH = 1000;
const PAIRS = 5;

/** The pace of files and S3 in a run that has as many entries of an Azure that is down, against the same run without those, in pairs. */
export async function bench(): Promise<void> {
  await using rgw = await startRgw();
  const client = otherClient(rgw);
  try {
    const ratios: number[] = [];
    for (let pair = 0; pair < PAIRS; pair++) {
      const seconds: Record<"with" | "without", number> = { with: 0, without: 0 };
      // Each goes first in its turn.
      for (const arm of pair % 2 === 0 ? (["with", "without"] as const) : (["without", "with"] as const))
        seconds[arm] = await secondsOf(rgw, client, `whole-${arm}-${pair}`, arm === "with");
      ratios.push(seconds.without / seconds.with);
      console.log("with Azure down %s s, without %s s", seconds.with.toFixed(3), seconds.without.toFixed(3));
    }
    console.log("%d files and %d objects on Ceph RGW, median of %d pairs", EACH, EACH, PAIRS);
    console.log("pace with Azure down / without its entries: %s (reach 0.95)", median(ratios).toFixed(3));
  } finally {
    client.destroy();
  }
}

/** From the start of the run until the last file and object are settled. */
async function secondsOf(rgw: Rgw, client: S3Client, Bucket: string, withAzure: boolean): Promise<number> {
  const root = await mkdtemp(join(tmpdir(), "scrubber-bench-"));
  try {
    const files = join(root, "files");
    await mkdir(files);
    await client.send(new CreateBucketCommand({ Bucket }));
    const names = Array.from({ length: EACH }, (_, i) => `object-${i}`);
    const left = [...names];
    const fill = async (): Promise<void> => {
      for (let name = left.pop(); name !== undefined; name = left.pop()) {
        await writeFile(join(files, name), "x");
        await client.send(new PutObjectCommand({ Bucket, Key: name, Body: "x" }));
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
    const began = performance.now();
    const { deleted, absent } = await scrubber.runOnce();
    if (deleted + absent !== 2 * EACH || (await readdir(files)).length + (await keysIn(client, Bucket)).length > 0)
      throw new Error(`${deleted + absent} of ${2 * EACH} were deleted`);
    return (settledAt - began) / 1000;
  } finally {
    await rm(root, { recursive: true, force: true });
  }
}
