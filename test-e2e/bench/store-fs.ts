import { execFile } from "node:child_process";
import { fsyncSync, lstatSync, mkdirSync, openSync, readdirSync, unlinkSync, writeFileSync } from "node:fs";
import { mkdtemp, realpath, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import plugin from "@scrubber/store-fs";

const BATCH = 1000;
const ROUNDS = 5;
const FILES = 10_000;
const DIRECTORIES = 4;

interface Cost {
  readonly wall: number;
  readonly cpu: number;
  readonly peak: number;
}

/**
 * What deleting a file costs, whole processes: the store, against `find -type f -delete` and a bare loop of lstat and unlink in Node that writes its
 * directories out once for each batch, in turns, each on fresh files.
 */
export async function bench(): Promise<void> {
  const folder = await realpath(await mkdtemp(join(tmpdir(), "scrubber-bench-")));
  const node = [process.execPath, ...process.execArgv, fileURLToPath(import.meta.url)];
  const arms: Readonly<Record<string, (root: string) => readonly string[]>> = {
    "find -type f -delete": (root) => ["find", root, "-type", "f", "-delete"],
    "bare loop": (root) => [...node, "bare", root],
    "store-fs": (root) => [...node, "store", root],
  };
  const costs: Record<string, Cost[]> = {};
  try {
    for (let round = 0; round < ROUNDS; round++) {
      for (const [name, command] of Object.entries(arms)) {
        const root = join(folder, `${round}-${name.replaceAll(" ", "")}`);
        makeFiles(root);
        (costs[name] ??= []).push(await timed(command(root)));
        if (listFiles(root).length > 0) throw new Error(`${name} left files`);
        await rm(root, { recursive: true });
      }
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
  const ratio = (name: string, of: string, what: "wall" | "cpu"): number =>
    round2(median((costs[name] ?? []).map((cost, i) => cost[what] / (costs[of]?.[i]?.[what] ?? Number.NaN))));
  console.log("%d files in %d directories, whole processes, medians of %d paired rounds", FILES, DIRECTORIES, ROUNDS);
  console.table(
    Object.fromEntries(
      Object.keys(arms).map((name) => [
        name,
        {
          "wall s": round2(median((costs[name] ?? []).map(({ wall }) => wall))),
          "of find": ratio(name, "find -type f -delete", "wall"),
          "of the bare loop": ratio(name, "bare loop", "wall"),
          "CPU of find": ratio(name, "find -type f -delete", "cpu"),
          "peak MiB": Math.max(...(costs[name] ?? []).map(({ peak }) => peak)),
        },
      ]),
    ),
  );
}

async function timed(command: readonly string[]): Promise<Cost> {
  const shell = 'TIMEFORMAT="%R %U %S"; time "$@"';
  const { stdout, stderr } = await promisify(execFile)("bash", ["-c", shell, "bash", ...command]);
  const [wall = 0, user = 0, system = 0] = stderr.trim().split("\n").at(-1)?.split(" ").map(Number) ?? [];
  return { wall, cpu: user + system, peak: Number(stdout.trim()) };
}

function makeFiles(root: string): void {
  for (let i = 0; i < FILES; i++) {
    const directory = join(root, String(i % DIRECTORIES));
    if (i < DIRECTORIES) mkdirSync(directory, { recursive: true });
    writeFileSync(join(directory, `4f6c0d3e-8f52-4d0a-9d0e-${String(i).padStart(12, "0")}`), "data");
  }
}

function listFiles(root: string): readonly string[] {
  return readdirSync(root).flatMap((name) => readdirSync(join(root, name)).map((file) => join(root, name, file)));
}

function bareLoop(root: string): void {
  const descriptors = readdirSync(root).map((name) => openSync(join(root, name), "r"));
  for (const [i, file] of listFiles(root).entries()) {
    lstatSync(file);
    unlinkSync(file);
    if (i % BATCH === BATCH - 1) for (const descriptor of descriptors) fsyncSync(descriptor);
  }
  for (const descriptor of descriptors) fsyncSync(descriptor);
}

async function throughStore(root: string): Promise<void> {
  const silent = (): void => {};
  const log = { debug: silent, info: silent, warn: silent, error: silent };
  const now = (): Date => new Date();
  await using store = await plugin.open(
    { roots: [root] },
    { id: "fs", log, now, resolvePath: (path) => path, cipher: undefined },
  );
  const { signal } = new AbortController();
  const files = listFiles(root).values();
  await Promise.all(
    Array.from({ length: store.limits.concurrency }, async () => {
      for (;;) {
        const requestedAt = new Date();
        const targets = files
          .take(BATCH)
          .map((file) => store.target({ location: { uri: `file://${file}` }, requestedAt }))
          .filter((target) => target !== undefined)
          .toArray();
        if (targets.length === 0) return;
        const outcomes = await store.delete(targets, { signal });
        if (!outcomes.every(({ kind }) => kind === "deleted")) throw new Error("not every file was deleted");
      }
    }),
  );
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[sorted.length >> 1] ?? Number.NaN;
}

function round2(value: number): number {
  return Math.round(value * 100) / 100;
}

const [, program, arm, root] = process.argv;
if (program === fileURLToPath(import.meta.url) && root !== undefined) {
  if (arm === "bare") bareLoop(root);
  else await throughStore(root);
  console.log(Math.round(process.resourceUsage().maxRSS / 1024));
}
