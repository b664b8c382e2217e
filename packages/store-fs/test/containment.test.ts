import { link, lstat, mkdir, readFile, symlink, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { expect, test } from "vitest";
import { openPlace } from "./place.ts";

const there = (path: string): Promise<boolean> =>
  lstat(path).then(
    () => true,
    () => false,
  );

test("a parent that is a symbolic link out of the root is refused, and what it leads to is untouched", async () => {
  await using place = await openPlace();
  const outside = join(place.folder, "outside");
  await mkdir(outside);
  await writeFile(join(outside, "secret"), "x");
  await symlink(outside, place.at("way-out"));
  await mkdir(place.at("deep"));
  await symlink(place.folder, place.at("deep/up"));
  const outcomes = await place.delete(place.at("way-out/secret"), place.at("deep/up/outside/secret"));
  expect(outcomes).toEqual(
    Array(2).fill({ kind: "invalid", reason: "its directory leads through a symbolic link to outside the root" }),
  );
  expect(await there(join(outside, "secret"))).toBe(true);
});

test("a parent that is a symbolic link within the root is refused, because its file has a key of its own", async () => {
  await using place = await openPlace();
  await mkdir(place.at("real"));
  await writeFile(place.at("real/a"), "x");
  await symlink("real", place.at("alias"));
  expect(await place.delete(place.at("alias/a"))).toEqual([
    { kind: "invalid", reason: "its directory leads through a symbolic link to another place in the root" },
  ]);
  expect(await there(place.at("real/a"))).toBe(true);
});

test("a root that is itself a symbolic link is followed", async () => {
  await using place = await openPlace();
  await symlink(place.root, join(place.folder, "link"));
  await using linked = await openPlace({ roots: [join(place.folder, "link")] });
  await mkdir(place.at("sub"));
  await writeFile(place.at("sub/a"), "x");
  expect(await linked.delete(join(place.folder, "link/sub/a"))).toMatchObject([{ kind: "deleted" }]);
  expect(await there(place.at("sub/a"))).toBe(false);
});

test("a final symbolic link is removed, and what it points to stays", async () => {
  await using place = await openPlace();
  await writeFile(place.at("file"), "data");
  await symlink("file", place.at("link"));
  await symlink("nowhere", place.at("dangling"));
  const note = "a symbolic link was removed; what it pointed to stays";
  expect(await place.delete(place.at("link"), place.at("dangling"))).toEqual([
    { kind: "deleted", bytes: expect.any(Number) as number, note },
    { kind: "deleted", bytes: expect.any(Number) as number, note },
  ]);
  expect(await readFile(place.at("file"), "utf8")).toBe("data");
  expect(await there(place.at("link"))).toBe(false);
  expect(await there(place.at("dangling"))).toBe(false);
});

test("a directory is never removed, empty or not, and nothing but files and links is", async () => {
  await using place = await openPlace();
  await mkdir(place.at("empty"));
  await mkdir(place.at("full"));
  await writeFile(place.at("full/a"), "x");
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(place.at("socket"), resolve));
  const outcomes = await place.delete(place.at("empty"), place.at("full"), place.at("socket"));
  expect(outcomes.map(({ kind }) => kind)).toEqual(["invalid", "invalid", "invalid"]);
  expect(await Promise.all(["empty", "full/a", "socket"].map((name) => there(place.at(name))))).toEqual(
    Array(3).fill(true),
  );
  await new Promise((resolve) => server.close(resolve));
});

test("a file with another name left frees nothing; the last name frees the bytes", async () => {
  await using place = await openPlace();
  await writeFile(place.at("a"), "12345");
  await link(place.at("a"), place.at("b"));
  expect(await place.delete(place.at("a"))).toEqual([{ kind: "deleted", bytes: 0 }]);
  expect(await place.delete(place.at("b"))).toEqual([{ kind: "deleted", bytes: 5 }]);
});

test("odd names are deleted as they are, and no other", async () => {
  await using place = await openPlace();
  const names = ["a b", "a+b", "a%20b", "a?b", "a#b", "ä", "a\nb", "a\\b", "-rf", "😀", "a:b", "'\"", "..."];
  for (const name of names) {
    for (const each of names) await writeFile(place.at(each), "x");
    expect(await place.delete(place.at(name))).toMatchObject([{ kind: "deleted" }]);
    const left = await Promise.all(names.map((each) => there(place.at(each))));
    expect(left).toEqual(names.map((each) => each !== name));
  }
});

test("more directories than are held open at once are all worked in", async () => {
  await using place = await openPlace();
  const paths = Array.from({ length: 600 }, (_, i) => place.at(`${i}/file`));
  for (const [i, path] of paths.entries()) {
    await mkdir(place.at(String(i)));
    await writeFile(path, "x");
  }
  const outcomes = await place.delete(...paths);
  expect(outcomes).toEqual(paths.map(() => ({ kind: "deleted", bytes: 1 })));
  expect(await Promise.all(paths.map(there))).toEqual(paths.map(() => false));
});

test("of two roots, one in the other, a file belongs to the inner one", async () => {
  await using place = await openPlace({ roots: ["images", "images/inner"] });
  expect(place.target(place.at("inner/a")).group).toBe(place.at("inner"));
  expect(place.target(place.at("innermost")).group).toBe(place.root);
  expect(() => place.target(place.at("inner/.scrubber-root"))).toThrow("marker");
});
