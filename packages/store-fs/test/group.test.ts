import { existsSync, renameSync } from "node:fs";
import { mkdir, mkdtemp, realpath, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { Group } from "../src/group.ts";
import { type End, ENDS, isOutage, type Job, type JobAnswer, PROGRESS } from "../src/job.ts";

/** What happened, in order: `unlink a/1`, `fsync a`, `answers 0,1`. */
const log: string[] = [];
/** Directories of which fsync fails. */
const broken = new Set<string>();
let root: string;
/** Called after each unlink. */
let unlinked: () => void;

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
      const path = pathOf(fd);
      log.push(`fsync ${path}`);
      if (broken.has(path)) throw Object.assign(new Error("input/output error"), { code: "EIO" });
      fs.fsyncSync(fd);
    },
  };
});

beforeEach(async () => {
  log.length = 0;
  broken.clear();
  unlinked = () => {};
  root = await realpath(await mkdtemp(join(tmpdir(), "scrubber-group-")));
});

afterEach(async () => {
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

function run(first: Job, ...others: Job[]): ReadonlyMap<number, JobAnswer["result"]> {
  return runWith(first, () => others.shift());
}

function runWith(first: Job, next: () => Job | undefined): ReadonlyMap<number, JobAnswer["result"]> {
  const results = new Map<number, JobAnswer["result"]>();
  new Group((answers) => {
    log.push(`answers ${answers.map(({ id }) => id - first.id).join()}`);
    for (const { id, result } of answers) results.set(id, result);
  }).run(first, next);
  return results;
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
  const results = run(jobs[0]!, ...jobs.slice(1));
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
  const results = run(jobs[0]!, ...jobs.slice(1));
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
  const results = run(called, other);
  expect(endsOf(results.get(called.id))).toEqual(["deleted", "untried"]);
  expect(endsOf(results.get(other.id))).toEqual(["deleted"]);
});

test("a job that was called off while it waited is not begun", async () => {
  const called = job(await fill("a/1"), { progress: Int32Array.of(PROGRESS.cancelled) });
  const other = job(await fill("a/2"));
  expect([...run(called, other).keys()]).toEqual([other.id]);
  expect(existsSync(join(root, "a/1"))).toBe(true);
  expect(Atomics.load(other.progress, 0)).toBe(PROGRESS.begun);
});

test("a job that is called off when it is done does not wait for the rest of its group", async () => {
  const called = job(await fill("a/1"));
  const other = job(await fill("a/2", "a/3", "b/1"));
  unlinked = () => {
    if (log.at(-1) === "unlink a/2") Atomics.store(called.progress, 0, PROGRESS.cancelled);
  };
  const results = run(called, other);
  expect(log).toEqual([
    "unlink a/1",
    "unlink a/2",
    "fsync a",
    "answers 0",
    "unlink a/3",
    "unlink b/1",
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
  const results = run(late, other);
  expect(endsOf(results.get(late.id))).toEqual(["throttled", "throttled"]);
  expect(endsOf(results.get(other.id))).toEqual(["deleted"]);
  expect(existsSync(join(root, "a/1"))).toBe(true);
});

test("a directory that is exchanged between two jobs of a group is not mistaken for the one before", async () => {
  await fill("a/1", "new/2");
  const [first, second] = [job(["a/1"]), job(["a/2"])];
  const jobs = [second];
  const results = runWith(first, () => {
    const next = jobs.shift();
    if (next !== undefined) {
      renameSync(join(root, "a"), join(root, "old"));
      renameSync(join(root, "new"), join(root, "a"));
    }
    return next;
  });
  expect(endsOf(results.get(second.id))).toEqual(["deleted"]);
  expect(log).toEqual(["unlink a/1", "fsync old", "answers 0", "unlink a/2", "fsync a", "answers 1"]);
});

test("a root that goes away between two jobs is the second one's outage; the first keeps its answer", async () => {
  const first = job(await fill("a/1"));
  const second = job(["a/2"], {
    root: { path: join(root, "missing"), marker: false, markerRequired: false, mounted: false },
  });
  const results = run(first, second);
  expect(endsOf(results.get(first.id))).toEqual(["deleted"]);
  expect(results.get(second.id)).toMatchObject({ code: "SCRUBBER_STORE_MISCONFIGURED" });
});

test("a group that has grown large is answered before it takes more", () => {
  const many = (): Job => job(Array.from({ length: 2000 }, (_, i) => `${i}`));
  run(many(), many(), many());
  expect(log).toEqual(["fsync ", "answers 0,1", "fsync ", "answers 2"]);
});
