import { open } from "node:fs/promises";
import { messageOf, ScrubberError } from "@scrubber/core";
import { addConfigOptions, readOsloConfig } from "../glance/arguments.ts";
import type { ConfigSource } from "../glance/oslo-config.ts";
import { glanceSettings } from "../glance/settings.ts";
import type { Invocation } from "../invocation.ts";
import { examples, type CommandDefinition } from "./definition.ts";

interface ImportOptions {
  readonly output?: string;
}

export const importGlance: CommandDefinition = (program, start) => {
  const command = program.command("import-glance");
  const sources = addConfigOptions(command);
  command
    .summary("turn Glance's configuration into a scrubber.yaml")
    .description(
      "Reads Glance's configuration files and writes the scrubber.yaml that means the same. It may hold the database's password and keys: a file is made readable for its owner only, and never overwritten.",
    )
    .option("-o, --output <file>", "write to this file (default: stdout)")
    .addHelpText(
      "after",
      examples(
        ["scrubber import-glance", "from /etc/glance, to stdout"],
        ["scrubber import-glance --config-file glance-api.conf -o scrubber.yaml", "from a file, to a file"],
      ),
    )
    .action(async (options: ImportOptions) => translate(start(command), sources, options));
};

async function translate(run: Invocation, sources: readonly ConfigSource[], options: ImportOptions): Promise<void> {
  const { config, replaced, unserved } = glanceSettings(readOsloConfig(sources, run.process.cwd));
  const { stringify } = await import("yaml");
  const head = [
    "# Made by scrubber import-glance. It holds what Glance's files held, secrets included: keep it to yourself,",
    "# or move them out: write env:NAME or file:PATH in their place.",
    ...replaced.map((what) => `# ${what}.`),
    ...unserved.map((what) => `# Not served: ${what}. Its locations are set aside, their images stay pending.`),
  ].join("\n");
  const text = `${head}\n${stringify(config)}`;
  if (options.output === undefined) {
    // The answer itself: not for the redactor, which knows none of these secrets anyway, and not for `--json`.
    await run.output.line(text.trimEnd());
    await run.output.object(config);
    return;
  }
  const file = run.path(options.output);
  try {
    await using handle = await open(file, "wx", 0o600);
    await handle.writeFile(text);
    await handle.sync();
  } catch (error) {
    throw new ScrubberError("SCRUBBER_CONFIG_UNREADABLE", `cannot write ${file}: ${messageOf(error)}`, {
      hint: "Choose a new file in a folder that this user may write to.",
      cause: error,
    });
  }
  await run.output.object({ config: file, unserved });
  await run.output.line(`Wrote ${options.output}. Next: scrubber check --config ${options.output}`);
}
