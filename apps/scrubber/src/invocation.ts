import type { Readable } from "node:stream";
import { resolve } from "node:path";
import type { Logger } from "@scrubber/core";
import type { Scrubber, ScrubberEvent } from "@scrubber/engine";
import type { LoadedConfig } from "./config/load.ts";
import { EXIT, type ExitCode } from "./exit-code.ts";
import type { LogLevel } from "./log.ts";
import { createOutput, type Output, type Streams } from "./output.ts";
import { createRedactor, type Redactor } from "./redactor.ts";

/** What a command line is run with: the process, or a test's stand-in for it. */
export interface Process extends Streams {
  readonly env: NodeJS.ProcessEnv;
  readonly cwd: string;
  readonly stdin: Readable;
  /** Calls `listener` at SIGTERM and SIGINT; returns what ends that. */
  onStop(listener: () => void): () => void;
  /** Ends the process at once: what a second signal asks for. */
  exit(code: number): void;
}

/** Options that every command takes. */
export interface GlobalOptions {
  readonly config?: string;
  readonly json?: true;
  readonly debug?: true;
}

/** One run of one command. */
export class Invocation {
  readonly process: Process;
  readonly options: GlobalOptions;
  readonly redactor: Redactor;
  readonly output: Output;
  /** What the process will end with, if nothing fails. */
  exitCode: ExitCode = EXIT.done;

  constructor(process: Process, options: GlobalOptions) {
    this.process = process;
    this.options = options;
    this.redactor = createRedactor();
    this.output = createOutput(process, this.redactor, options.json === true);
  }

  /** A path as the user wrote it, made absolute. */
  path(written: string): string {
    return resolve(this.process.cwd, written);
  }

  /** The configuration, whole and checked. */
  async config(): Promise<LoadedConfig> {
    const { loadConfig } = await import("./config/load.ts");
    const { cwd, env } = this.process;
    return loadConfig({ config: this.options.config, cwd, env }, this.redactor);
  }

  /** The scrubber that the configuration describes, opened. Its events are logged, and handed to `onEvent`. */
  async open(how: { readonly level?: LogLevel; readonly onEvent?: (event: ScrubberEvent) => void } = {}): Promise<{
    readonly scrubber: Scrubber;
    readonly loaded: LoadedConfig;
    [Symbol.asyncDispose](): Promise<void>;
  }> {
    const loaded = await this.config();
    const { createScrubber } = await import("@scrubber/engine");
    const { logEvents } = await import("./event-log.ts");
    const log = await this.log(how.level ?? "warn");
    const logEvent = logEvents(log);
    const scrubber = await createScrubber(loaded.config, {
      log,
      baseDirectory: loaded.directory,
      onEvent(event) {
        logEvent(event);
        how.onEvent?.(event);
      },
    });
    return { scrubber, loaded, [Symbol.asyncDispose]: async () => await scrubber[Symbol.asyncDispose]() };
  }

  /** A log on stderr; `--debug` writes all of it. */
  async log(level: LogLevel): Promise<Logger> {
    const { createLog } = await import("./log.ts");
    return createLog(this.output, this.process.stderr, this.redactor, this.options.debug ? "debug" : level);
  }
}
