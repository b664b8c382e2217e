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

const app = (entry: string): string => fileURLToPath(new URL(`../../apps/scrubber/dist/${entry}`, import.meta.url));

/** Runs our glance-scrubber, as it is built. */
export function ours(...args: readonly string[]): Promise<Ended> {
  return run(process.execPath, [app("glance-scrubber.js"), ...args]);
}

/** A daemon that was started. Disposing of it kills it, if it is still there. */
export interface Daemon extends AsyncDisposable {
  /** Resolves when its log has this text. */
  logged(text: string): Promise<void>;
  /** Sends a signal and resolves with its exit code, `null` where the signal ended it. */
  end(signal: "SIGTERM" | "SIGKILL"): Promise<number | null>;
}

/** Starts our glance-scrubber as a daemon. */
export function startDaemon(...args: readonly string[]): Daemon {
  const child = spawn(process.execPath, [app("glance-scrubber.js"), ...args, "--daemon"], {
    stdio: ["ignore", "ignore", "pipe"],
  });
  const closed = once(child, "close") as Promise<[number | null]>;
  let log = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => (log += text));
  const end = async (signal: NodeJS.Signals): Promise<number | null> => {
    child.kill(signal);
    return (await closed)[0];
  };
  return {
    async logged(text) {
      const until = Date.now() + 120_000;
      while (!log.includes(text)) {
        if (Date.now() > until || child.exitCode !== null) throw new Error(`the daemon never logged "${text}": ${log}`);
        await sleep(20);
      }
    },
    end,
    [Symbol.asyncDispose]: async () => void (await end("SIGKILL")),
  };
}

/** Runs our scrubber, as it is built. */
export function scrubber(...args: readonly string[]): Promise<Ended> {
  return run(process.execPath, [app("main.js"), ...args]);
}

/** Runs Debian's glance-scrubber, the peer. */
export function theirs(...args: readonly string[]): Promise<Ended> {
  return run("/usr/bin/glance-scrubber", args);
}

export async function run(command: string, args: readonly string[]): Promise<Ended> {
  const child = spawn(command, args, { stdio: ["ignore", "pipe", "pipe"] });
  let stdout = "";
  let stderr = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => (stdout += text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text));
  // A bound, not a timing: what hangs must not hang the suite.
  const timer = setTimeout(() => child.kill("SIGKILL"), 240_000);
  const [code] = (await once(child, "close")) as [number | null];
  clearTimeout(timer);
  return { code, stdout, stderr };
}
