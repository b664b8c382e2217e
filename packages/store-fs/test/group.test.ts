import { existsSync, renameSync } from "node:fs";
import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { expect, test, vi } from "vitest";
import { PROGRESS } from "../src/job.ts";
import { place } from "./group-disk.ts";
import { bring, endsOf, fill, job, run, until } from "./group-place.ts";

vi.mock("node:fs", async (original) => (await import("./group-disk.ts")).toldFs(original));

test("jobs that wait together are answered together, after one fsync of each directory that any of them touched", async () => {
  const jobs = [job(await fill("a/1", "b/1")), job(await fill("b/2", "a/2")), job(["a/never", ...(await fill("a/3"))])];
  const results = await run(jobs);
  expect(place.log).toEqual([
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
  await mkdir(join(place.root, "b/directory"));
  jobs.push(job(["b/directory"]));
  place.broken.add("b");
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
  place.unlinked = () => Atomics.store(called.progress, 0, PROGRESS.cancelled);
  const results = await run([called, other]);
  expect(endsOf(results.get(called.id))).toEqual(["deleted", "untried"]);
  expect(endsOf(results.get(other.id))).toEqual(["deleted"]);
});

test("a job that was called off while it waited is not begun", async () => {
  const called = job(await fill("a/1"), { progress: Int32Array.of(PROGRESS.cancelled) });
  const other = job(await fill("a/2"));
  expect([...(await run([called, other], 1)).keys()]).toEqual([other.id]);
  expect(existsSync(join(place.root, "a/1"))).toBe(true);
  expect(Atomics.load(other.progress, 0)).toBe(PROGRESS.begun);
});

test("a job that is called off when it is done does not wait for the rest of its group", async () => {
  const called = job(await fill("a/1"));
  const other = job(await fill("a/2", "a/3", "b/1"));
  place.unlinked = () => {
    if (place.log.at(-1) === "unlink a/2") Atomics.store(called.progress, 0, PROGRESS.cancelled);
  };
  const results = await run([called, other]);
  expect(place.log).toEqual([
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
  expect(existsSync(join(place.root, "a/1"))).toBe(true);
});

test("a directory that is exchanged between two jobs of a group is not mistaken for the one before", async () => {
  await fill("a/1", "new/2");
  const [first, second] = [job(["a/1"]), job(["a/2"])];
  const jobs = [second];
  const { results } = bring(first, () => {
    const next = jobs.shift();
    if (next !== undefined) {
      renameSync(join(place.root, "a"), join(place.root, "old"));
      renameSync(join(place.root, "new"), join(place.root, "a"));
    }
    return next;
  });
  await until(() => expect(results.size).toBe(2));
  expect(endsOf(results.get(second.id))).toEqual(["deleted"]);
  expect(place.log).toEqual(["unlink a/1", "fsync old", "unlink a/2", "answers 0", "fsync a", "answers 1"]);
});

test("a root that goes away between two jobs is the second one's outage; the first keeps its answer", async () => {
  const first = job(await fill("a/1"));
  const second = job(["a/2"], {
    root: { path: join(place.root, "missing"), marker: false, markerRequired: false, mounted: false },
  });
  const results = await run([first, second]);
  expect(endsOf(results.get(first.id))).toEqual(["deleted"]);
  expect(results.get(second.id)).toMatchObject({ code: "SCRUBBER_STORE_MISCONFIGURED" });
});

test("a root that is exchanged between two jobs is another group, begun when the one before is written out", async () => {
  const [first, second] = [job(await fill("a/1")), job(["a/2"])];
  await fill("new/a/2");
  const [away, jobs] = [`${place.root}-away`, [second]];
  place.undo.push(() => rm(away, { recursive: true, force: true }));
  const { results } = bring(first, () => {
    const next = jobs.shift();
    if (next !== undefined) {
      renameSync(place.root, away);
      renameSync(join(away, "new"), place.root);
    }
    return next;
  });
  await until(() => expect(results.size).toBe(2));
  expect(endsOf(results.get(second.id))).toEqual(["deleted"]);
  expect(
    place.log.filter((step) => /^(answers|unlink)/.test(step)).map((step) => step.replace(/unlink .*\//, "unlink ")),
  ).toEqual(["unlink 1", "answers 0", "unlink 2", "answers 1"]);
});
