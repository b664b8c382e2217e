import { spawn } from "node:child_process";
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";

/** How a scrubber's process ended. */
export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

const THEIRS = "/usr/bin/glance-scrubber";

const app = (entry: string): string => fileURLToPath(new URL(`../../apps/scrubber/dist/${entry}`, import.meta.url));

/** A scrubber's process under way. Disposing of it kills it, if it is still there. */
export interface Running extends AsyncDisposable {
  readonly pid: number;
  /** What it has written to stderr so far. */
  readonly log: string;
  /** Resolves when its log has this text. */
  logged(text: string): Promise<void>;
  /** Sends a signal and resolves with its exit code, `null` where the signal ended it. */
  end(signal: "SIGTERM" | "SIGKILL"): Promise<number | null>;
  /** Resolves when it has ended. */
  readonly ended: Promise<Ended>;
}

/** Runs our glance-scrubber, as it is built. */
export function ours(...args: readonly string[]): Promise<Ended> {
  return run(process.execPath, [app("glance-scrubber.js"), ...args]);
}

/** Starts our glance-scrubber. */
export function startOurs(...args: readonly string[]): Running {
  return start(process.execPath, [app("glance-scrubber.js"), ...args]);
}

/** Starts our glance-scrubber, and has every file that it unlinks written to `trace`. */
export function startTraced(trace: string, ...args: readonly string[]): Running {
  // -D: the process started is the scrubber itself, so that ending it ends the scrubber.
  const strace = ["-D", "-f", "-qq", "-s", "4096", "-e", "trace=unlink,unlinkat", "-o", trace];
  return start("strace", [...strace, process.execPath, app("glance-scrubber.js"), ...args]);
}

/** Starts our glance-scrubber as a daemon. */
export function startDaemon(...args: readonly string[]): Running {
  return startOurs(...args, "--daemon");
}

/** Runs our scrubber, as it is built. */
export function scrubber(...args: readonly string[]): Promise<Ended> {
  return run(process.execPath, [app("main.js"), ...args]);
}

/** Starts our scrubber, as it is built. */
export function startScrubber(...args: readonly string[]): Running {
  return start(process.execPath, [app("main.js"), ...args]);
}

/** Runs Debian's glance-scrubber, the peer. */
export function theirs(...args: readonly string[]): Promise<Ended> {
  return run(THEIRS, args);
}

/** Starts Debian's glance-scrubber, the peer. */
export function startTheirs(...args: readonly string[]): Running {
  return start(THEIRS, args);
}

/** What a process cost that ran from start to end, by GNU time. */
export interface Cost {
  readonly peakMiB: number;
  readonly cpuSeconds: number;
}

/** Runs ours or Debian's under GNU time. @throws {Error} where it does not end with 0. */
export async function costOf(whose: "ours" | "theirs", ...args: readonly string[]): Promise<Cost> {
  const command = whose === "ours" ? [process.execPath, app("glance-scrubber.js")] : [THEIRS];
  const ended = await run("/usr/bin/time", ["-f", "cost %M %U %S", ...command, ...args]);
  const found = /cost (\d+) ([\d.]+) ([\d.]+)/.exec(ended.stderr);
  if (ended.code !== 0 || found === null) throw new Error(ended.stderr);
  return { peakMiB: Number(found[1]) / 1024, cpuSeconds: Number(found[2]) + Number(found[3]) };
}

export async function run(command: string, args: readonly string[]): Promise<Ended> {
  const running = start(command, args);
  // A bound, not a timing: what hangs must not hang the suite.
  const timer = setTimeout(() => void running.end("SIGKILL"), 240_000);
  const ended = await running.ended;
  clearTimeout(timer);
  return ended;
}

function start(command: string, args: readonly string[]): Running {
  const child = spawn(command, args, { stdio: ["ignore", "pipe", "pipe"] });
  let stdout = "";
  let stderr = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => (stdout += text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text));
  const ended = once(child, "close").then(([code]: (number | null)[]) => ({ code: code ?? null, stdout, stderr }));
  const end = async (signal: NodeJS.Signals): Promise<number | null> => {
    child.kill(signal);
    return (await ended).code;
  };
  return {
    pid: child.pid ?? Number.NaN,
    get log() {
      return stderr;
    },
    async logged(text) {
      const until = Date.now() + 120_000;
      while (!stderr.includes(text)) {
        if (Date.now() > until || child.exitCode !== null)
          throw new Error(`${command} never logged "${text}": ${stderr}`);
        await sleep(20);
      }
    },
    end,
    ended,
    [Symbol.asyncDispose]: async () => void (await end("SIGKILL")),
  };
}
