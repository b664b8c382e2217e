import { createRequire } from "node:module";
import type { Writable } from "node:stream";
import type { Logger } from "@scrubber/core";
import type { Logger as PinoLogger } from "pino";
import { isTerminal, type Output } from "./output.ts";
import type { Redactor } from "./redactor.ts";

export type LogLevel = "debug" | "info" | "warn" | "error";

const LEVELS: readonly LogLevel[] = ["debug", "info", "warn", "error"];
const COLOUR = { debug: "dim", info: "cyan", warn: "yellow", error: "red" } as const;

type Fields = Readonly<Record<string, unknown>>;

/** A log on stderr: short lines where a person looks at a terminal, else JSON by pino. Every text passes the redactor. */
export function createLog(output: Output, stderr: Writable, redactor: Redactor, level: LogLevel): Logger {
  const write = isTerminal(stderr) ? personWriter(output) : machineWriter(stderr, redactor, level);
  const at =
    (lineLevel: LogLevel) =>
    (message: string, fields: Fields = {}): void => {
      if (LEVELS.indexOf(lineLevel) >= LEVELS.indexOf(level)) write(lineLevel, message, fields);
    };
  return { debug: at("debug"), info: at("info"), warn: at("warn"), error: at("error") };
}

type Write = (level: LogLevel, message: string, fields: Fields) => void;

function personWriter(output: Output): Write {
  return (level, message, fields) => {
    const details = Object.entries(fields)
      .filter(([, value]) => value !== undefined)
      .map(([name, value]) => `${name}=${typeof value === "string" ? value : JSON.stringify(value)}`)
      .join(" ");
    const time = output.noteStyle("dim", new Date().toTimeString().slice(0, 8));
    const label = output.noteStyle(COLOUR[level], level.padEnd(5));
    output.note(`${time} ${label} ${message}${details === "" ? "" : `  ${output.noteStyle("dim", details)}`}`);
  };
}

function machineWriter(stderr: Writable, redactor: Redactor, level: LogLevel): Write {
  // pino costs 10 MiB of memory; a run that has nothing to report does without.
  let pino: PinoLogger | undefined;
  return (lineLevel, message, fields) => {
    pino ??= loadPino()(
      {
        level,
        base: null,
        timestamp: () => `,"time":"${new Date().toISOString()}"`,
        formatters: { level: (label) => ({ level: label }) },
      },
      { write: (line: string) => void stderr.write(line) },
    );
    pino[lineLevel](redactor.value(fields), redactor.text(message));
  };
}

function loadPino(): typeof import("pino").default {
  return createRequire(import.meta.url)("pino") as typeof import("pino").default;
}
