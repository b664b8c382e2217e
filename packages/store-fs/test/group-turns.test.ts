import { expect, test, vi } from "vitest";
import type { Job } from "../src/job.ts";
import { place } from "./group-disk.ts";
import { bring, endsOf, fill, job, run, until } from "./group-place.ts";

vi.mock("node:fs", async (original) => (await import("./group-disk.ts")).toldFs(original));

test("a group that has grown large is written out before all jobs are done", async () => {
  const many = (): Job => job(Array.from({ length: 2000 }, (_, i) => `${i}`));
  await run([many(), many(), many()]);
  expect(place.log).toEqual(["fsync ", "answers 0,1", "fsync ", "answers 2"]);
});

test("what comes while a group is written out is done meanwhile, and written out together as soon as that is through", async () => {
  const jobs = [job(await fill("a/1")), job(await fill("a/2")), job(await fill("b/1"))];
  const { promise, resolve } = Promise.withResolvers<void>();
  place.disk = promise;
  const { group, results } = bring(jobs[0]!, () => undefined);
  await until(() => expect(place.log).toContain("fsync a"));
  for (const later of jobs.slice(1)) group.bring(later);
  await until(() => expect(place.log).toContain("unlink b/1"));
  expect(place.log).toEqual(["unlink a/1", "fsync a", "unlink a/2", "unlink b/1"]);
  resolve();
  await until(() => expect(results.size).toBe(3));
  expect(place.log.slice(4)).toEqual(["answers 0", "fsync a", "fsync b", "answers 1,2"]);
});

test("two directories are written out at once, no more: a disk that hangs leaves threads to others", async () => {
  const { promise, resolve } = Promise.withResolvers<void>();
  place.disk = promise;
  const { results } = bring(job(await fill("a/1", "b/1", "c/1", "d/1", "e/1")), () => undefined);
  await until(() => expect(place.log).toContain("fsync b"));
  for (let turn = 0; turn < 10; turn++) await new Promise(setImmediate);
  expect(place.log.filter((step) => step.startsWith("fsync"))).toEqual(["fsync a", "fsync b"]);
  resolve();
  await until(() => expect(results.size).toBe(1));
  expect(place.log.slice(-6)).toEqual(["fsync a", "fsync b", "fsync c", "fsync d", "fsync e", "answers 0"]);
});

test("a long job does not hold up the answers of the group before", async () => {
  const first = job(await fill("a/1", "b/1", "c/1", "d/1"));
  const long = job(await fill(...Array.from({ length: 500 }, (_, i) => `a/long${i}`)));
  const { promise, resolve } = Promise.withResolvers<void>();
  place.disk = promise;
  const { group, results } = bring(first, () => undefined);
  await until(() => expect(place.log).toContain("fsync b"));
  group.bring(long);
  resolve();
  await until(() => expect(results.size).toBe(2));
  expect(place.log.indexOf("answers 0")).toBeLessThan(place.log.indexOf("unlink a/long499"));
});

test("a group that has grown large waits for the one before: no more than two hold directories open", async () => {
  const { promise, resolve } = Promise.withResolvers<void>();
  place.disk = promise;
  const large = (): Job => job(Array.from({ length: 4000 }, (_, i) => `${i}`));
  const first = large();
  const jobs = [large(), job(["late"])];
  const { results } = bring(first, () => jobs.shift());
  await until(() => expect(jobs.length).toBe(1));
  for (let turn = 0; turn < 200; turn++) await new Promise(setImmediate);
  expect(jobs.length).toBe(1);
  expect(place.log).toEqual(["fsync "]);
  resolve();
  await until(() => expect(results.size).toBe(3));
  expect(place.log).toEqual(["fsync ", "answers 0", "fsync ", "answers 1", "fsync ", "answers 2"]);
});

test("where other roots hold the threads that may be borrowed, a directory is written out by the root's own", async () => {
  place.broken.add("b");
  place.borrowed[0] = 1;
  const first = job(await fill("a/1", "b/1", "c/1"));
  const results = await run([first]);
  expect(place.log.filter((line) => line.startsWith("fsync"))).toEqual([
    "fsync a",
    "fsync b by itself",
    "fsync c by itself",
  ]);
  expect(endsOf(results.get(first.id))).toEqual(["deleted", "unknown", "deleted"]);
  expect(place.borrowed[0]).toBe(1);
});
