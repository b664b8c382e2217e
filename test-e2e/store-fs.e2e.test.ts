import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readFile, readdir, realpath, rm, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { promisify } from "node:util";
import { pathToFileURL } from "node:url";
import type { Context, Outcome, Store, Target } from "@scrubber/core";
import plugin from "@scrubber/store-fs";
import { afterEach, beforeEach, expect, test, vi } from "vitest";

const run = promisify(execFile);
const calmly = { signal: new AbortController().signal };
const silent = (): void => {};
const context: Context = {
  id: "fs",
  log: { debug: silent, info: silent, warn: silent, error: silent },
  now: () => new Date(),
  resolvePath: (path) => path,
  cipher: undefined,
};

let folder: string;
let undo: (() => Promise<unknown>)[];

beforeEach(async () => {
  folder = await realpath(await mkdtemp(join(tmpdir(), "scrubber-mounts-")));
  undo = [];
});

afterEach(async () => {
  for (const step of undo.toReversed()) await step();
  await rm(folder, { recursive: true });
});

async function mountPoint(name: string): Promise<string> {
  const path = join(folder, name);
  await mkdir(path);
  return path;
}

async function mount(path: string, ...args: readonly string[]): Promise<void> {
  await run("mount", [...args, path]);
  undo.push(() => unmount(path));
}

async function unmount(path: string): Promise<void> {
  const { stdout } = await run("findmnt", ["--noheadings", "--list", "--output", "TARGET"]);
  if (stdout.split("\n").includes(path)) await run("umount", [path]);
}

async function mountTmpfs(path: string): Promise<void> {
  await mount(path, "-t", "tmpfs", "-o", "size=4m", "scrubber-test");
}

/** A file system of its own kind and journal, in a file. */
async function mountExt4(path: string): Promise<void> {
  const image = `${path}.image`;
  await writeFile(image, "");
  await truncate(image, 16 * 1024 * 1024);
  await run("mkfs.ext4", ["-q", "-F", image]);
  await mount(path, "-o", "loop", image);
}

function targets(store: Store, paths: readonly string[]): readonly Target[] {
  const requestedAt = new Date(Date.now() + 3_600_000);
  return paths.map((path) => {
    const target = store.target({ location: { uri: pathToFileURL(path).href }, requestedAt });
    if (target === undefined) throw new Error(`not taken: ${path}`);
    return target;
  });
}

function remove(store: Store, ...paths: readonly string[]): Promise<readonly Outcome[]> {
  return store.delete(targets(store, paths), calmly);
}

async function fill(directory: string, count: number): Promise<readonly string[]> {
  const paths = Array.from({ length: count }, (_, i) => join(directory, `file${i}`));
  for (const path of paths) await writeFile(path, "data");
  return paths;
}

test("a root that is unmounted is an outage and no absence, and works again when it is back", async () => {
  const root = await mountPoint("images");
  await mountTmpfs(root);
  await plugin.setUp?.({ roots: [root] }, context);
  await using store = await plugin.open({ roots: [root] }, context);
  const [path = ""] = await fill(root, 1);
  await run("umount", [root]);
  await expect(remove(store, path)).rejects.toMatchObject({ code: "SCRUBBER_STORE_MISCONFIGURED" });
  await mountTmpfs(root);
  await plugin.setUp?.({ roots: [root] }, context);
  await fill(root, 1);
  expect(await remove(store, path, join(root, "never"))).toMatchObject([{ kind: "deleted" }, { kind: "absent" }]);
});

test("mounted: true takes a mount of another file system and one of the same, and nothing else", async () => {
  const [root, bound, source] = [await mountPoint("images"), await mountPoint("bound"), await mountPoint("source dir")];
  await using store = await plugin.open({ roots: [root, bound], mounted: true, marker: false }, context);
  for (const path of [root, bound]) {
    await expect(remove(store, join(path, "a"))).rejects.toMatchObject({ code: "SCRUBBER_STORE_MISCONFIGURED" });
  }
  await mountTmpfs(root);
  await mount(bound, "--bind", source);
  for (const path of [root, bound]) {
    await fill(path, 1);
    expect(await remove(store, join(path, "file0"), join(path, "a"))).toMatchObject([
      { kind: "deleted" },
      { kind: "absent" },
    ]);
  }
});

test("a read-only file system is an outage: nothing is deleted, nothing is called denied", async () => {
  const root = await mountPoint("images");
  await mountTmpfs(root);
  const paths = await fill(root, 3);
  await using store = await plugin.open({ roots: [root] }, context);
  await run("mount", ["-o", "remount,ro", root]);
  await expect(remove(store, ...paths)).rejects.toMatchObject({ code: "SCRUBBER_STORE_UNAVAILABLE" });
  await expect(remove(store, join(root, "file0"))).rejects.toMatchObject({ code: "SCRUBBER_STORE_UNAVAILABLE" });
  expect(await store.probe({ ...calmly, write: false })).toMatchObject([{ level: "problem" }, { level: "warning" }]);
  await run("mount", ["-o", "remount,rw", root]);
  expect((await remove(store, ...paths)).map(({ kind }) => kind)).toEqual(["deleted", "deleted", "deleted"]);
});

test("a file that may not be deleted is denied, and its neighbours are deleted", async () => {
  const root = await mountPoint("images");
  await mountExt4(root);
  const paths = await fill(root, 3);
  await run("chattr", ["+i", join(root, "file1")]);
  await using store = await plugin.open({ roots: [root] }, context);
  expect(await remove(store, ...paths)).toMatchObject([
    { kind: "deleted" },
    { kind: "denied", reason: "no permission for the file (EPERM)" },
    { kind: "deleted" },
  ]);
  expect(existsSync(join(root, "file1"))).toBe(true);
});

test("a file system that hangs holds up nothing but its own root; what was given up is not done later", async () => {
  const [hung, well] = [await mountPoint("hung"), await mountPoint("well")];
  await mountExt4(hung);
  const [there, elsewhere] = [await fill(hung, 5), await fill(well, 2)];
  await using store = await plugin.open({ roots: [hung, well] }, context);
  await run("fsfreeze", ["--freeze", hung]);
  let frozen = true;
  const thaw = async (): Promise<void> => {
    if (frozen) await run("fsfreeze", ["--unfreeze", hung]);
    frozen = false;
  };
  undo.push(thaw);
  const giveUp = new AbortController();
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
  undo.push(() => Promise.resolve(vi.useRealTimers()));
  const call = store.delete(targets(store, there), { signal: giveUp.signal });
  const behind = store.delete(targets(store, [join(hung, "behind")]), { signal: giveUp.signal });
  expect((await remove(store, ...elsewhere)).map(({ kind }) => kind)).toEqual(["deleted", "deleted"]);
  await untilSomeThreadUnlinks();
  // What has no turn in time is handed back: nothing is to be held against its entries.
  vi.advanceTimersByTime(60_000);
  expect(await behind).toEqual([{ kind: "throttled" }]);
  const last = store.delete(targets(store, [join(hung, "last")]), { signal: giveUp.signal });
  vi.useRealTimers();
  giveUp.abort();
  expect((await last).map(({ kind }) => kind)).toEqual(["unknown"]);
  expect((await call).map(({ kind }) => kind)).toEqual(Array(5).fill("unknown"));
  await expect(remove(store, ...there)).rejects.toMatchObject({ code: "SCRUBBER_STORE_UNAVAILABLE" });
  await thaw();
  // The one system call that hung may have succeeded; the thread stops before the next.
  const again = await untilItAnswers(() => remove(store, ...there));
  expect(["deleted", "absent"]).toContain(again[0]?.kind);
  expect(again.slice(1).map(({ kind }) => kind)).toEqual(Array(4).fill("deleted"));
});

/** Until a thread of this process is in the system call that deletes. */
async function untilSomeThreadUnlinks(): Promise<void> {
  const number = process.arch === "x64" ? "87 " : "35 ";
  for (let attempt = 0; attempt < 2000; attempt++) {
    for (const thread of await readdir("/proc/self/task")) {
      const call = await readFile(`/proc/self/task/${thread}/syscall`, "utf8").catch(() => "");
      if (call.startsWith(number)) return;
    }
    await delay(10);
  }
  throw new Error("no thread came to delete");
}

async function untilItAnswers(call: () => Promise<readonly Outcome[]>): Promise<readonly Outcome[]> {
  for (let attempt = 0; ; attempt++) {
    try {
      return await call();
    } catch (error) {
      if (attempt > 2000) throw error;
      await delay(10);
    }
  }
}

test("a directory that is swapped for a symbolic link at every moment never leads out of the root", async () => {
  const [root, outside] = [await mountPoint("images"), await mountPoint("outside")];
  const directory = join(root, "directory");
  await mkdir(directory);
  const inside = await fill(directory, 3000);
  await fill(outside, 3000);
  await using store = await plugin.open({ roots: [root] }, context);
  const swap = `
    const { renameSync, symlinkSync, unlinkSync } = require("node:fs");
    const [directory, outside] = process.argv.slice(1);
    process.stdout.write("swapping\\n");
    process.on("message", () => process.exit());
    (function turn() {
      for (let i = 0; i < 100; i++) {
        renameSync(directory, directory + "-away");
        symlinkSync(outside, directory);
        unlinkSync(directory);
        renameSync(directory + "-away", directory);
      }
      setImmediate(turn);
    })();`;
  const swapper = spawn(process.execPath, ["-e", swap, directory, outside], {
    stdio: ["ignore", "pipe", "inherit", "ipc"],
  });
  undo.push(() => Promise.resolve(swapper.kill("SIGKILL")));
  if (swapper.stdout === null) throw new Error("no output to read");
  await once(swapper.stdout, "data");
  const kinds = new Set<string>();
  for (let i = 0; i < inside.length; i += 30) {
    for (const { kind } of await remove(store, ...inside.slice(i, i + 30))) kinds.add(kind);
  }
  const ended = once(swapper, "exit");
  swapper.send("stop");
  await ended;
  expect((await readdir(outside)).length).toBe(3000);
  expect([...kinds].filter((kind) => !["deleted", "absent", "invalid"].includes(kind))).toEqual([]);
});

/**
 * Runs delete() on these files in a process of its own, all calls at once, and returns its steps in order, by the system's own account: `unlink DIRECTORY`,
 * `fsync DIRECTORY`, and what the process wrote when a call had its outcomes.
 */
async function stepsOf(root: string, calls: readonly (readonly string[])[]): Promise<readonly string[]> {
  const script = `
    import { writeSync } from "node:fs";
    import plugin from "@scrubber/store-fs";
    const [root, calls] = process.argv.slice(1);
    const store = await plugin.open({ roots: [root] }, { resolvePath: (path) => path });
    const requestedAt = new Date(Date.now() + 3600000);
    await Promise.all(JSON.parse(calls).map(async (paths, call) => {
      const targets = paths.map((path) => store.target({ location: { uri: "file://" + path }, requestedAt }));
      const outcomes = await store.delete(targets, { signal: new AbortController().signal });
      writeSync(1, "outcomes " + call + " " + outcomes.map(({ kind }) => kind).join() + "\\n");
    }));
    await store[Symbol.asyncDispose]();`;
  const trace = join(folder, "trace");
  const node = [process.execPath, "--conditions=@scrubber/source", "--input-type=module", "-e", script];
  await run(
    "strace",
    [
      "-f",
      "-y",
      "-s",
      "300",
      "-e",
      "trace=unlink,unlinkat,fsync,write",
      "-o",
      trace,
      ...node,
      root,
      JSON.stringify(calls),
    ],
    { cwd: import.meta.dirname },
  );
  const lines = (await readFile(trace, "utf8")).split("\n");
  const steps: string[] = [];
  // The descriptor of a held directory is all that a deletion shows of it: it is that of the next fsync, before the number is another's. So from the end.
  const directories = new Map<string, string>();
  for (const line of lines.toReversed()) {
    const [, fd = "", path = ""] = /fsync\((\d+)<([^>]*)>/.exec(line) ?? [];
    if (path.startsWith(`${root}/`)) {
      directories.set(fd, path.slice(root.length + 1));
      steps.unshift(`fsync ${directories.get(fd)}`);
    }
    const unlink = /unlink(?:at)?\(.*\/fd\/(\d+)\/file/.exec(line)?.[1];
    if (unlink !== undefined) steps.unshift(`unlink ${directories.get(unlink) ?? "?"}`);
    const outcomes = /outcomes [^\\"]*/.exec(line)?.[0];
    if (outcomes !== undefined) steps.unshift(outcomes);
  }
  return steps;
}

test("each touched directory is written to disk after its last deletion and before the outcomes, once", async () => {
  const root = await mountPoint("images");
  const [a, b] = [join(root, "a"), join(root, "b")];
  for (const directory of [a, b]) await mkdir(directory);
  const steps = await stepsOf(root, [[...(await fill(a, 3)), ...(await fill(b, 2)), join(a, "never")]]);
  expect(steps.slice(0, 5)).toEqual(["unlink a", "unlink a", "unlink a", "unlink b", "unlink b"]);
  // At once, so in any order.
  expect(steps.slice(5, 7).toSorted()).toEqual(["fsync a", "fsync b"]);
  expect(steps.slice(7)).toEqual(["outcomes 0 deleted,deleted,deleted,deleted,deleted,absent"]);
});

test("calls at the same time share the writing of their directories, and none is answered before it", async () => {
  const root = await mountPoint("images");
  const names = ["a", "b", "c"];
  const calls: string[][] = Array.from({ length: 6 }, () => []);
  for (const name of names) {
    await mkdir(join(root, name));
    for (const [i, path] of (await fill(join(root, name), 12)).entries()) calls[i % calls.length]?.push(path);
  }
  const steps = await stepsOf(root, calls);
  expect(steps.filter((step) => step.startsWith("unlink")).length).toBe(36);
  expect(steps.filter((step) => step.startsWith("outcomes")).toSorted()).toEqual(
    calls.map((paths, call) => `outcomes ${call} ${paths.map(() => "deleted").join()}`),
  );
  const answered = steps.findIndex((step) => step.startsWith("outcomes"));
  for (const name of names) {
    const written = steps.indexOf(`fsync ${name}`);
    expect(written).toBeGreaterThan(-1);
    expect(written).toBeLessThan(answered);
    // Nothing is deleted that is not written out afterwards.
    expect(steps.lastIndexOf(`fsync ${name}`)).toBeGreaterThan(steps.lastIndexOf(`unlink ${name}`));
  }
  expect(steps.filter((step) => step.startsWith("fsync")).length).toBeLessThan(calls.length * names.length);
});
