import type { Command } from "commander";
import type { Invocation } from "../invocation.ts";

/** Adds a command to the program. `start` makes the invocation, once the options are read. */
export type CommandDefinition = (program: Command, start: (command: Command) => Invocation) => void;

/** Examples at the end of a command's help: each a command line and what it does. */
export function examples(...lines: readonly (readonly [command: string, does: string])[]): string {
  const width = Math.max(...lines.map(([command]) => command.length));
  return `\nExamples:\n${lines.map(([command, does]) => `  ${command.padEnd(width)}  ${does}`).join("\n")}`;
}
