import { mkdir, symlink, writeFile } from "node:fs/promises";
import { describe, expect, test } from "vitest";
import { readMounts, shownTwice } from "../src/mounts.ts";
import { calmly, openPlace } from "./place.ts";

describe("a probe warns of a second name that files have", () => {
  test("by symbolic links in a root that lead back into it, and of no others", async () => {
    await using place = await openPlace();
    await mkdir(place.at("real"));
    await writeFile(place.at("file"), "x");
    const probe = async (): Promise<readonly string[]> =>
      (await place.store.probe({ ...calmly, write: false })).map(({ level, message }) => `${level}: ${message}`);
    await symlink("/usr", place.at("elsewhere"));
    await symlink("nothing", place.at("nowhere"));
    expect(await probe()).toHaveLength(1);
    await symlink("real", place.at("again"));
    await symlink(place.at("file"), place.at("alias"));
    await symlink("..", place.at("around"));
    expect((await probe()).slice(1)).toEqual([
      expect.stringMatching(
        /^warning: symbolic links in the root .* lead back into it \(.*\): what is live under one of/,
      ),
    ]);
    for (const name of ["again", "alias", "around"]) expect((await probe())[1]).toContain(name);
    await symlink("real", place.at("a-fourth"));
    expect((await probe())[1]).toContain(", and 1 more)");
  });

  const disk = "36 27 8:1 / /srv/disk rw,relatime shared:1 - ext4 /dev/sda1 rw";
  const root = "27 1 254:0 / / rw,relatime - ext4 /dev/vda rw";
  const pairs = (directory: string, ...lines: readonly string[]): ReturnType<typeof shownTwice> =>
    shownTwice(directory, readMounts([root, disk, ...lines, ""].join("\n")));

  test("by a mount in a root of what is in it too, or of what it is in itself", () => {
    const bind = (source: string, at: string): string => `37 36 8:1 ${source} ${at} rw - ext4 /dev/sda1 rw`;
    expect(pairs("/srv/disk", bind("/images", "/srv/disk/again"))).toEqual([["/srv/disk", "/srv/disk/again"]]);
    expect(pairs("/srv/disk/images", bind("/images/real", "/srv/disk/images/a\\040b"))).toEqual([
      ["/srv/disk/images", "/srv/disk/images/a b"],
    ]);
    expect(pairs("/srv/disk/images", bind("/", "/srv/disk/images/all"))).toEqual([
      ["/srv/disk/images", "/srv/disk/images/all"],
    ]);
    expect(pairs("/data", bind("/images", "/data/one"), bind("/images/part", "/data/two"))).toEqual([
      ["/data/one", "/data/two"],
    ]);
  });

  test("and not by mounts of other disks, of other parts, outside of the root, or that another one covers", () => {
    expect(pairs("/srv/disk")).toEqual([]);
    expect(pairs("/srv")).toEqual([]);
    expect(pairs("/srv/disk/images", "37 36 8:1 /other /srv/disk/images/other rw - ext4 /dev/sda1 rw")).toEqual([]);
    expect(pairs("/srv/disk/images", "37 36 8:1 /images /srv/disk/images2 rw - ext4 /dev/sda1 rw")).toEqual([]);
    const covered = [
      "37 36 8:1 /images /srv/disk/again rw - ext4 /dev/sda1 rw",
      "38 37 0:9 / /srv/disk/again rw - tmpfs t rw",
    ];
    expect(pairs("/srv/disk", ...covered)).toEqual([]);
  });
});
