import { testPlugin, testStore, type StoreUnderTest } from "@scrubber/core/conformance";
import type { Location } from "@scrubber/core";
import { mkdtempSync, rmSync } from "node:fs";
import { lstat, readdir, rename, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, describe, test } from "vitest";
import plugin from "../src/index.ts";
import { contextIn, openPlace } from "./place.ts";

const pathOf = ({ uri }: Location): string => decodeURIComponent(uri.replace(/^file:\/\//, ""));

async function open(): Promise<StoreUnderTest> {
  const place = await openPlace();
  const { root } = place;
  const locate = (name: string): Location => ({ uri: pathToFileURL(place.at(name)).href });
  return {
    store: place.store,
    locate,
    async create(name, content) {
      await writeFile(place.at(name), content);
      return locate(name);
    },
    async replace(location) {
      await writeFile(pathOf(location), "other content, and longer than what was there");
      const later = new Date(Date.now() + 10_000);
      await utimes(pathOf(location), later, later);
    },
    exists: (location) =>
      lstat(pathOf(location)).then(
        () => true,
        () => false,
      ),
    async identify(location) {
      const { size, mtime, ino } = await lstat(pathOf(location));
      return { size, modifiedAt: mtime, inode: String(ino) };
    },
    spellings: ({ uri }) => {
      const path = uri.slice("file://".length);
      return [
        { uri: `file:${path}` },
        { uri: `FILE://localhost${path}` },
        { uri: `filesystem://${path}` },
        { uri: `file://${path.replace(/\/images\//, "//images///")}` },
        { uri: `file://${path.replaceAll("e", "%65")}` },
        { uri: `file://${path}`, store: "fs" },
      ];
    },
    second: () => plugin.open({ roots: ["."] }, contextIn(place.folder)),
    count: async () => (await readdir(root)).length,
    foreign: [{ uri: "s3://bucket/key" }, { uri: "https://example.com/images/a" }, { uri: "files:///images/a" }],
    refused: [
      { uri: "file:///etc/passwd" },
      { uri: `file://${root}` },
      { uri: `file://${root}/` },
      { uri: `file://${root}/.scrubber-root` },
      { uri: `file://${root}2/a` },
      { uri: `file://${root}/../secret` },
      { uri: `file://${root}/a/./b` },
      { uri: `file://${root}/%2e%2e/secret` },
      { uri: `file://${root}/a%00b` },
      { uri: `file://${root}/a%2Fb` },
      { uri: `file://${root}/a%` },
      { uri: `file://${root}/a%FF` },
      { uri: `file://${root}/a?b` },
      { uri: `file://${root}/a#b` },
      { uri: `file://${root}/a\\b` },
      { uri: `file://${root}/a\nb` },
      { uri: `file://${root}/a ` },
      { uri: `file://${root}/\ud800` },
      { uri: `file://elsewhere${root}/a` },
      { uri: "file://" },
      { uri: "file:relative" },
    ],
    async breakBackend() {
      await rename(root, `${root}-gone`);
      return () => rename(`${root}-gone`, root);
    },
    [Symbol.asyncDispose]: () => place[Symbol.asyncDispose](),
  };
}

testStore({ describe, test }, { name: "fs", open });

const folder = mkdtempSync(join(tmpdir(), "scrubber-store-fs-"));
afterAll(() => rmSync(folder, { recursive: true }));

testPlugin(
  { describe, test },
  {
    name: "fs",
    plugin,
    options: async () => ({ roots: [join(mkdtempSync(join(folder, "place-")), "images")] }),
    refused: [
      { options: {}, names: "roots" },
      { options: { roots: [] }, names: "roots" },
      { options: { roots: "/srv/images" }, names: "roots" },
      { options: { roots: [""] }, names: "empty" },
      { options: { roots: ["/"] }, names: "whole file system" },
      { options: { roots: ["/a\0"] }, names: "NUL" },
      { options: { roots: ["/a"], marker: "../x" }, names: "marker" },
      { options: { roots: ["/a"], marker: true }, names: "marker" },
      { options: { roots: ["/a"], mounted: "yes" }, names: "mounted" },
      { options: { roots: ["/a"], percentEncoded: 1 }, names: "percentEncoded" },
      { options: { roots: ["/a"], ignoreModified: "no" }, names: "ignoreModified" },
    ],
  },
);
