import { spawn, type ChildProcess } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";

const MAIN = fileURLToPath(new URL("../../apps/scrubber/dist/main.js", import.meta.url));
/** A bound, not a timing: what hangs must not hang the suite. */
const MOST_MS = 120_000;

/** What would make the command another one than the user's: how tests are run among it (a launcher's `NODE_PATH` leads to other packages, under `CI` Node takes no terminal for coloured). */
const FOREIGN = ["CI", "SCRUBBER_CONFIG", "NODE_OPTIONS", "NODE_PATH", "FORCE_COLOR", "NO_COLOR"];

/** How a command ended. */
export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A command that runs. */
export interface Running {
  readonly child: ChildProcess;
  /** What it has written so far. */
  readonly seen: { stdout: string; stderr: string };
  readonly ended: Promise<Ended>;
}

/** A folder with a configuration, in which the command is run as it is built, each time in a process of its own. */
export class Scene implements Disposable {
  readonly folder: string = realpathSync(mkdtempSync(join(tmpdir(), "scrubber-cli-")));
  readonly #children = new Set<ChildProcess>();

  constructor(config?: string) {
    if (config !== undefined) this.write("scrubber.yaml", config);
  }

  path(name: string): string {
    return join(this.folder, name);
  }

  uri(name: string): string {
    return `file://${this.path(name)}`;
  }

  write(name: string, text: string): void {
    writeFileSync(this.path(name), text);
  }

  read(name: string): string {
    return existsSync(this.path(name)) ? readFileSync(this.path(name), "utf8") : "";
  }

  /** Starts the command and does not wait for its end. */
  start(args: readonly string[], env: NodeJS.ProcessEnv = {}): Running {
    return this.spawn(process.execPath, [MAIN, ...args], env);
  }

  /** Runs the command, which must end by itself. */
  run(args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Ended> {
    return this.start(args, env).ended;
  }

  /** As `run` with `--json`: the objects of stdout. */
  async json(args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<readonly Record<string, unknown>[]> {
    const { stdout } = await this.run([...args, "--json"], env);
    return stdout
      .split("\n")
      .filter((line) => line !== "")
      .map((line) => JSON.parse(line) as Record<string, unknown>);
  }

  /** Runs the command on a terminal, and resolves with all that it has shown there. */
  async onTerminal(args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<string> {
    const command = [process.execPath, MAIN, ...args].map((word) => `'${word}'`).join(" ");
    const shown = await this.spawn("script", ["-qec", command, "/dev/null"], { TERM: "xterm-256color", ...env }).ended;
    return shown.stdout;
  }

  spawn(command: string, args: readonly string[], env: NodeJS.ProcessEnv): Running {
    const own = { ...process.env };
    for (const name of FOREIGN) delete own[name];
    const child = spawn(command, args, {
      cwd: this.folder,
      env: { ...own, ...env },
      stdio: ["ignore", "pipe", "pipe"],
    });
    this.#children.add(child);
    const seen = { stdout: "", stderr: "" };
    child.stdout.setEncoding("utf8").on("data", (text: string) => void (seen.stdout += text));
    child.stderr.setEncoding("utf8").on("data", (text: string) => void (seen.stderr += text));
    const timer = setTimeout(() => child.kill("SIGKILL"), MOST_MS);
    const ended = new Promise<Ended>((resolve, reject) => {
      child.on("error", reject).on("close", (code, signal) => {
        clearTimeout(timer);
        this.#children.delete(child);
        resolve({ code, signal, ...seen });
      });
    });
    return { child, seen, ended };
  }

  [Symbol.dispose](): void {
    for (const child of this.#children) child.kill("SIGKILL");
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** Resolves when the condition holds. */
export async function until(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
  for (const end = performance.now() + MOST_MS; performance.now() < end; await delay(25)) if (await holds()) return;
  throw new Error(`it did not come to pass: ${what}`);
}
