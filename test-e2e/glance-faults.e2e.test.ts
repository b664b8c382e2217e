import { existsSync, mkdirSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createCipher } from "@scrubber/core";
import { afterAll, describe, expect, test } from "vitest";
import { startGlanceApi, type DeploymentOptions } from "./servers/glance.ts";
import { GlanceLab } from "./servers/glance-lab.ts";
import { costOf, ours, run, startOurs, startTheirs, theirs } from "./servers/glance-scrubber.ts";

/** Locations such as Glance's other stores write them, and the types of these stores. Reading is all that http can do in Glance itself. */
const UNSERVED: readonly (readonly [value: string, type: string])[] = [
  ["http://example.com/x", "http"],
  ["https://example.com/x", "http"],
  ["swift://tenant%3Auser:secret@auth.example.com/v3/container/obj", "swift"],
  ["swift+http://tenant%3Auser:secret@auth.example.com/v3/container/obj", "swift"],
  ["swift+https://tenant%3Auser:secret@auth.example.com/v3/container/obj", "swift"],
  ["swift+config://ref/container/obj", "swift"],
  ["rbd://image", "rbd"],
  ["rbd://fsid/pool/image/snap", "rbd"],
  ["cinder://71c675ab-d94f-49cd-a114-e12490b328d9", "cinder"],
  ["cinder://volumes/71c675ab-d94f-49cd-a114-e12490b328d9", "cinder"],
  ["vsphere://esx.example.com/folder/openstack_glance/x?dcPath=ha-datacenter&dsName=ds1", "vmware"],
];

const labs: GlanceLab[] = [];
async function lab(options?: DeploymentOptions): Promise<GlanceLab> {
  const made = await GlanceLab.make(options);
  labs.push(made);
  return made;
}
afterAll(() => {
  for (const made of labs) made[Symbol.dispose]();
});

describe("the faults of today's glance-scrubber, on its own database", () => {
  test("1: community images are scrubbed; Debian's tool leaves them", async () => {
    const l = await lab();
    const path = l.file("community");
    const id = l.pending([{ value: `file://${path}` }], { visibility: "community" });
    await theirs(...l.config);
    expect([l.status(id), existsSync(path)]).toEqual(["pending_delete", true]);
    expect(await ours(...l.config)).toMatchObject({ code: 0 });
    expect([l.status(id), existsSync(path)]).toEqual(["deleted", false]);
  });

  test("2: a restored image has its data, tags, properties; after Debian's restore there is none", async () => {
    const l = await lab();
    await using api = await startGlanceApi(l.deployment);
    const content = Buffer.from("the very bytes");
    const [hollow, whole] = [await api.upload(content), await api.upload(content)];
    for (const id of [hollow, whole]) await api.delete(id);
    expect((await theirs(...l.config, "--restore", hollow)).code).toBe(0);
    expect(await api.download(hollow).catch(() => undefined)).toBeUndefined();
    expect(await ours(...l.config, "--restore", whole)).toMatchObject({ code: 0 });
    expect(await api.download(whole)).toEqual(new Uint8Array(content));
    expect(await api.show(whole)).toMatchObject({ status: "active", tags: ["blue"], colour: "red" });
    // Deleted and scrubbed once more, nothing of it is left.
    await api.delete(whole);
    expect(await ours(...l.config)).toMatchObject({ code: 0 });
    expect([l.status(whole), existsSync(join(l.deployment.images, whole))]).toEqual(["deleted", false]);
  });

  test("3: a pending image without a location left is finished; Debian's tool leaves it for ever", async () => {
    const l = await lab();
    const ids = [l.pending([]), l.pending([{ value: "file:///gone", status: "deleted" }])];
    await theirs(...l.config);
    expect(ids.map((id) => l.status(id))).toEqual(["pending_delete", "pending_delete"]);
    expect(await ours(...l.config)).toMatchObject({ code: 0 });
    expect(ids.map((id) => l.status(id))).toEqual(["deleted", "deleted"]);
  });

  test("4: a location that cannot be opened stops nobody; it aborts Debian's run", async () => {
    const key = "0123456789abcdef";
    const l = await lab({ defaults: `metadata_encryption_key = ${key}` });
    const sealed = createCipher([key]);
    const broken = l.pending([{ value: createCipher(["another key 0123"]).seal("file:///x") }]);
    const paths = [1, 2, 3].map((n) => l.file(`good-${n}`));
    const good = paths.map((path) => l.pending([{ value: sealed.seal(`file://${path}`) }]));
    const debian = await theirs(...l.config);
    expect(debian.code).not.toBe(0);
    expect(await ours(...l.config)).toMatchObject({ code: 3 });
    expect(good.map((id) => l.status(id))).toEqual(["deleted", "deleted", "deleted"]);
    expect(paths.filter((path) => existsSync(path))).toEqual([]);
    expect(l.status(broken)).toBe("pending_delete");
  });

  test("5: what cannot be served is set aside with its reason, shown, and stays pending; Debian's tool fails in silence each time", async () => {
    const l = await lab();
    const ids = UNSERVED.map(([value]) => l.pending([{ value }]));
    for (const _ of [1, 2]) {
      expect((await theirs(...l.config)).code).toBe(0);
      expect(l.count("pending_delete")).toBe(ids.length);
    }
    const path = l.file("good");
    const good = l.pending([{ value: `file://${path}` }]);
    expect(await ours(...l.config)).toMatchObject({ code: 3 });
    expect([l.status(good), existsSync(path)]).toEqual(["deleted", false]);
    expect(ids.map((id) => l.status(id))).toEqual(ids.map(() => "pending_delete"));
    const aside = await l.setAside();
    expect(aside.map(({ imageId }) => imageId).sort()).toEqual(ids);
    for (const { error, imageId } of aside) {
      const [value = "", type] = UNSERVED[ids.indexOf(imageId)] ?? [];
      expect(error).toBe(
        type === "http" // which the deployment has enabled
          ? 'store "http" refuses it: stores of type http are not served by this scrubber; its image stays pending'
          : `no configured store answers for "${value.slice(0, value.indexOf(":") + 1)}"`,
      );
    }
    // They stop nobody, and are not tried again: the next run has nothing to do.
    expect(await ours(...l.config)).toMatchObject({ code: 0 });
  });

  test("5: also where Glance has such stores enabled, of several stores", async () => {
    const l = await lab();
    const file = join(l.deployment.folder, "several.conf");
    const enabled = UNSERVED.map(([, type], n) => `s${n}:${type}`);
    writeFileSync(
      file,
      `[DEFAULT]\nenabled_backends = fast:file, ${enabled.join(", ")}\n[fast]\nfilesystem_store_datadir = ${l.deployment.images}\n`,
    );
    const config = [...l.config, "--config-file", file];
    const ids = UNSERVED.map(([value], n) => l.pending([{ value, metadata: `{"store": "s${n}"}` }]));
    const path = l.file("good");
    const good = l.pending([{ value: `file://${path}`, metadata: '{"store": "fast"}' }]);
    const ended = await ours(...config);
    expect(ended.code).toBe(3);
    for (const backend of enabled) expect(ended.stderr).toContain(`store ${backend.replace(":", " (")}) is not served`);
    expect([l.status(good), existsSync(path)]).toEqual(["deleted", false]);
    expect(ids.map((id) => l.status(id))).toEqual(ids.map(() => "pending_delete"));
    const aside = await l.setAside();
    expect(aside.map(({ imageId }) => imageId).sort()).toEqual(ids);
    for (const { error, imageId } of aside) {
      const n = ids.indexOf(imageId);
      expect(error).toBe(
        `store "s${n}" refuses it: stores of type ${UNSERVED[n]?.[1]} are not served by this scrubber; its image stays pending`,
      );
    }
    expect(await ours(...config)).toMatchObject({ code: 0 });
  });

  test("6: a location of no enabled store is not called deleted; where it names none, Debian's tool calls it so and leaves the data", async () => {
    const l = await lab();
    const file = join(l.deployment.folder, "several.conf");
    // The store with the images was taken out of the configuration; http is there to be one that can be enabled without a server.
    writeFileSync(file, "[DEFAULT]\nenabled_backends = web:http\n[glance_store]\ndefault_backend = web\n[web]\n");
    const config = [...l.config, "--config-file", file];
    const dark = l.file("dark");
    const nameless = l.pending([{ value: `file://${dark}` }]);
    expect((await theirs(...config)).code).toBe(0);
    expect([l.status(nameless), existsSync(dark)]).toEqual(["deleted", true]);

    const locations = [l.file("nameless"), l.file("named")];
    const ids = locations.map((path, n) =>
      l.pending([{ value: `file://${path}`, metadata: n === 0 ? "{}" : '{"store": "retired"}' }]),
    );
    expect(await ours(...config)).toMatchObject({ code: 3 });
    expect(ids.map((id) => l.status(id))).toEqual(["pending_delete", "pending_delete"]);
    expect(locations.map((path) => existsSync(path))).toEqual([true, true]);
    const aside = await l.setAside();
    expect(new Map(aside.map(({ imageId, error }) => [imageId, error]))).toEqual(
      new Map([
        [ids[0], 'no configured store answers for "file:"'],
        [ids[1], 'it names the store "retired", which is not configured'],
      ]),
    );
  });

  test("7: on SQLite, with a pool and another writer, every image is done in one run; Debian's tool leaves images pending that it has deleted, and ends with 0", async () => {
    const l = await lab({ defaults: "scrub_pool_size = 2" });
    const seed = (prefix: string): void => {
      const paths = Array.from({ length: 30 }, (_, n) => l.file(`${prefix}-${n}`));
      l.transaction(() => paths.forEach((path) => void l.pending([{ value: `file://${path}` }])));
    };
    // In Debian's release the pool takes turns in one thread and never meets itself in the database: it is another process that has it locked.
    seed("theirs");
    {
      await using debian = startTheirs(...l.config);
      {
        using _ = l.holdWrites();
        await debian.logged("database is locked");
      }
      expect((await debian.ended).code).toBe(0);
    }
    expect(l.files()).toEqual([]);
    const lied = l.count("pending_delete");
    expect(lied).toBeGreaterThan(0);

    seed("ours");
    await using scrubber = startOurs(...l.config);
    {
      using _ = l.holdWrites();
      await expect.poll(() => l.files(), { timeout: 120_000 }).toEqual([]);
    }
    expect(await scrubber.ended).toMatchObject({ code: 0 });
    expect(l.count("pending_delete")).toBe(0);
  });

  test("8: of two scrubbers on one database one works, and the other says so and ends well; two of Debian's do the same work", async () => {
    const l = await lab();
    const seed = (): void =>
      l.transaction(() => {
        for (let n = 0; n < 200; n++) l.pending([{ value: `file://${l.file(`x-${n}`)}` }]);
      });
    seed();
    {
      await using first = startTheirs(...l.config);
      await using second = startTheirs(...l.config);
      {
        // Whoever is first has written nothing yet when the other has read the same.
        using _ = l.holdWrites();
        await Promise.all([first.logged("Scrubbing image"), second.logged("Scrubbing image")]);
      }
      const [begun = [], again = []] = (await Promise.all([first.ended, second.ended])).map(({ stderr }) =>
        [...stderr.matchAll(/Scrubbing image (\S+)/g)].map(([, id]) => id),
      );
      expect(begun.filter((id) => again.includes(id)).length).toBeGreaterThan(0);
    }
    await ours(...l.config);
    expect(l.count("pending_delete")).toBe(0);

    seed();
    const results = await Promise.all([ours(...l.config), ours(...l.config), ours(...l.config)]);
    expect(results.map(({ code }) => code)).toEqual([0, 0, 0]);
    const done = results.flatMap(({ stderr }) =>
      [...stderr.matchAll(/^.*"msg":"run finished".*$/gm)].map(
        ([line]) => JSON.parse(line) as { readonly deleted: number; readonly absent: number },
      ),
    );
    // No object was deleted twice: none was looked for that another had taken away.
    expect(done.map(({ deleted }) => deleted).reduce((a, b) => a + b)).toBe(200);
    expect(done.map(({ absent }) => absent).reduce((a, b) => a + b)).toBe(0);
    expect(l.count("pending_delete")).toBe(0);
    expect(l.files()).toEqual([]);
  });

  test("9: a row that points outside of the data directory deletes nothing; Debian's tool unlinks it", async () => {
    const l = await lab();
    const outside = ["debian", "ours"].map((name) => join(l.deployment.folder, name));
    for (const path of outside) {
      writeFileSync(path, "not an image");
      utimesSync(path, 1000, 1000);
    }
    const [theirFile = "", ourFile = ""] = outside;
    l.pending([{ value: `file://${theirFile}` }]);
    await theirs(...l.config);
    expect(existsSync(theirFile)).toBe(false);
    const dotted = `file://${l.deployment.images}/../ours`;
    const ids = [l.pending([{ value: `file://${ourFile}` }]), l.pending([{ value: dotted }])];
    expect(await ours(...l.config)).toMatchObject({ code: 3 });
    expect(existsSync(ourFile)).toBe(true);
    expect(ids.map((id) => l.status(id))).toEqual(["pending_delete", "pending_delete"]);
    expect((await l.setAside()).map(({ imageId }) => imageId).sort()).toEqual(ids);
  });

  test("10: a run in which deletes fail ends with 3, and tries again later; Debian's ends with 0", async () => {
    const l = await lab();
    const folder = join(l.deployment.images, "a-folder");
    mkdirSync(join(folder, "inside"), { recursive: true });
    const id = l.pending([{ value: `file://${folder}` }]);
    expect((await theirs(...l.config)).code).toBe(0);
    expect(l.status(id)).toBe("pending_delete");
    expect((await ours(...l.config)).code).toBe(3);
    expect(l.status(id)).toBe("pending_delete");
    expect(existsSync(join(folder, "inside"))).toBe(true);
  });

  test("11: 5,000 images with 30 properties and 2 locations each are listed without their properties; Debian's listing takes them all into memory", async () => {
    const l = await lab({ defaults: "scrub_time = 864000" });
    l.transaction(() => {
      for (let n = 0; n < 5000; n++)
        l.pending([
          { value: `file://${l.deployment.images}/gone-${n}` },
          { value: `file://${l.deployment.images}/gone-${n}.2` },
        ]);
    });
    // Nothing is due: what it costs is the listing.
    const bare = await costOf("theirs", ...l.config);
    l.transaction(() => l.addProperties(30));
    const whole = await costOf("theirs", ...l.config);
    expect(whole.peakMiB - bare.peakMiB, "MiB for the properties").toBeGreaterThan(100);

    // In a folder with nothing at all in it, nothing would count as gone.
    writeFileSync(join(l.deployment.images, "another"), "data");
    const now = join(l.deployment.folder, "now.conf");
    writeFileSync(now, "[DEFAULT]\nscrub_time = 0\n");
    const cost = await costOf("ours", ...l.config, "--config-file", now);
    expect(l.count("deleted")).toBe(5000);
    expect(cost.peakMiB).toBeLessThan(bare.peakMiB);
    expect(cost.peakMiB).toBeLessThan(150);
  });

  test("a run with nothing to do reads the database and writes nothing into it", async () => {
    const l = await lab();
    const before = run("sqlite3", [join(l.deployment.folder, "glance.sqlite"), ".dump"]);
    const dump = (await before).stdout;
    expect(await ours(...l.config)).toMatchObject({ code: 0 });
    expect((await run("sqlite3", [join(l.deployment.folder, "glance.sqlite"), ".dump"])).stdout).toBe(dump);
  });
});
