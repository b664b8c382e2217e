import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { Command, InvalidArgumentError } from "commander";
import { imageIdProblem } from "@scrubber/core";
import type { Streams } from "../output.ts";
import { type ConfigSource, defaultConfigSources, OsloConfig } from "./oslo-config.ts";

/** The command line of glance-scrubber. */
export interface GlanceArguments {
  readonly sources: readonly ConfigSource[];
  readonly debug?: boolean;
  readonly daemon?: boolean;
  readonly restore?: string;
  readonly logFile?: string;
  readonly logDir?: string;
}

/** Adds oslo.config's options to a command. The list is filled as it is parsed, in the order in which files and directories are named: later ones win. */
export function addConfigOptions(command: Command): readonly ConfigSource[] {
  const sources: ConfigSource[] = [];
  const collect = (kind: ConfigSource["kind"]) => (path: string) => void sources.push({ kind, path });
  command
    .option("--config-file <file>", "a configuration file of Glance; may be repeated, later ones win", collect("file"))
    .option("--config-dir <directory>", "a directory of *.conf files, read at this place", collect("directory"));
  return sources;
}

function imageId(text: string): string {
  const problem = imageIdProblem(text);
  if (problem !== undefined) throw new InvalidArgumentError(`${problem}.`);
  return text;
}

/** Reads the command line of glance-scrubber, with OpenStack's own names of options. @throws {CommanderError} for what it does not know. */
export function parseArguments(args: readonly string[], { stdout, stderr }: Streams): GlanceArguments {
  const program = new Command("glance-scrubber");
  const sources = addConfigOptions(program);
  program
    .description(
      "Deletes the data of images that Glance marked as pending_delete, and records them as deleted: once, or as a daemon. Reads Glance's own configuration files and database.",
    )
    .option("-d, --debug", "log everything")
    .option("--nodebug", "the opposite of --debug")
    .option("-D, --daemon", "work at every wakeup_time until a signal comes")
    .option("--nodaemon", "work once, whatever the files say")
    .option(
      "--restore <image-id>",
      "make a pending image active again, with its data, properties, members and tags",
      imageId,
    )
    .option("--log-file <file>", "log to this file; errors still reach stderr")
    .option("--log-dir <directory>", "the folder of a relative --log-file")
    .addHelpText(
      "after",
      `
Examples:
  glance-scrubber --config-file /etc/glance/glance-api.conf
  glance-scrubber --config-file /etc/glance/glance-api.conf --config-file /etc/glance/glance-scrubber.conf --daemon
  glance-scrubber --restore 71c675ab-d94f-49cd-a114-e12490b328d9

Exit codes: 0 done or nothing to do; 1 configuration or environment, or a refused restore; 2 usage; 3 finished, something did not succeed.
Without --config-file: glance-api.conf and glance-scrubber.conf in ~/.glance, ~, /etc/glance or /etc.`,
    )
    .configureOutput({ writeOut: (text) => void stdout.write(text), writeErr: (text) => void stderr.write(text) })
    .exitOverride()
    .parse(args, { from: "user" });
  const { nodebug, nodaemon, ...options } = program.opts<
    Omit<GlanceArguments, "sources"> & { nodebug?: true; nodaemon?: true }
  >();
  return { ...options, sources, ...(nodebug && { debug: false }), ...(nodaemon && { daemon: false }) };
}

/** Reads what the command line names, or what is read by default. */
export function readOsloConfig(named: readonly ConfigSource[], cwd: string): OsloConfig {
  const oslo = new OsloConfig();
  for (const { kind, path } of named.length > 0 ? named : defaultConfigSources(existsSync)) {
    if (kind === "file") oslo.read(resolve(cwd, path));
    else oslo.readDirectory(resolve(cwd, path));
  }
  return oslo;
}
