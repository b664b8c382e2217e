import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

/** One system call that concerns the queue, in order. */
interface SystemCall {
  readonly name: string;
  readonly text: string;
}

/** Says what it has accepted on its standard output, as a program would that acts on the answer. */
const PROGRAM = `
  import { closeSync, fsyncSync, openSync, renameSync, writeSync } from "node:fs";
  import { join } from "node:path";
  const { openFileQueue } = await import(process.argv[1]);
  const directory = process.argv[2];
  const silent = () => {};
  const say = (text) => writeSync(1, text + "\\n");
  const context = { log: { debug: silent, info: silent, warn: silent, error: silent }, now: () => new Date(), cipher: undefined, delayMs: 0 };
  const queue = await openFileQueue({ directory }, context);
  say("SAID opened");
  await queue.add([{ imageId: "a", location: { uri: "file:///a" } }]);
  say("SAID added");
  const leased = await queue.lease({ limit: 10, leaseMs: 60_000 });
  say("SAID leased");
  await queue.settle(leased.map(({ id, token }) => ({ kind: "done", id, token })));
  say("SAID settled");
  const fd = openSync(join(directory, "incoming", ".tmp-b"), "w");
  writeSync(fd, "file:///b\\n1700000000");
  fsyncSync(fd);
  closeSync(fd);
  renameSync(join(directory, "incoming", ".tmp-b"), join(directory, "incoming", "b"));
  say("SAID dropped");
  await queue.hasImages(["b"]);
  say("SAID taken in");
  process.kill(process.pid, "SIGKILL");
`;

describe("kill -9 leaves the page cache alone, a loss of power does not: so every acknowledgement comes after its fsync", () => {
  let root = "";
  let directory = "";
  let calls: readonly SystemCall[] = [];

  beforeAll(() => {
    // strace shows real paths.
    root = realpathSync(mkdtempSync(join(tmpdir(), "scrubber-durability-")));
    directory = join(root, "queue");
    const trace = join(root, "trace");
    const entry = new URL("../packages/queue-file/src/index.ts", import.meta.url).href;
    const node = [
      process.execPath,
      "--conditions=@scrubber/source",
      "--input-type=module",
      "-e",
      PROGRAM,
      entry,
      directory,
    ];
    const traced =
      "trace=fsync,fdatasync,write,writev,pwrite64,rename,renameat,renameat2,unlink,unlinkat,mkdir,mkdirat";
    try {
      execFileSync("strace", ["-f", "-y", "-s", "200", "-e", traced, "-o", trace, ...node], { stdio: "ignore" });
    } catch (error) {
      // The program ends itself with SIGKILL; strace ends the same way. Anything else is told by the trace.
      if (error instanceof Error && "code" in error && error.code === "ENOENT") throw error;
    }
    calls = readFileSync(trace, "utf8").split("\n").flatMap(parse);
  });

  afterAll(() => rmSync(root, { recursive: true, force: true }));

  /** The calls between two things that the program said. */
  function between(from: string | undefined, to: string): readonly SystemCall[] {
    const start = from === undefined ? 0 : placeOf(`SAID ${from}`) + 1;
    const end = placeOf(`SAID ${to}`);
    return calls.slice(start, end);
  }

  function placeOf(text: string): number {
    const at = calls.findIndex((call) => call.name.startsWith("write") && call.text.includes(`"${text}\\n"`));
    expect(at, `the trace has ${text}`).toBeGreaterThanOrEqual(0);
    return at;
  }

  const isSync = (call: SystemCall, path: string): boolean =>
    (call.name === "fsync" || call.name === "fdatasync") && call.text.includes(`<${path}>`);

  test("opened: the folder's own entry, and the entries in it, are synced", () => {
    const opening = between(undefined, "opened");
    expect(opening.some((call) => isSync(call, root))).toBe(true);
    const made = opening.findLastIndex((call) => call.name.startsWith("mkdir") && call.text.includes(directory));
    expect(opening.slice(made).some((call) => isSync(call, directory))).toBe(true);
  });

  test.each([
    ["opened", "added"],
    ["added", "leased"],
    ["leased", "settled"],
  ])("between %s and %s, all that is written to the log is synced last", (from, to) => {
    const log = join(directory, "queue.sqlite-wal");
    const work = between(from, to);
    const written = work.findLastIndex((call) => call.name === "pwrite64" && call.text.includes(`<${log}>`));
    const synced = work.findLastIndex((call) => isSync(call, log));
    expect(written).toBeGreaterThanOrEqual(0);
    expect(synced).toBeGreaterThan(written);
  });

  test("the log's own entry in the folder is synced before the first acknowledgement", () => {
    const log = join(directory, "queue.sqlite-wal");
    const first = between(undefined, "opened");
    const written = first.findIndex((call) => call.name === "pwrite64" && call.text.includes(`<${log}>`));
    expect(written).toBeGreaterThanOrEqual(0);
    expect(first.slice(written).some((call) => isSync(call, directory))).toBe(true);
  });

  test("a dropped file is claimed, its folders synced, its entries synced, and only then is it unlinked; and that is synced before its claim goes", () => {
    const log = join(directory, "queue.sqlite-wal");
    const work = between("dropped", "taken in");
    const claimed = work.findIndex((call) => call.name.startsWith("rename") && call.text.includes("/claimed/"));
    const incomingSynced = work.findIndex((call) => isSync(call, join(directory, "incoming")));
    const claimedSynced = work.findIndex((call) => isSync(call, join(directory, "claimed")));
    const committed = work.findIndex((call) => isSync(call, log));
    const unlinked = work.findIndex((call) => call.name.startsWith("unlink") && call.text.includes("/claimed/"));
    const unlinkSynced = work.findLastIndex((call) => isSync(call, join(directory, "claimed")));
    const forgotten = work.findLastIndex((call) => isSync(call, log));
    const order = [claimed, incomingSynced, claimedSynced, committed, unlinked, unlinkSynced, forgotten];
    expect(order[0]).toBeGreaterThanOrEqual(0);
    expect(order).toEqual(order.toSorted((a, b) => a - b));
    expect(new Set(order).size).toBe(order.length);
  });
});

/** A line of strace: `PID name(arguments) = result`. Calls that were interrupted by another thread's are joined by their begin. */
function parse(line: string): SystemCall[] {
  const [, name, text] = /^\d+\s+(?:<\.\.\. )?(\w+)(?:\(| resumed>)(.*)$/.exec(line) ?? [];
  return name === undefined || text === undefined ? [] : [{ name, text }];
}
