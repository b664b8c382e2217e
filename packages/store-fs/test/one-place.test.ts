import type { Location, Store } from "@scrubber/core";
import { mkdir, mkdtemp, realpath, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import plugin from "../src/index.ts";
import { calmly, contextIn } from "./place.ts";

let folder: string;
const opened: Store[] = [];

beforeEach(async () => {
  folder = await realpath(await mkdtemp(join(tmpdir(), "scrubber-store-fs-")));
  await mkdir(join(folder, "disk/images"), { recursive: true });
});
afterEach(async () => {
  for (const store of opened.splice(0)) await store[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

async function open(...roots: readonly string[]): Promise<Store> {
  const store = await plugin.open({ roots, marker: false }, contextIn(folder));
  opened.push(store);
  return store;
}

const named = (path: string): Location => ({ uri: pathToFileURL(join(folder, path)).href });
const targetOf = (store: Store, path: string): ReturnType<Store["target"]> =>
  store.target({ location: named(path), requestedAt: new Date(Date.now() + 3_600_000) });

describe("one file has one key, whichever root names it", () => {
  test("through a root that is a symbolic link, or is below one", async () => {
    await symlink("disk/images", join(folder, "images"));
    await symlink("disk", join(folder, "volume"));
    const key = join(folder, "disk/images/a");
    const paths = await open("disk/images");
    expect(paths.place).toBe("file:");
    for (const root of ["images", "volume/images", "disk"]) {
      const store = await open(root);
      expect(store.place).toBe(paths.place);
      expect(targetOf(store, root === "disk" ? "disk/images/a" : `${root}/a`)?.key).toBe(key);
    }
  });

  test("through two roots of one store, of which one leads into the other", async () => {
    await symlink("disk/images", join(folder, "images"));
    const store = await open("disk", "images");
    expect(targetOf(store, "images/a")?.key).toBe(targetOf(store, "disk/images/a")?.key);
  });

  test("through a link that leads to a disk that is not mounted yet", async () => {
    await symlink("disk/later/images", join(folder, "images"));
    await symlink("images", join(folder, "again"));
    const store = await open("again");
    expect(targetOf(store, "again/a")?.key).toBe(join(folder, "disk/later/images/a"));
  });

  test("a loop of links keeps nothing from opening, and is an outage when its time comes", async () => {
    await symlink("b", join(folder, "a"));
    await symlink("a", join(folder, "b"));
    const store = await open("a");
    const target = targetOf(store, "a/x");
    expect(target).toBeDefined();
    await expect(store.delete(target === undefined ? [] : [target], calmly)).rejects.toMatchObject({
      code: "SCRUBBER_STORE_MISCONFIGURED",
    });
  });
});

test("the marker of a root is never deleted, by whatever name and store: another root may begin there", async () => {
  await symlink("disk/images", join(folder, "images"));
  const store = await plugin.open({ roots: ["images", "disk"] }, contextIn(folder));
  opened.push(store);
  for (const path of ["images/.scrubber-root", "disk/images/.scrubber-root", "disk/.scrubber-root"]) {
    expect(() => targetOf(store, path)).toThrow("is the marker of a root");
  }
});

test("what is deleted is the file that the root leads to now", async () => {
  await mkdir(join(folder, "new"));
  await symlink("disk/images", join(folder, "images"));
  await writeFile(join(folder, "disk/images/a"), "old");
  await writeFile(join(folder, "new/a"), "new");
  const store = await open("images");
  await rm(join(folder, "images"));
  await symlink("new", join(folder, "images"));
  const target = targetOf(store, "images/a");
  expect(await store.delete(target === undefined ? [] : [target], calmly)).toMatchObject([{ kind: "deleted" }]);
  await expect(realpath(join(folder, "new/a"))).rejects.toMatchObject({ code: "ENOENT" });
  expect(await realpath(join(folder, "disk/images/a"))).toBe(join(folder, "disk/images/a"));
});
