import { chmod, mkdir, rename, rm, symlink, truncate, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import plugin from "../src/index.ts";
import { calmly, contextIn, openPlace, type Place } from "./place.ts";

async function codeOf(deleted: Promise<unknown>): Promise<unknown> {
  return deleted.then(
    (outcomes) => outcomes,
    (error: unknown) => (error instanceof Error && "code" in error ? error.code : error),
  );
}

test("what is not in a root that is there is absent, whatever of its path is missing", async () => {
  await using place = await openPlace();
  await writeFile(place.at("file"), "x");
  const outcomes = await place.delete(
    place.at("a"),
    place.at("no/such/folder/a"),
    place.at("file/a"),
    place.at("file/b/c"),
  );
  expect(outcomes).toEqual(Array(4).fill({ kind: "absent" }));
});

test("a root that is missing, or no directory, is the environment's fault", async () => {
  await using place = await openPlace();
  await rename(place.root, join(place.folder, "away"));
  expect(await codeOf(place.delete(place.at("a")))).toBe("SCRUBBER_STORE_MISCONFIGURED");
  await writeFile(place.root, "");
  expect(await codeOf(place.delete(place.at("a")))).toBe("SCRUBBER_STORE_MISCONFIGURED");
});

test("a marker that was seen once is required from then on", async () => {
  await using place = await openPlace();
  await writeFile(place.at("a"), "x");
  await rm(place.at(".scrubber-root"));
  expect(await codeOf(place.delete(place.at("a")))).toBe("SCRUBBER_STORE_MISCONFIGURED");
  await writeFile(place.at(".scrubber-root"), "");
  expect(await place.delete(place.at("a"))).toMatchObject([{ kind: "deleted" }]);
});

test("a marker that appears while the store is open is required from then on", async () => {
  await using place = await openPlace({ marker: false });
  await writeFile(place.at("another"), "");
  await using store = await plugin.open({ roots: [place.root] }, contextIn(place.folder));
  const target = store.target({ location: { uri: `file://${place.at("a")}` }, requestedAt: new Date() });
  if (target === undefined) throw new Error("not taken");
  const remove = (): Promise<unknown> => codeOf(store.delete([target], calmly));
  expect(await remove()).toEqual([{ kind: "absent" }]);
  await writeFile(place.at(".scrubber-root"), "");
  expect(await remove()).toEqual([{ kind: "absent" }]);
  await rm(place.at(".scrubber-root"));
  expect(await remove()).toBe("SCRUBBER_STORE_MISCONFIGURED");
});

test("an empty root without a marker may be one that is not mounted: nothing in it is absent, until something was found in it", async () => {
  await using place = await openPlace({ marker: false });
  await using store = await plugin.open({ roots: [place.root] }, contextIn(place.folder));
  const target = store.target({ location: { uri: `file://${place.at("a")}` }, requestedAt: new Date() });
  if (target === undefined) throw new Error("not taken");
  const remove = (): Promise<unknown> => codeOf(store.delete([target], calmly));
  expect(await remove()).toBe("SCRUBBER_STORE_MISCONFIGURED");
  expect(await codeOf(store.inspect([target], calmly))).toBe("SCRUBBER_STORE_MISCONFIGURED");
  await writeFile(place.at("a"), "x");
  expect(await remove()).toMatchObject([{ kind: "deleted" }]);
  // That the last file of a root goes does not make it another one; that another directory takes its place does.
  expect(await remove()).toEqual([{ kind: "absent" }]);
  await rename(place.root, join(place.folder, "unmounted"));
  await mkdir(place.root);
  expect(await remove()).toBe("SCRUBBER_STORE_MISCONFIGURED");
});

test("a configured marker is required from the start, and false is none", async () => {
  await using place = await openPlace({ marker: false });
  expect(await place.delete(place.at("a"))).toEqual([{ kind: "absent" }]);
  await using store = await plugin.open({ roots: [place.root], marker: "here" }, contextIn(place.folder));
  const target = store.target({ location: { uri: `file://${place.at("a")}` }, requestedAt: new Date() });
  if (target === undefined) throw new Error("not taken");
  expect(await codeOf(store.delete([target], calmly))).toBe("SCRUBBER_STORE_MISCONFIGURED");
});

test("with mounted: true, a directory that is no mount point is the environment's fault, and set-up writes no marker into it", async () => {
  await using place = await openPlace({ mounted: true });
  expect(await codeOf(place.delete(place.at("a")))).toBe("SCRUBBER_STORE_MISCONFIGURED");
  await rm(place.at(".scrubber-root"));
  const options = { roots: [place.root], mounted: true };
  await expect(plugin.setUp?.(options, contextIn(place.folder))).rejects.toThrow("no mount point");
  const findings = await place.store.probe({ ...calmly, write: true });
  expect(findings).toMatchObject([{ level: "problem" }]);
});

test("set-up makes missing roots and their markers, says so, and touches nothing that is there", async () => {
  await using place = await openPlace();
  const context = contextIn(place.folder);
  const options = { roots: ["images", "new/deep"], marker: "mark" };
  expect(await plugin.setUp?.(options, context)).toEqual([
    `wrote the marker ${place.at("mark")}`,
    `created the directory ${join(place.folder, "new/deep")}`,
    `wrote the marker ${join(place.folder, "new/deep/mark")}`,
  ]);
  expect(await plugin.setUp?.(options, context)).toEqual([]);
});

test("set-up that cannot make a root says why and what to do", async () => {
  await using place = await openPlace();
  await writeFile(join(place.folder, "file"), "");
  const making = plugin.setUp?.({ roots: ["file/images"] }, contextIn(place.folder));
  await expect(making).rejects.toMatchObject({
    code: "SCRUBBER_STORE_MISCONFIGURED",
    hint: expect.any(String) as string,
  });
});

test("two spellings of one root are refused: a file would have two keys", async () => {
  await using place = await openPlace();
  await symlink("images", join(place.folder, "alias"));
  for (const roots of [
    ["images", "alias"],
    ["images", "./images/"],
  ]) {
    await expect(plugin.open({ roots }, contextIn(place.folder))).rejects.toMatchObject({
      code: "SCRUBBER_PLUGIN_OPTIONS",
    });
  }
});

test("a file modified up to two seconds after the request is meant; later, it is changed", async () => {
  await using place = await openPlace();
  const requestedAt = new Date("2026-01-01T00:00:00Z");
  const outcome = async (afterMs: number, of: Place): Promise<string | undefined> => {
    await writeFile(of.at("a"), "x");
    const at = new Date(requestedAt.getTime() + afterMs);
    await utimes(of.at("a"), at, at);
    return (await of.store.delete([of.target(of.at("a"), { requestedAt })], calmly))[0]?.kind;
  };
  expect(await outcome(2000, place)).toBe("deleted");
  expect(await outcome(2010, place)).toBe("changed");
  await using careless = await openPlace({ ignoreModified: true });
  expect(await outcome(86_400_000, careless)).toBe("deleted");
});

test("what a file cannot be compared by is said in the outcome", async () => {
  await using place = await openPlace();
  await writeFile(place.at("a"), "x");
  const target = place.target(place.at("a"), { identity: { etag: "abc", size: 1 } });
  expect(await place.store.delete([target], calmly)).toEqual([
    { kind: "deleted", bytes: 1, note: "identity: unchecked (a file has no etag and no version)" },
  ]);
});

test("a file with holes frees what it takes on the disk", async () => {
  await using place = await openPlace();
  await writeFile(place.at("sparse"), "");
  await truncate(place.at("sparse"), 100_000_000);
  const [outcome] = await place.delete(place.at("sparse"));
  expect(outcome?.kind === "deleted" ? outcome.bytes : undefined).toBeLessThan(1_000_000);
});

test("Glance's form deletes the file of just that name; where a cut name could be meant, nothing is called absent", async () => {
  await using place = await openPlace({ percentEncoded: false });
  for (const name of ["a%20b", "a b", "c?d", "c", "e#f"]) await writeFile(place.at(name), "x");
  const target = (name: string): Parameters<typeof place.store.delete>[0][number] =>
    place.target(place.root, { uri: `file://${place.at(name)}` });
  expect(await place.store.delete(["a%20b", "c?d", "c?x"].map(target), calmly)).toMatchObject([
    { kind: "deleted" },
    { kind: "deleted" },
    { kind: "changed" },
  ]);
  expect(await place.inspect(place.at("c"), place.at("e#f"))).toBeDefined();
  expect(await place.store.inspect(["a b", "c", "e#f", "e#g"].map(target), calmly)).toMatchObject([
    { kind: "present" },
    { kind: "present" },
    { kind: "present" },
    { kind: "changed" },
  ]);
});

test("a probe warns where an unmounted root would look empty, and its own file is gone afterwards", async () => {
  await using place = await openPlace({ marker: false });
  await writeFile(place.at("another"), "");
  await using store = await plugin.open({ roots: [place.root] }, contextIn(place.folder));
  const findings = await store.probe({ ...calmly, write: true });
  expect(findings.map(({ level }) => level)).toEqual(["ok", "warning"]);
});

test("a name that is too long for the file system is invalid, and does not fail its neighbours", async () => {
  await using place = await openPlace();
  await mkdir(place.at("d"));
  await chmod(place.at("d"), 0o700);
  await writeFile(place.at("d/a"), "x");
  const outcomes = await place.delete(place.at("n".repeat(300)), place.at(`${"n".repeat(300)}/a`), place.at("d/a"));
  expect(outcomes.map(({ kind }) => kind)).toEqual(["invalid", "invalid", "deleted"]);
});
