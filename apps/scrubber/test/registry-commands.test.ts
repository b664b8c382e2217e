import { describe, expect, test } from "vitest";
import { initialized, json, jsonLines } from "./support/initialized.ts";

describe("with a registry", () => {
  test("an image is added, shown, deleted, taken back, deleted again and recorded as deleted", async () => {
    const { run, uri, there } = await initialized(["a"], "--registry");
    expect(await run(`image add img-1 ${uri("a")}`)).toMatchObject({ code: 0 });
    expect(await run(`image add img-1 ${uri("a")}`)).toMatchObject({ code: 3 });
    expect(await run("delete img-1 --after 0s")).toMatchObject({ code: 0 });
    expect(jsonLines((await run("list --json")).stdout)).toEqual([
      expect.objectContaining({ imageId: "img-1", imageStatus: "pending_delete" }),
    ]);
    expect(json((await run("restore img-1 --json")).stdout)).toMatchObject({ imageId: "img-1", restored: true });
    expect(json((await run("show img-1 --json")).stdout)).toMatchObject({
      image: { nativeStatus: "active", locations: [{ uri: uri("a"), status: "live" }] },
      entries: [],
    });
    expect(await run("delete img-1 --after 0s")).toMatchObject({ code: 0 });
    const summary = json((await run("run --once --json")).stdout);
    expect(summary).toMatchObject({ deleted: 1, images: 1 });
    expect(there("a")).toBe(false);
    expect(json((await run("show img-1 --json")).stdout)).toMatchObject({ image: { nativeStatus: "deleted" } });
    const refused = await run("restore img-1 --json");
    expect(refused.code).toBe(3);
    expect(json(refused.stdout)).toMatchObject({ restored: false });
    expect(await run("delete no-such-image")).toMatchObject({ code: 3 });
  });

  test("delete of an image that waits already says so, and when it is truly due", async () => {
    const { run, uri } = await initialized(["a"], "--registry");
    await run(`image add img-1 ${uri("a")}`);
    expect((await run("delete img-1 --after 0s")).stdout).toMatch(/^Marked img-1 as deleted; 1 location.*\nDue now/);
    expect((await run("delete img-1 --after 7d")).stdout).toMatch(
      /^img-1 was marked as deleted already; 1 location in the queue\.\nDue now/,
    );
  });

  test("an image whose data no store would delete is added, and that is said of each such location at once", async () => {
    const { run, uri } = await initialized(["a"], "--registry");
    const added = await run(`image add img-1 ${uri("a")} file:///elsewhere/a swift://u:s3cret@host/a`);
    expect(added).toMatchObject({ code: 0, stdout: expect.stringContaining("Added image img-1") });
    expect(added.stderr.split("\n")).toEqual([
      expect.stringMatching(
        /^note: as things are, a run will, once the image is deleted, set file:\/\/\/elsewhere\/a aside: no configured store takes it \(fs: .*\)$/,
      ),
      "note: as things are, a run will, once the image is deleted, set swift://***@host/a aside: no configured store takes it",
      "",
    ]);
    const named = await run(`image add img-2 ${uri("a")} --store s3`);
    expect(named.stderr).toContain('set this location aside: there is no store "s3"; configured are: fs\n');
    expect((await run(`image add img-3 ${uri("a")} --json`)).stderr).toBe("");
  });

  test("commands that need one say so where none is configured", async () => {
    const { run, uri } = await initialized();
    for (const line of [`image add img-1 ${uri("a")}`, "delete img-1"]) {
      const { code, stderr } = await run(line);
      expect(code).toBe(1);
      expect(stderr).toContain("needs a registry, and none is configured");
    }
  });
});
