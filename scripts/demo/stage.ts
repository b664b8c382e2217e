import { spawn } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { styleText } from "node:util";
import { formatCount } from "../../apps/scrubber/src/figures.ts";
import { layOut, type Column } from "../../apps/scrubber/src/table.ts";

const MAIN = join(import.meta.dirname, "../../apps/scrubber/src/main.ts");

/** Shows that a folder was made by the demo, and may be made anew. */
const MARK = ".made-by-the-demo";

export interface Ran {
  readonly code: number;
  readonly stdout: string;
}

type Style = Parameters<typeof styleText>[0];

/** Where the demo plays: a folder, the commands that are run in it, and what is shown of them. */
export class Stage implements Disposable {
  readonly folder: string;
  /** What was not as promised. */
  readonly broken: string[] = [];
  /** Where Node keeps what it compiled, so that the second command starts in half the time. */
  readonly #cache = mkdtempSync(join(tmpdir(), "scrubber-demo-"));

  /** Makes the folder, anew if it is the demo's own. */
  constructor(folder: string) {
    if (existsSync(folder) && !existsSync(join(folder, MARK))) {
      throw new Error(`${folder} exists and was not made by the demo: move it away, or run the demo elsewhere`);
    }
    rmSync(folder, { recursive: true, force: true });
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, MARK), "This folder was made by the demo, which deletes it when it is run again.\n");
    this.folder = folder;
  }

  title(text: string): void {
    console.log(`${paint(["bold", "cyan"], `── ${text} ${"─".repeat(Math.max(3, 96 - text.length))}`)}\n`);
  }

  say(text: string): void {
    for (const line of wrap(text, 100)) console.log(line);
    console.log();
  }

  /** Runs a command as a user would, and shows both. `quiet`: only the first lines. */
  async run(
    cwd: string,
    args: readonly string[],
    show: { readonly lines?: number; readonly hidden?: boolean } = {},
  ): Promise<Ran> {
    const shown = args.map((arg) => (/[^\w@%+=:,./-]/.test(arg) ? `'${arg}'` : arg)).join(" ");
    if (!show.hidden) console.log(`  ${paint("dim", "$")} ${paint("bold", `scrubber ${shown}`)}`);
    const { code, stdout, stderr } = await capture(cwd, args, this.#cache);
    if (!show.hidden) {
      // Of a run that went as it should, the log is left out.
      const lines = (code === 0 || code === 3 ? stdout : stderr).trimEnd().split("\n");
      const most = show.lines ?? 12;
      for (const line of lines.slice(0, most)) console.log(`    ${line.replaceAll(`${this.folder}/`, "")}`);
      if (lines.length > most + 1)
        console.log(paint("dim", `    ... ${formatCount(lines.length - most - 1)} more lines`));
      if (lines.length > most) console.log(`    ${lines.at(-1)?.replaceAll(`${this.folder}/`, "")}`);
      console.log();
    }
    return { code, stdout };
  }

  /** Runs a command with --json, unseen, and reads the objects that it writes. */
  async ask(cwd: string, args: readonly string[]): Promise<Record<string, unknown>[]> {
    const { stdout } = await this.run(cwd, [...args, "--json"], { hidden: true });
    return stdout
      .split("\n")
      .filter((line) => line !== "")
      .map((line) => JSON.parse(line) as Record<string, unknown>);
  }

  /** Records whether something is as promised, and returns the mark for it. */
  check(what: string, ok: boolean): string {
    if (!ok) this.broken.push(what);
    return ok ? paint("green", "✔") : paint("red", "✘");
  }

  table(columns: readonly Column[], rows: readonly (readonly string[])[]): void {
    for (const [index, line] of layOut(columns, rows).entries()) {
      console.log(`  ${index === 0 ? paint("dim", line) : line}`);
    }
    console.log();
  }

  [Symbol.dispose](): void {
    rmSync(this.#cache, { recursive: true, force: true });
  }

  /** A folder as it is called from where the demo was started. */
  shown(path: string): string {
    return relative(process.env["INIT_CWD"] ?? process.cwd(), path) || ".";
  }
}

export function paint(style: Style, text: string): string {
  return process.stdout.isTTY ? styleText(style, text) : text;
}

function capture(cwd: string, args: readonly string[], cache: string): Promise<Ran & { readonly stderr: string }> {
  const env: NodeJS.ProcessEnv = { ...process.env, NODE_COMPILE_CACHE: cache };
  delete env["SCRUBBER_CONFIG"];
  const child = spawn(process.execPath, ["--conditions=@scrubber/source", MAIN, ...args], {
    cwd,
    env,
    stdio: ["ignore", "pipe", "pipe"],
  });
  let stdout = "";
  let stderr = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => void (stdout += text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => void (stderr += text));
  return new Promise((resolve, reject) => {
    child.on("error", reject).on("close", (code) => resolve({ code: code ?? -1, stdout, stderr }));
  });
}

function wrap(text: string, width: number): string[] {
  const lines = [""];
  for (const word of text.split(/\s+/)) {
    const last = lines.at(-1) ?? "";
    if (last !== "" && last.length + word.length + 1 > width) lines.push(word);
    else lines[lines.length - 1] = last === "" ? word : `${last} ${word}`;
  }
  return lines;
}
