import { existsSync } from "node:fs";
import { open } from "node:fs/promises";
import { dirname, join, relative, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { makeDirectory, messageOf, ScrubberError, type AnyPlugin, type QueueContext } from "@scrubber/core";
import type { CheckedConfig } from "@scrubber/engine";
import type { Invocation } from "../invocation.ts";
import { configToMake } from "../config/discovery.ts";
import { configTemplate } from "../config/template.ts";
import { examples, type CommandDefinition } from "./definition.ts";

export const init: CommandDefinition = (program, start) => {
  program
    .command("init")
    .summary("write a configuration that works at once")
    .description(
      "Writes a commented scrubber.yaml that works at once, and makes what its plugins need: folders, markers, a database. Overwrites nothing; with a configuration that is there already it makes only what is missing.",
    )
    .option("--registry", "with an embedded registry of images (SQLite)")
    .addHelpText(
      "after",
      examples(
        ["scrubber init", "./scrubber.yaml, ./scrubber-data, ./images"],
        ["scrubber init --registry", "and a registry: image add, delete, restore"],
        ["scrubber init --config /etc/scrubber/scrubber.yaml", "somewhere else"],
      ),
    )
    .action(async (options: { readonly registry?: true }, command) =>
      initialize(start(command), options.registry === true),
    );
};

async function initialize(run: Invocation, withRegistry: boolean): Promise<void> {
  const { output } = run;
  const file = configToMake({ ...run.process, config: run.options.config });
  const shown = (path: string): string => relative(run.process.cwd, path) || ".";
  if (/\.[cm]?[jt]s$/.test(file) && !existsSync(file)) {
    throw new ScrubberError("SCRUBBER_USAGE", `init writes YAML, and ${shown(file)} would be a program`, {
      hint: "Name a file that ends in .yaml. docs/configuration.md shows the same in TypeScript; where that is there already, init makes what it needs.",
    });
  }
  const written = await writeNew(file, configTemplate(withRegistry));
  const { loadConfig } = await import("../config/load.ts");
  const { checked, directory } = await loadConfig({ ...run.process, config: file }, run.redactor);
  if (withRegistry && checked.registry === undefined) {
    throw new ScrubberError(
      "SCRUBBER_CONFIG_INVALID",
      `${file} is there already and names no registry; it was not changed`,
      {
        hint: 'Add to it: registry: { use: "@scrubber/registry-sql", with: { url: "sqlite:./scrubber-data/registry.sqlite" } }. Then run scrubber init again.',
      },
    );
  }
  const made = await setUp(run, checked, directory);
  await output.object({ config: file, written, made });
  await output.line(
    written
      ? `${output.style("green", "Wrote")} ${shown(file)}`
      : `${shown(file)} was there already and was not changed.`,
  );
  for (const line of made)
    await output.line(`${line.charAt(0).toUpperCase()}${line.slice(1)}`.replaceAll(`${run.process.cwd}/`, ""));
  if (made.length === 0 && !written) await output.line("Nothing was missing.");
  if (written) await output.line(firstSteps(checked, directory, run));
}

/** False: something is there already, and stays as it is. */
async function writeNew(file: string, text: string): Promise<boolean> {
  try {
    makeDirectory(dirname(file), 0o777);
    await using handle = await open(file, "wx", 0o644);
    await handle.writeFile(text);
    await handle.sync();
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw new ScrubberError("SCRUBBER_CONFIG_UNREADABLE", `cannot write ${file}: ${messageOf(error)}`, {
      hint: "Choose a folder that this user may write to: scrubber init --config FILE",
      cause: error,
    });
  }
}

async function setUp(run: Invocation, checked: CheckedConfig, directory: string): Promise<string[]> {
  const log = await run.log("warn");
  const context = (id: string): QueueContext => ({
    id,
    log,
    now: () => new Date(),
    resolvePath: (path) => resolve(directory, path),
    cipher: checked.cipher,
    registry: undefined,
    delayMs: checked.scrub.delayMs,
  });
  const made: string[] = [];
  const { registry, queue, stores } = checked;
  const { pluginFailure } = await import("@scrubber/engine");
  for (const { plugin, options, id, path } of [
    ...(registry === undefined ? [] : [{ ...registry, id: "registry", path: "registry" }]),
    { ...queue, id: "queue", path: "queue" },
    ...stores.map((store) => ({ ...store, path: `the store "${store.id}"` })),
  ]) {
    const opened: AnyPlugin = plugin;
    try {
      made.push(...((await opened.setUp?.(options, context(id))) ?? []));
    } catch (error) {
      throw pluginFailure(opened, path, "set up", error);
    }
  }
  return made;
}

/** What to try with the configuration that was just written; another one may have no files to delete. */
function firstSteps({ registry }: CheckedConfig, directory: string, run: Invocation): string {
  const { cwd } = run.process;
  const { config } = run.options;
  const flag = config === undefined ? "" : ` --config ${quoted(config)}`;
  const file = join(directory, "images/my-image");
  const uri = directory === cwd ? '"file://$PWD/images/my-image"' : quoted(pathToFileURL(file).href);
  const queueing =
    registry === undefined
      ? [[`scrubber add my-image ${uri} --after 0s${flag}`, "queue it, due at once"]]
      : [
          [`scrubber image add my-image ${uri}${flag}`, "a live image"],
          [`scrubber delete my-image --after 0s${flag}`, "mark it, and queue its data, due at once"],
        ];
  return listed([
    [`echo data > ${quoted(directory === cwd ? "images/my-image" : file)}`, "something to delete"],
    ...queueing,
    [`scrubber run --dry-run${flag}`, "look first"],
    [`scrubber run --once${flag}`, "delete what is due"],
  ]);
}

function listed(steps: readonly (readonly string[])[]): string {
  const width = Math.max(...steps.map(([command]) => command?.length ?? 0));
  return `\nTry next:\n${steps.map(([command = "", does = ""]) => `  ${command.padEnd(width)}  # ${does}`).join("\n")}`;
}

/** A word for a shell. */
function quoted(word: string): string {
  return /^[\w./:=@%-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}
