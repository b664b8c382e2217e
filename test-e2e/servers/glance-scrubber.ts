import { spawn } from "node:child_process";
import { once } from "node:events";
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
