import { readFileSync } from "node:fs";
import { Command, CommanderError } from "commander";
import { commands } from "./commands/index.ts";
import { EXIT, exitCodeOf } from "./exit-code.ts";
import { reportFailure } from "./failure.ts";
import { Invocation, type GlobalOptions, type Process } from "./invocation.ts";
import { isTerminal } from "./output.ts";

/** Runs one command line, and resolves with the exit code. Every error ends here. */
export async function runCommandLine(args: readonly string[], process: Process): Promise<number> {
  let invocation: Invocation | undefined;
  const program = createProgram(process);
  for (const define of commands) {
    define(program, (command) => (invocation ??= new Invocation(process, command.optsWithGlobals<GlobalOptions>())));
  }
  try {
    await program.parseAsync(args, { from: "user" });
    return invocation?.exitCode || (invocation?.output.failed ? EXIT.environment : EXIT.done);
  } catch (error) {
    invocation ??= new Invocation(process, args.includes("--json") ? { json: true } : {});
    if (error instanceof CommanderError) {
      if (error.exitCode === 0) return EXIT.done;
      // A person has been told on stderr already.
      const hint = "Help: scrubber help, or scrubber COMMAND --help";
      await invocation.output.object({ error: { code: "SCRUBBER_USAGE", message: usageProblem(error), hint } });
      return EXIT.usage;
    }
    await reportFailure(error, invocation);
    return exitCodeOf(error);
  }
}

/** What was not understood, on one line and without the label that is for people. */
function usageProblem({ code, message }: CommanderError): string {
  if (code === "commander.help") return "no command was given";
  return message.replace(/^error: /, "").replace(/\s*\n\s*/g, " ");
}

function createProgram({ stdout, stderr }: Process): Command {
  return new Command("scrubber")
    .description(
      "Delayed, provable, bulk deletion: takes the locations whose time has come from a queue, checks that nothing alive needs them, deletes their data, and says so only then.",
    )
    .usage("COMMAND [options]")
    .option(
      "-c, --config <file>",
      "the configuration (default: $SCRUBBER_CONFIG, ./scrubber.yaml, ./scrubber.config.ts, /etc/scrubber/scrubber.yaml)",
    )
    .option("--json", "stdout is JSON alone; logs go to stderr")
    .option("--debug", "log everything; show where an error comes from")
    .version(version(), "-V, --version", "show the version")
    .helpOption("-h, --help", "show this help")
    .helpCommand("help [command]", "show the help of a command")
    .configureHelp({ showGlobalOptions: true })
    .configureOutput({
      writeOut: (text) => void stdout.write(text),
      writeErr: (text) => void stderr.write(text),
      getOutHasColors: () => isTerminal(stdout),
      getErrHasColors: () => isTerminal(stderr),
      getOutHelpWidth: () => widthOf(stdout),
      getErrHelpWidth: () => widthOf(stderr),
    })
    .showHelpAfterError("Help: scrubber help, or scrubber COMMAND --help")
    .addHelpText(
      "after",
      `
A first use:
  scrubber init
  echo data > images/my-image
  scrubber add my-image "file://$PWD/images/my-image" --after 0s
  scrubber run --once

Exit codes: 0 done or nothing to do; 1 configuration or environment; 2 usage; 3 finished, something did not succeed.`,
    )
    .exitOverride();
}

function widthOf(stream: object): number {
  return "columns" in stream && typeof stream.columns === "number" ? stream.columns : 100;
}

function version(): string {
  const manifest: unknown = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8"));
  return (manifest as { version: string }).version;
}
