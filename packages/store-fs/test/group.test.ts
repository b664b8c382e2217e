import { existsSync, renameSync } from "node:fs";
import { mkdir, mkdtemp, realpath, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { Group } from "../src/group.ts";
import { type End, ENDS, isOutage, type Job, type JobAnswer, PROGRESS } from "../src/job.ts";
import { noneBorrowed } from "../src/write-out.ts";

/** What happened, in order: `unlink a/1`, `fsync a` (begun), `answers 0,1`. */
const log: string[] = [];
/** Directories of which fsync fails. */
const broken = new Set<string>();
let root: string;
/** Called after each unlink. */
let unlinked: () => void;
const undo: (() => Promise<void>)[] = [];
/** What an fsync waits for. */
let disk: Promise<void>;
let borrowed: Int32Array;

vi.mock("node:fs", async (original) => {
  const fs = await original<typeof import("node:fs")>();
  const pathOf = (fd: number | string): string => fs.readlinkSync(`/proc/self/fd/${fd}`).slice(root.length + 1);
  return {
    ...fs,
    unlinkSync: (path: string) => {
      fs.unlinkSync(path);
      const [, fd = "", name = ""] = /\/fd\/(\d+)\/(.*)$/.exec(path) ?? [];
      log.push(`unlink ${pathOf(fd)}/${name}`);
      unlinked();
    },
    fsyncSync: (fd: number) => {
      log.push(`fsync ${pathOf(fd)} by itself`);
      if (broken.has(pathOf(fd))) throw Object.assign(new Error("input/output error"), { code: "EIO" });
    },
    fsync: (fd: number, done: (error: Error | null) => void) => {
      const path = pathOf(fd);
      log.push(`fsync ${path}`);
      const error = broken.has(path) ? Object.assign(new Error("input/output error"), { code: "EIO" }) : null;
      // Answered in a later turn, as by the system.
      const answer = async (): Promise<void> => {
        await disk;
        done(error);
      };
      setImmediate(() => void answer());
    },
  };
});

beforeEach(async () => {
  log.length = 0;
  broken.clear();
  unlinked = () => {};
  disk = Promise.resolve();
  borrowed = noneBorrowed();
  root = await realpath(await mkdtemp(join(tmpdir(), "scrubber-group-")));
});

afterEach(async () => {
  for (const step of undo.splice(0)) await step();
  await rm(root, { recursive: true });
});

let nextId = 0;

function job(paths: readonly string[], of: Partial<Job> = {}): Job {
  return {
    id: nextId++,
    act: "delete",
    root: { path: root, marker: false, markerRequired: false, mounted: false },
    paths: paths.map((path) => join(root, path)).join("\0"),
    unmodifiedSince: new Float64Array(paths.length).fill(Number.POSITIVE_INFINITY),
    identities: new Map(),
    progress: new Int32Array(1),
    until: Number.POSITIVE_INFINITY,
    ...of,
  };
}

async function until(check: () => void): Promise<void> {
  await vi.waitFor(check, { timeout: 60_000, interval: 1 });
}

type Results = ReadonlyMap<number, JobAnswer["result"]>;

/** Brings the first; the others wait. Resolves when `answered` of them are answered: all, unless told otherwise. */
async function run(jobs: readonly Job[], answered: number = jobs.length): Promise<Results> {
  const [first, ...others] = jobs;
  if (first === undefined) throw new Error("no job");
  const { results } = bring(first, () => others.shift());
  await until(() => expect(results.size).toBe(answered));
  return results;
}

function bring(first: Job, next: () => Job | undefined): { readonly group: Group; readonly results: Results } {
  const results = new Map<number, JobAnswer["result"]>();
  const answer = (answers: readonly JobAnswer[]): void => {
    log.push(`answers ${answers.map(({ id }) => id - first.id).join()}`);
    for (const { id, result } of answers) results.set(id, result);
  };
  const group = new Group({ next, answer, borrowed });
  group.bring(first);
  return { group, results };
}

function endsOf(result: JobAnswer["result"] | undefined): readonly (End | undefined)[] {
  if (result === undefined || isOutage(result) || !("ends" in result)) throw new Error("no answers");
  return Array.from(result.ends, (end) => ENDS[end]);
}

async function fill(...paths: readonly string[]): Promise<readonly string[]> {
  for (const path of paths) {
    await mkdir(join(root, path, ".."), { recursive: true });
    await writeFile(join(root, path), "x");
  }
  return paths;
}

test("jobs that wait together are answered together, after one fsync of each directory that any of them touched", async () => {
  const jobs = [job(await fill("a/1", "b/1")), job(await fill("b/2", "a/2")), job(["a/never", ...(await fill("a/3"))])];
  const results = await run(jobs);
  expect(log).toEqual([
    ...["a/1", "b/1", "b/2", "a/2", "a/3"].map((path) => `unlink ${path}`),
    "fsync a",
    "fsync b",
    "answers 0,1,2",
  ]);
  expect(jobs.map(({ id }) => endsOf(results.get(id)))).toEqual([
    ["deleted", "deleted"],
    ["deleted", "deleted"],
    ["absent", "deleted"],
  ]);
});

test("a directory that cannot be written out makes unknown what was done in it, in each job, and nothing else", async () => {
  const jobs = [job(await fill("a/1", "b/1")), job([...(await fill("b/2")), "b/never", "a/never"])];
  await mkdir(join(root, "b/directory"));
  jobs.push(job(["b/directory"]));
  broken.add("b");
  const results = await run(jobs);
  expect(jobs.map(({ id }) => endsOf(results.get(id)))).toEqual([
    ["deleted", "unknown"],
    ["unknown", "unknown", "absent"],
    ["invalid"],
  ]);
});

test("a job that is called off stops before its next file, and is answered for what it did", async () => {
  const called = job(await fill("a/1", "a/2"));
  const other = job(await fill("a/3"));
  unlinked = () => Atomics.store(called.progress, 0, PROGRESS.cancelled);
  const results = await run([called, other]);
  expect(endsOf(results.get(called.id))).toEqual(["deleted", "untried"]);
  expect(endsOf(results.get(other.id))).toEqual(["deleted"]);
});

test("a job that was called off while it waited is not begun", async () => {
  const called = job(await fill("a/1"), { progress: Int32Array.of(PROGRESS.cancelled) });
  const other = job(await fill("a/2"));
  expect([...(await run([called, other], 1)).keys()]).toEqual([other.id]);
  expect(existsSync(join(root, "a/1"))).toBe(true);
  expect(Atomics.load(other.progress, 0)).toBe(PROGRESS.begun);
});

test("a job that is called off when it is done does not wait for the rest of its group", async () => {
  const called = job(await fill("a/1"));
  const other = job(await fill("a/2", "a/3", "b/1"));
  unlinked = () => {
    if (log.at(-1) === "unlink a/2") Atomics.store(called.progress, 0, PROGRESS.cancelled);
  };
  const results = await run([called, other]);
  expect(log).toEqual([
    "unlink a/1",
    "unlink a/2",
    "fsync a",
    "unlink a/3",
    "unlink b/1",
    "answers 0",
    "fsync a",
    "fsync b",
    "answers 1",
  ]);
  expect(endsOf(results.get(called.id))).toEqual(["deleted"]);
  expect(endsOf(results.get(other.id))).toEqual(["deleted", "deleted", "deleted"]);
});

test("a job whose time is up hands back what it has not tried", async () => {
  const late = job(await fill("a/1", "a/2"), { until: Date.now() - 1 });
  const other = job(await fill("a/3"));
  const results = await run([late, other]);
  expect(endsOf(results.get(late.id))).toEqual(["throttled", "throttled"]);
  expect(endsOf(results.get(other.id))).toEqual(["deleted"]);
  expect(existsSync(join(root, "a/1"))).toBe(true);
});

test("a directory that is exchanged between two jobs of a group is not mistaken for the one before", async () => {
  await fill("a/1", "new/2");
  const [first, second] = [job(["a/1"]), job(["a/2"])];
  const jobs = [second];
  const { results } = bring(first, () => {
    const next = jobs.shift();
    if (next !== undefined) {
      renameSync(join(root, "a"), join(root, "old"));
      renameSync(join(root, "new"), join(root, "a"));
    }
    return next;
  });
  await until(() => expect(results.size).toBe(2));
  expect(endsOf(results.get(second.id))).toEqual(["deleted"]);
  expect(log).toEqual(["unlink a/1", "fsync old", "unlink a/2", "answers 0", "fsync a", "answers 1"]);
});

test("a root that goes away between two jobs is the second one's outage; the first keeps its answer", async () => {
  const first = job(await fill("a/1"));
  const second = job(["a/2"], {
    root: { path: join(root, "missing"), marker: false, markerRequired: false, mounted: false },
  });
  const results = await run([first, second]);
  expect(endsOf(results.get(first.id))).toEqual(["deleted"]);
  expect(results.get(second.id)).toMatchObject({ code: "SCRUBBER_STORE_MISCONFIGURED" });
});

test("a root that is exchanged between two jobs is another group, begun when the one before is written out", async () => {
  const [first, second] = [job(await fill("a/1")), job(["a/2"])];
  await fill("new/a/2");
  const [away, jobs] = [`${root}-away`, [second]];
  undo.push(() => rm(away, { recursive: true, force: true }));
  const { results } = bring(first, () => {
    const next = jobs.shift();
    if (next !== undefined) {
      renameSync(root, away);
      renameSync(join(away, "new"), root);
    }
    return next;
  });
  await until(() => expect(results.size).toBe(2));
  expect(endsOf(results.get(second.id))).toEqual(["deleted"]);
  expect(
    log.filter((step) => /^(answers|unlink)/.test(step)).map((step) => step.replace(/unlink .*\//, "unlink ")),
  ).toEqual(["unlink 1", "answers 0", "unlink 2", "answers 1"]);
});

test("a group that has grown large is written out before all jobs are done", async () => {
  const many = (): Job => job(Array.from({ length: 2000 }, (_, i) => `${i}`));
  await run([many(), many(), many()]);
  expect(log).toEqual(["fsync ", "answers 0,1", "fsync ", "answers 2"]);
});

test("what comes while a group is written out is done meanwhile, and written out together as soon as that is through", async () => {
  const jobs = [job(await fill("a/1")), job(await fill("a/2")), job(await fill("b/1"))];
  const { promise, resolve } = Promise.withResolvers<void>();
  disk = promise;
  const { group, results } = bring(jobs[0]!, () => undefined);
  await until(() => expect(log).toContain("fsync a"));
  for (const later of jobs.slice(1)) group.bring(later);
  await until(() => expect(log).toContain("unlink b/1"));
  expect(log).toEqual(["unlink a/1", "fsync a", "unlink a/2", "unlink b/1"]);
  resolve();
  await until(() => expect(results.size).toBe(3));
  expect(log.slice(4)).toEqual(["answers 0", "fsync a", "fsync b", "answers 1,2"]);
});

test("two directories are written out at once, no more: a disk that hangs leaves threads to others", async () => {
  const { promise, resolve } = Promise.withResolvers<void>();
  disk = promise;
  const { results } = bring(job(await fill("a/1", "b/1", "c/1", "d/1", "e/1")), () => undefined);
  await until(() => expect(log).toContain("fsync b"));
  for (let turn = 0; turn < 10; turn++) await new Promise(setImmediate);
  expect(log.filter((step) => step.startsWith("fsync"))).toEqual(["fsync a", "fsync b"]);
  resolve();
  await until(() => expect(results.size).toBe(1));
  expect(log.slice(-6)).toEqual(["fsync a", "fsync b", "fsync c", "fsync d", "fsync e", "answers 0"]);
});

test("a long job does not hold up the answers of the group before", async () => {
  const first = job(await fill("a/1", "b/1", "c/1", "d/1"));
  const long = job(await fill(...Array.from({ length: 500 }, (_, i) => `a/long${i}`)));
  const { promise, resolve } = Promise.withResolvers<void>();
  disk = promise;
  const { group, results } = bring(first, () => undefined);
  await until(() => expect(log).toContain("fsync b"));
  group.bring(long);
  resolve();
  await until(() => expect(results.size).toBe(2));
  expect(log.indexOf("answers 0")).toBeLessThan(log.indexOf("unlink a/long499"));
});

test("a group that has grown large waits for the one before: no more than two hold directories open", async () => {
  const { promise, resolve } = Promise.withResolvers<void>();
  disk = promise;
  const large = (): Job => job(Array.from({ length: 4000 }, (_, i) => `${i}`));
  const first = large();
  const jobs = [large(), job(["late"])];
  const { results } = bring(first, () => jobs.shift());
  await until(() => expect(jobs.length).toBe(1));
  for (let turn = 0; turn < 200; turn++) await new Promise(setImmediate);
  expect(jobs.length).toBe(1);
  expect(log).toEqual(["fsync "]);
  resolve();
  await until(() => expect(results.size).toBe(3));
  expect(log).toEqual(["fsync ", "answers 0", "fsync ", "answers 1", "fsync ", "answers 2"]);
});

test("where other roots hold the threads that may be borrowed, a directory is written out by the root's own", async () => {
  broken.add("b");
  borrowed[0] = 1;
  const first = job(await fill("a/1", "b/1", "c/1"));
  const results = await run([first]);
  expect(log.filter((line) => line.startsWith("fsync"))).toEqual(["fsync a", "fsync b by itself", "fsync c by itself"]);
  expect(endsOf(results.get(first.id))).toEqual(["deleted", "unknown", "deleted"]);
  expect(borrowed[0]).toBe(1);
});
