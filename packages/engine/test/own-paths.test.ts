import { mkdtemp, mkdir, realpath, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { OwnPaths } from "../src/own-paths.ts";

let folder: string;
let paths: OwnPaths;

beforeEach(async () => {
  folder = await realpath(await mkdtemp(join(tmpdir(), "own-paths-")));
  paths = new OwnPaths();
});
afterEach(() => rm(folder, { recursive: true, force: true }));

test("a store that would delete in the queue's own directory is refused, and what to do is said", async () => {
  await mkdir(join(folder, "data/queue"), { recursive: true });
  for (const root of ["data", "data/queue"]) {
    paths = new OwnPaths();
    paths.own(join(folder, "data/queue"), "the queue");
    paths.store(join(folder, root), "fs");
    expect(() => paths.assertApart()).toThrow(/the store "fs" deletes in .*, and the queue is in there/);
  }
});

test("neither does a symbolic link lead there", async () => {
  await mkdir(join(folder, "images/queue"), { recursive: true });
  await symlink(join(folder, "images/queue"), join(folder, "queue"));
  paths.own(join(folder, "queue"), "the queue");
  paths.store(join(folder, "images"), "fs");
  expect(() => paths.assertApart()).toThrow("the queue is in there");
});

test("nor does a root that is a symbolic link itself, or is below one", async () => {
  await mkdir(join(folder, "data/queue"), { recursive: true });
  await symlink("data", join(folder, "images"));
  for (const root of ["images", "images/queue"]) {
    paths = new OwnPaths();
    paths.own(join(folder, "data/queue"), "the queue");
    paths.store(join(folder, root), "fs");
    expect(() => paths.assertApart()).toThrow("the queue is in there");
  }
});

test("beside each other, around the store's, or of one file that both read, they may be", async () => {
  await mkdir(join(folder, "data/images"), { recursive: true });
  await writeFile(join(folder, "ca.pem"), "");
  paths.own(join(folder, "data"), "the queue");
  paths.own(join(folder, "data/images-too"), "the receipts");
  paths.own(join(folder, "ca.pem"), "the registry");
  paths.store(join(folder, "data/images"), "fs");
  paths.store(join(folder, "ca.pem"), "s3");
  paths.assertApart();
});
