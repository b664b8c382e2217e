import { spawn, type ChildProcess } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished, vi } from "vitest";

const MAIN = join(import.meta.dirname, "../../src/main.ts");

// Each test starts processes, some a dozen; on a machine that is busy with other things each may take seconds.
vi.setConfig({ testTimeout: 300_000 });

/** What a finished command left. */
export interface Finished {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CommandOptions {
  readonly cwd?: string;
  readonly env?: NodeJS.ProcessEnv;
  /** Written to stdin, which is then closed. */
  readonly input?: string;
  /** An open file that stdout goes to. Default: it is read. */
  readonly stdout?: number;
}

/** A command that runs: to be sent signals, and to be watched. */
export interface Running {
  readonly child: ChildProcess;
  /** What it has written so far. */
  readonly seen: { stdout: string; stderr: string };
  readonly finished: Promise<Finished>;
}

/** Runs the command as a user would: in a process of its own, on the sources. */
export function scrubber(args: readonly string[], options: CommandOptions = {}): Promise<Finished> {
  return start(args, options).finished;
}

/** As `scrubber`, for a command that goes on; it is killed when the test is over. */
export function start(args: readonly string[], options: CommandOptions = {}): Running {
  const env = { ...process.env, ...options.env };
  for (const name of ["SCRUBBER_CONFIG", "NODE_OPTIONS", "FORCE_COLOR"])
    if (options.env?.[name] === undefined) delete env[name];
  const child = spawn(process.execPath, ["--conditions=@scrubber/source", MAIN, ...args], {
    cwd: options.cwd,
    env,
    stdio: ["pipe", options.stdout ?? "pipe", "pipe"],
  });
  const seen = { stdout: "", stderr: "" };
  child.stdout?.setEncoding("utf8").on("data", (text: string) => void (seen.stdout += text));
  child.stderr?.setEncoding("utf8").on("data", (text: string) => void (seen.stderr += text));
  child.stdin?.on("error", () => undefined).end(options.input ?? "");
  onTestFinished(() => void child.kill("SIGKILL"));
  const finished = new Promise<Finished>((resolve, reject) => {
    child.on("error", reject).on("close", (code) => resolve({ code, ...seen }));
  });
  return { child, seen, finished };
}

/** A folder of the test's own, removed when it is over. */
export async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "scrubber-app-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return folder;
}
