import { mkdir, mkdtemp, readdir, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { CreateBucketCommand, PutObjectCommand } from "@aws-sdk/client-s3";
import type { Location } from "@scrubber/core";
import { createMemoryRegistry, memoryRegistry } from "@scrubber/core/memory";
import { createScrubber } from "@scrubber/engine";
import queueFile from "@scrubber/queue-file";
import azure from "@scrubber/store-azure";
import fs from "@scrubber/store-fs";
import s3 from "@scrubber/store-s3";
import { expect, test } from "vitest";
import { startAzurite } from "./servers/azurite.ts";
import { startRgw } from "./servers/rgw.ts";
import { keysIn, otherClient } from "./servers/s3-server.ts";

test("what a live image names in a folder, a bucket and a container is kept from other stores that are configured over them, and goes once nothing names it", async () => {
  const root = await mkdtemp(join(tmpdir(), "scrubber-one-place-"));
  try {
    await using rgw = await startRgw();
    await using azurite = await startAzurite();
    const client = otherClient(rgw);
    const container = azurite.client.getContainerClient("place");
    const files = join(root, "files");
    await mkdir(files);
    await symlink("files", join(root, "link"));
    await client.send(new CreateBucketCommand({ Bucket: "place" }));
    await container.create();
    for (const name of ["a", "stays"]) {
      await writeFile(join(files, name), "x");
      await client.send(new PutObjectCommand({ Bucket: "place", Key: name, Body: "x" }));
      await azurite.blob("place", name).uploadData(Buffer.from("x"));
    }
    const left = async (): Promise<readonly (readonly string[])[]> => {
      const blobs: string[] = [];
      for await (const { name } of container.listBlobsFlat()) blobs.push(name);
      return [(await readdir(files)).toSorted(), await keysIn(client, "place"), blobs];
    };

    const live: readonly Location[] = [
      { uri: pathToFileURL(join(files, "a")).href, store: "files" },
      { uri: "s3://place/a", store: "bucket" },
      { uri: "azure://place/a", store: "container" },
    ];
    const dead: readonly Location[] = [
      { uri: pathToFileURL(join(root, "link", "a")).href, store: "files-too" },
      { uri: `s3+${rgw.endpoint}/place/a`, store: "bucket-too" },
      { uri: `${azurite.endpoint}/place/a`, store: "container-too" },
    ];
    const registry = createMemoryRegistry();
    const seed = (id: string, status: "live" | "pending", locations: readonly Location[]): void =>
      registry.seed({ id, status, locations: locations.map((location) => ({ ...location, status })) });
    seed("alive", "live", live);
    seed("dead", "pending", dead);
    const server = { accessKeyId: rgw.accessKeyId, secretAccessKey: rgw.secretAccessKey };
    const { account, accountKey, endpoint } = azurite;
    await using scrubber = await createScrubber({
      queue: { use: queueFile, with: { directory: join(root, "queue") } },
      registry: { use: memoryRegistry, with: { instance: registry } },
      stores: [
        { id: "files", use: fs, with: { roots: [files], marker: false } },
        { id: "files-too", use: fs, with: { roots: [join(root, "link")], marker: false, percentEncoded: false } },
        { id: "bucket", use: s3, with: { ...server, endpoint: rgw.endpoint } },
        { id: "bucket-too", use: s3, with: { ...server, endpoint: `${rgw.endpoint}/`, versions: "current" } },
        { id: "container", use: azure, with: { account, accountKey, endpoint } },
        {
          id: "container-too",
          use: azure,
          with: {
            connectionString: `DefaultEndpointsProtocol=http;AccountName=${account};AccountKey=${accountKey};BlobEndpoint=${endpoint}`,
          },
        },
      ],
    });

    await scrubber.add(dead.map((location) => ({ imageId: "dead", location })));
    expect(await scrubber.runOnce()).toMatchObject({ leased: 3, kept: 3, deleted: 0, images: 1 });
    expect(await left()).toEqual([
      ["a", "stays"],
      ["a", "stays"],
      ["a", "stays"],
    ]);

    await registry.requestDeletion("alive");
    await scrubber.add(live.map((location) => ({ imageId: "alive", location })));
    expect(await scrubber.runOnce()).toMatchObject({ leased: 3, kept: 0, deleted: 3, images: 1 });
    expect(await left()).toEqual([["stays"], ["stays"], ["stays"]]);
    client.destroy();
  } finally {
    await rm(root, { recursive: true, force: true });
  }
});
