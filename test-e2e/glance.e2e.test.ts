import { randomBytes } from "node:crypto";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { CreateBucketCommand } from "@aws-sdk/client-s3";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { DatabaseServer } from "./servers/database-server.ts";
import { deployGlance, startGlanceApi, type DeploymentOptions } from "./servers/glance.ts";
import { ours } from "./servers/glance-scrubber.ts";
import { startMariadb } from "./servers/mariadb.ts";
import { startPostgres } from "./servers/postgres.ts";
import { startRgw, type Rgw } from "./servers/rgw.ts";
import { keysIn, otherClient } from "./servers/s3-server.ts";

const KEY = "metadata_encryption_key = 0123456789abcdef0123456789abcdef";

/**
 * The life of images in a real Glance: uploaded, deleted, restored and read byte for byte, deleted again, scrubbed. `left` lists what is in the stores.
 */
async function lifeOfImages(
  options: DeploymentOptions,
  left: (images: string) => Promise<readonly string[]>,
  stores: readonly (string | undefined)[],
): Promise<void> {
  using deployment = await deployGlance(options);
  await using api = await startGlanceApi(deployment);
  const config = ["--config-file", deployment.configFile];
  const images = [];
  for (const store of stores) {
    for (const visibility of ["private", "community"]) {
      const content = randomBytes(10_000);
      images.push({ id: await api.upload(content, { visibility, ...(store !== undefined && { store }) }), content });
    }
  }
  const kept = await api.upload(Buffer.from("this one stays"));
  expect(await left(deployment.images)).toHaveLength(images.length + 1);

  for (const { id } of images) await api.delete(id);
  if (options.connection === undefined) expectSealed(deployment.folder, options.defaults?.includes(KEY) === true);
  for (const { id, content } of images) {
    expect(await ours(...config, "--restore", id)).toMatchObject({ code: 0 });
    expect(await api.show(id)).toMatchObject({ status: "active", tags: ["blue"], colour: "red" });
    expect(Buffer.from((await api.download(id)) ?? [])).toEqual(content);
  }
  // With nothing pending, a run leaves everything.
  expect(await ours(...config)).toMatchObject({ code: 0 });
  expect(await left(deployment.images)).toHaveLength(images.length + 1);

  for (const { id } of images) await api.delete(id);
  expect(await left(deployment.images)).toHaveLength(images.length + 1);
  expect(await ours(...config)).toMatchObject({ code: 0 });
  expect(await left(deployment.images)).toEqual([expect.stringContaining(kept) as string]);
  for (const { id } of images) {
    expect(await api.show(id)).toBeUndefined();
    expect(await ours(...config, "--restore", id)).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("cannot restore the image from deleted to active") as string,
    });
  }
  expect(Buffer.from((await api.download(kept)) ?? []).toString()).toBe("this one stays");
}

/** Whether Glance has sealed what it keeps: else what is said of encrypted locations would be said of plain ones. */
function expectSealed(folder: string, sealed: boolean): void {
  const database = new DatabaseSync(join(folder, "glance.sqlite"), { readOnly: true });
  const values = database.prepare("SELECT value FROM image_locations").all();
  database.close();
  expect(values.length).toBeGreaterThan(0);
  for (const { value } of values) expect(String(value).includes("://")).toBe(!sealed);
}

const files = (images: string): Promise<readonly string[]> => Promise.resolve(readdirSync(images));

describe.each([
  ["plain", ""],
  ["encrypted", KEY],
])("a real Glance with %s locations", (_, defaults) => {
  test("on SQLite: upload, delete, restore, download, delete, scrub", () =>
    lifeOfImages({ defaults }, files, [undefined]));
});

describe.each([
  ["MariaDB", startMariadb],
  ["PostgreSQL", startPostgres],
] as const)("a real Glance on %s", (name, start) => {
  let server: DatabaseServer;
  beforeAll(async () => {
    server = await start();
  });
  afterAll(() => server?.[Symbol.asyncDispose]());

  test.each([
    ["plain", ""],
    ["encrypted", KEY],
  ])("with %s locations: upload, delete, restore, download, delete, scrub", async (kind, defaults) => {
    await using database = await server.createDatabase(`glance_${kind}`);
    await lifeOfImages({ connection: database.sqlAlchemyUrl, defaults }, files, [undefined]);
  });

  test(`of two scrubbers on one database of ${name} one works and the other says so`, async () => {
    await using database = await server.createDatabase("glance_two");
    using deployment = await deployGlance({ connection: database.sqlAlchemyUrl });
    const results = await Promise.all([1, 2, 3].map(() => ours("--config-file", deployment.configFile)));
    expect(results.map(({ code }) => code)).toEqual([0, 0, 0]);
  });
});

describe("a real Glance with a file store and an S3 store on Ceph", () => {
  let rgw: Rgw;
  beforeAll(async () => {
    rgw = await startRgw();
  });
  afterAll(() => rgw?.[Symbol.asyncDispose]());

  test.each([
    ["plain", ""],
    ["encrypted", KEY],
  ])("with %s locations: upload, delete, restore, download, delete, scrub in both", async (kind, defaults) => {
    const client = otherClient(rgw);
    const bucket = `glance-${kind}`;
    await client.send(new CreateBucketCommand({ Bucket: bucket }));
    using folder = await deployGlance();
    await lifeOfImages(
      {
        defaults: `enabled_backends = fast:file, slow:s3\n${defaults}`,
        stores: `[glance_store]
default_backend = fast
[fast]
filesystem_store_datadir = ${folder.images}
[slow]
s3_store_host = ${rgw.endpoint}
s3_store_access_key = ${rgw.accessKeyId}
s3_store_secret_key = ${rgw.secretAccessKey}
s3_store_bucket = ${bucket}
s3_store_create_bucket_on_put = False
s3_store_bucket_url_format = path
`,
      },
      async () => [...readdirSync(folder.images), ...(await keysIn(client, bucket))],
      ["fast", "slow"],
    );
    client.destroy();
  });
});
