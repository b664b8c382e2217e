import { spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";

const MAIN = join(import.meta.dirname, "../../src/main.ts");

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
}

/** Runs the command as a user would: in a process of its own, on the sources. */
export function scrubber(args: readonly string[], options: CommandOptions = {}): Promise<Finished> {
  const env = { ...process.env, ...options.env };
  for (const name of ["SCRUBBER_CONFIG", "NODE_OPTIONS", "FORCE_COLOR"])
    if (options.env?.[name] === undefined) delete env[name];
  const child = spawn(process.execPath, ["--conditions=@scrubber/source", MAIN, ...args], { cwd: options.cwd, env });
  let stdout = "";
  let stderr = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => void (stdout += text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => void (stderr += text));
  child.stdin.on("error", () => undefined).end(options.input ?? "");
  return new Promise((resolve, reject) => {
    child.on("error", reject).on("close", (code) => resolve({ code, stdout, stderr }));
  });
}

/** A folder of the test's own, removed when it is over. */
export async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "scrubber-app-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return folder;
}
