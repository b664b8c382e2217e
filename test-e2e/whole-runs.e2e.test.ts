import { once } from "node:events";
import { mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { CreateBucketCommand } from "@aws-sdk/client-s3";
import { BlobServiceClient, ContainerSASPermissions, StorageSharedKeyCredential } from "@azure/storage-blob";
import { createScrubber } from "@scrubber/engine";
import queueFile from "@scrubber/queue-file";
import azure from "@scrubber/store-azure";
import fs from "@scrubber/store-fs";
import s3 from "@scrubber/store-s3";
import { expect, test } from "vitest";
import { startAzurite } from "./servers/azurite.ts";
import { freePort } from "./servers/database-server.ts";
import { startRgw } from "./servers/rgw.ts";
import { keysIn, otherClient } from "./servers/s3-server.ts";

const RUNS = 40;
const LONGEST_RETRY_MS = 3_600_000 * 1.2;
/** Of files, and of objects in S3. */
const NAMES: readonly string[] = Array.from({ length: 4500 }, (_, i) => `object-${i}`);
/** Azurite is slow: few of its blobs among them. */
const BLOBS: readonly string[] = NAMES.slice(0, 1000);

test("10,000 entries over files, S3 and Azure while Azure is down: the others are done in the first run, Azure's are not counted as failed, and all are done once it is up", async () => {
  const root = await mkdtemp(join(tmpdir(), "scrubber-whole-"));
  try {
    await using rgw = await startRgw();
    await using azurite = await startAzurite();
    const client = otherClient(rgw);
    const container = new BlobServiceClient(
      azurite.endpoint,
      new StorageSharedKeyCredential(azurite.account, azurite.accountKey),
    ).getContainerClient("whole");
    const files = join(root, "files");
    await mkdir(files);
    // Signing each of so many requests would take longer than all that is tested.
    await client.send(new CreateBucketCommand({ Bucket: "whole", ACL: "public-read-write" }));
    await container.create();
    const expiresOn = new Date(Date.now() + 3_600_000);
    const permissions = ContainerSASPermissions.parse("c");
    const [blobAddress, signature] = (await container.generateSasUrl({ expiresOn, permissions })).split("?");
    await inParallel(["stays", ...NAMES], async (name) => {
      await writeFile(join(files, name), "x");
      await put(`${rgw.endpoint}/whole/${name}`);
    });
    await inParallel(["stays", ...BLOBS], (name) =>
      put(`${blobAddress}/${name}?${signature}`, { "x-ms-blob-type": "BlockBlob" }),
    );
    const blobs = async (): Promise<readonly string[]> => {
      const left: string[] = [];
      for await (const blob of container.listBlobsFlat()) left.push(blob.name);
      return left;
    };

    // Nobody listens on the door's port until it is opened: what connects is refused.
    const port = await freePort();
    await using door = createServer((socket) => {
      const inner = connect(Number(new URL(azurite.endpoint).port), "127.0.0.1");
      socket.on("error", () => inner.destroy()).on("close", () => inner.destroy());
      inner.on("error", () => socket.destroy()).on("close", () => socket.destroy());
      socket.pipe(inner).pipe(socket);
    });

    let skipped = 0;
    const { endpoint, accessKeyId, secretAccessKey } = rgw;
    const { account, accountKey } = azurite;
    await using scrubber = await createScrubber(
      {
        queue: { use: queueFile, with: { directory: join(root, "queue") } },
        stores: [
          { use: fs, with: { roots: [files], marker: false } },
          { use: s3, with: { endpoint, accessKeyId, secretAccessKey } },
          { use: azure, with: { account, accountKey, endpoint: `http://127.0.0.1:${port}/${account}` } },
        ],
      },
      { now: () => new Date(Date.now() + skipped) },
    );
    const requestedAt = new Date(Date.now() + 1000);
    const prefixes = [`${pathToFileURL(files).href}/`, "s3://whole/"];
    await scrubber.add(
      NAMES.flatMap((name, n) =>
        (n < BLOBS.length ? ["azure://whole/", ...prefixes] : prefixes).map((prefix) => ({
          imageId: name,
          location: { uri: prefix + name },
          requestedAt,
          dueAt: new Date(0),
        })),
      ),
    );

    const first = await scrubber.runOnce();
    expect(first).toMatchObject({ retried: 0, setAside: 0, held: 0, kept: 0 });
    expect(first.deleted + first.absent).toBe(2 * NAMES.length);
    expect(await readdir(files)).toEqual(["stays"]);
    expect(await keysIn(client, "whole")).toEqual(["stays"]);
    expect((await blobs()).length).toBe(BLOBS.length + 1);
    const waiting: string[] = [];
    for await (const { location, attempts, state } of scrubber.queue.entries()) {
      expect({ attempts, state }).toEqual({ attempts: 0, state: "waiting" });
      waiting.push(location?.uri ?? "");
    }
    expect(waiting.toSorted()).toEqual(BLOBS.map((name) => `azure://whole/${name}`).toSorted());

    await once(door.listen(port, "127.0.0.1"), "listening");
    let gone = 0;
    for (let run = 0; run < RUNS && gone < BLOBS.length; run++) {
      skipped += LONGEST_RETRY_MS;
      const { deleted, absent, setAside } = await scrubber.runOnce();
      expect(setAside).toBe(0);
      gone += deleted + absent;
    }
    expect(gone).toBe(BLOBS.length);
    expect(await scrubber.queue.stats()).toMatchObject({ waiting: 0, leased: 0, setAside: 0 });
    expect(await blobs()).toEqual(["stays"]);
    client.destroy();
  } finally {
    await rm(root, { recursive: true, force: true });
  }
});

async function put(url: string, headers: Readonly<Record<string, string>> = {}): Promise<void> {
  const { ok, status } = await fetch(url, { method: "PUT", body: "x", headers });
  if (!ok) throw new Error(`PUT ${new URL(url).pathname}: HTTP ${status}`);
}

async function inParallel<T>(items: readonly T[], work: (item: T) => Promise<unknown>): Promise<void> {
  const left = [...items];
  const worker = async (): Promise<void> => {
    for (let item = left.pop(); item !== undefined; item = left.pop()) await work(item);
  };
  await Promise.all(Array.from({ length: 16 }, worker));
}
