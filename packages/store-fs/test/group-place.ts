import { mkdir, mkdtemp, realpath, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, vi } from "vitest";
import { Group } from "../src/group.ts";
import { type End, ENDS, isOutage, type Job, type JobAnswer } from "../src/job.ts";
import { noneBorrowed } from "../src/write-out.ts";
import { place } from "./group-disk.ts";

beforeEach(async () => {
  place.log.length = 0;
  place.broken.clear();
  place.unlinked = () => {};
  place.disk = Promise.resolve();
  place.borrowed = noneBorrowed();
  place.root = await realpath(await mkdtemp(join(tmpdir(), "scrubber-group-")));
});

afterEach(async () => {
  for (const step of place.undo.splice(0)) await step();
  await rm(place.root, { recursive: true });
});

let nextId = 0;

export function job(paths: readonly string[], of: Partial<Job> = {}): Job {
  return {
    id: nextId++,
    act: "delete",
    root: { path: place.root, marker: false, markerRequired: false, mounted: false },
    paths: paths.map((path) => join(place.root, path)).join("\0"),
    unmodifiedSince: new Float64Array(paths.length).fill(Number.POSITIVE_INFINITY),
    identities: new Map(),
    progress: new Int32Array(1),
    until: Number.POSITIVE_INFINITY,
    ...of,
  };
}

export async function until(check: () => void): Promise<void> {
  await vi.waitFor(check, { timeout: 60_000, interval: 1 });
}

export type Results = ReadonlyMap<number, JobAnswer["result"]>;

/** Brings the first; the others wait. Resolves when `answered` of them are answered: all, unless told otherwise. */
export async function run(jobs: readonly Job[], answered: number = jobs.length): Promise<Results> {
  const [first, ...others] = jobs;
  if (first === undefined) throw new Error("no job");
  const { results } = bring(first, () => others.shift());
  await until(() => expect(results.size).toBe(answered));
  return results;
}

export function bring(first: Job, next: () => Job | undefined): { readonly group: Group; readonly results: Results } {
  const results = new Map<number, JobAnswer["result"]>();
  const answer = (answers: readonly JobAnswer[]): void => {
    place.log.push(`answers ${answers.map(({ id }) => id - first.id).join()}`);
    for (const { id, result } of answers) results.set(id, result);
  };
  const group = new Group({ next, answer, borrowed: place.borrowed });
  group.bring(first);
  return { group, results };
}

export function endsOf(result: JobAnswer["result"] | undefined): readonly (End | undefined)[] {
  if (result === undefined || isOutage(result) || !("ends" in result)) throw new Error("no answers");
  return Array.from(result.ends, (end) => ENDS[end]);
}

export async function fill(...paths: readonly string[]): Promise<readonly string[]> {
  for (const path of paths) {
    await mkdir(join(place.root, path, ".."), { recursive: true });
    await writeFile(join(place.root, path), "x");
  }
  return paths;
}
