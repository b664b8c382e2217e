import { execFile } from "node:child_process";
import { promisify } from "node:util";

/** A store and the objects that it is to delete: `PREFIX` and a number of twelve digits. */
export interface MemoryTask {
  readonly plugin: string;
  readonly options: Readonly<Record<string, unknown>>;
  readonly prefix: string;
  readonly objects: number;
}

/** How the command loads what it runs: a program that is measured loads its plugin so. */
export const MEMORY_MODULE = new URL("../../../apps/scrubber/dist/memory.js", import.meta.url).href;

/** As a user has it: JavaScript and the built package. Node's reading of TypeScript alone takes 13 MiB, the packages' sources as much again. */
const PROGRAM = `
const { plugin: name, options, prefix, objects } = JSON.parse(process.argv[1]);
const { loadFrugally } = await import("${MEMORY_MODULE}");
const { default: plugin } = await loadFrugally(() => import(name));
const { value } = await plugin.options["~standard"].validate(options);
const silent = () => {};
const log = { debug: silent, info: silent, warn: silent, error: silent };
const store = await plugin.open(value, { id: "store", log, now: () => new Date(), resolvePath: String, cipher: undefined });
const { signal } = new AbortController();
const opened = process.resourceUsage().maxRSS;
let next = 0;
const call = async () => {
  while (next < objects) {
    const targets = [];
    for (; targets.length < store.limits.batch && next < objects; next++) {
      const uri = prefix + String(next).padStart(12, "0");
      targets.push(store.target({ location: { uri }, requestedAt: new Date() }));
    }
    const outcomes = await store.delete(targets, { signal });
    if (!outcomes.every(({ kind }) => kind === "deleted")) throw new Error("not every object was deleted");
  }
};
await Promise.all(Array.from({ length: store.limits.concurrency }, call));
console.log(JSON.stringify({ opened, peak: process.resourceUsage().maxRSS }));
await store[Symbol.asyncDispose]();
`;

/** Deletes the objects in a process of its own, by the built package, as many calls at a time as the store allows, and asks it for its memory, in MiB. */
export async function memoryOf(task: MemoryTask): Promise<{ readonly opened: number; readonly peak: number }> {
  const args = ["--input-type=module", "-e", PROGRAM, JSON.stringify(task)];
  const { stdout } = await promisify(execFile)(process.execPath, args, { cwd: import.meta.dirname });
  const { opened, peak } = JSON.parse(stdout) as { opened: number; peak: number };
  return { opened: Math.round(opened / 1024), peak: Math.round(peak / 1024) };
}
