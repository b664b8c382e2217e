import { existsSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { expect } from "vitest";
import { scrubber, temporaryFolder, type CommandOptions, type Finished } from "./command.ts";

/** A folder that `scrubber init` has prepared. */
export interface Prepared {
  readonly cwd: string;
  /** Runs a command line in it; its words are separated by single spaces. */
  readonly run: (line: string, options?: CommandOptions) => Promise<Finished>;
  readonly uri: (name: string) => string;
  readonly there: (name: string) => boolean;
}

/** Runs `scrubber init`, and makes some files to delete. */
export async function initialized(files: readonly string[] = [], ...args: readonly string[]): Promise<Prepared> {
  const cwd = await temporaryFolder();
  const run = (line: string, options: CommandOptions = {}): Promise<Finished> =>
    scrubber(line.split(" "), { cwd, ...options });
  expect(await run(["init", ...args].join(" "))).toMatchObject({ code: 0, stderr: "" });
  for (const name of files) await writeFile(join(cwd, "images", name), "data\n");
  return {
    cwd,
    run,
    uri: (name: string): string => pathToFileURL(join(cwd, "images", name)).href,
    there: (name: string): boolean => existsSync(join(cwd, "images", name)),
  };
}

export const json = (text: string): unknown => JSON.parse(text);
export const jsonLines = (text: string): Record<string, unknown>[] =>
  text
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as Record<string, unknown>);
