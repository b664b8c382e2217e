import { resolve } from "node:path";
import { isScrubberError, ScrubberError, type Finding } from "@scrubber/core";
import type { LoadedConfig } from "../config/load.ts";
import { ConfigError, describeProblem, type Problem } from "../config/problems.ts";
import { EXIT } from "../exit-code.ts";
import { reportFailure } from "../failure.ts";
import { plural } from "../figures.ts";
import type { Invocation } from "../invocation.ts";
import { examples, type CommandDefinition } from "./definition.ts";

/** As long as a probe may take. */
const PROBE_MS = 60_000;

export const check: CommandDefinition = (program, start) => {
  program
    .command("check")
    .summary("check the configuration")
    .description(
      "Checks the configuration and loads its plugins, but opens nothing: no file, no connection. With --probe it asks each store whether deletion would work.",
    )
    .option("--probe [how]", "ask the stores: read (the default) only looks; write proves it with an object of its own")
    .addHelpText(
      "after",
      examples(
        ["scrubber check", "all problems at once"],
        ["scrubber check --probe", "and are the stores there?"],
        ["scrubber check --probe=write", "and may we delete?"],
      ),
    )
    .action(async ({ probe }: { readonly probe?: true | string }, command) => {
      const run = start(command);
      if (probe !== undefined && probe !== true && probe !== "read" && probe !== "write") {
        throw new ScrubberError("SCRUBBER_USAGE", `--probe=${probe} is not known`, {
          hint: "Write --probe, or --probe=write.",
        });
      }
      return probe === undefined ? checkOnly(run) : checkAndProbe(run, probe === "write");
    });
};

async function checkOnly(run: Invocation): Promise<void> {
  const { output } = run;
  try {
    const { file, checked } = await run.config();
    await output.object({ ok: true, problems: [] });
    const stores = checked.stores.map(({ id }) => id).join(", ");
    await output.line(
      `${output.style("green", "In order:")} ${file} (${plural(checked.stores.length, "store")}: ${stores})`,
    );
    await output.line("Nothing was opened. Ask the stores themselves: scrubber check --probe");
  } catch (error) {
    await reportProblems(run, error);
  }
}

/** What is wrong with the configuration is this command's answer, not its failure. */
async function reportProblems(run: Invocation, error: unknown): Promise<void> {
  const { output, options } = run;
  const problems = problemsOf(run, error);
  run.exitCode = EXIT.environment;
  await output.object({ ok: false, problems: problems.map(({ hint, ...rest }) => ({ ...rest, hint: hint ?? null })) });
  if (output.json) for (const problem of problems) output.note(describeProblem(problem));
  else await reportFailure(error, run);
  if (options.debug && output.json) output.note(String(error));
}

function problemsOf(run: Invocation, error: unknown): readonly Problem[] {
  if (error instanceof ConfigError) return error.problems;
  if (!isScrubberError(error)) throw error;
  const { code, message, hint } = error;
  const file = resolve(run.process.cwd, run.options.config ?? run.process.env["SCRUBBER_CONFIG"] ?? "scrubber.yaml");
  return [{ file, path: "", line: undefined, column: undefined, code, message, hint }];
}

async function checkAndProbe(run: Invocation, write: boolean): Promise<void> {
  const { output } = run;
  const asked = await ask(run, write).catch((error: unknown) => reportProblems(run, error));
  if (asked === undefined) return;
  const { findings, loaded } = asked;
  const { file, checked } = loaded;
  const problems = [...findings].flatMap(([id, found]) =>
    found
      .filter(({ level }) => level === "problem")
      .map(({ message, hint }) => ({
        file,
        path: `stores[${checked.stores.findIndex((store) => store.id === id)}]`,
        code: "SCRUBBER_STORE_MISCONFIGURED",
        message,
        hint: hint ?? null,
      })),
  );
  if (problems.length > 0) run.exitCode = EXIT.environment;
  await output.object({ ok: problems.length === 0, problems, findings: Object.fromEntries(findings) });
  for (const [id, found] of findings) {
    await output.line(output.style("bold", `Store ${id}`));
    for (const finding of found)
      await output.line(
        `  ${mark(finding, run)} ${finding.message}${finding.hint === undefined ? "" : `. ${finding.hint}`}`,
      );
  }
  await output.line(
    problems.length === 0
      ? output.style("green", `In order${write ? "." : ". Nothing was written."}`)
      : output.style("red", `${plural(problems.length, "problem")}.`),
  );
  await output.line("The queue was not opened: scrubber status looks into it, and makes one where there is none.");
}

async function ask(
  run: Invocation,
  write: boolean,
): Promise<{ readonly findings: ReadonlyMap<string, readonly Finding[]>; readonly loaded: LoadedConfig }> {
  const loaded = await run.config();
  const { probeStores } = await import("@scrubber/engine");
  const options = { write, signal: AbortSignal.timeout(PROBE_MS) };
  const surroundings = { log: await run.log("warn"), baseDirectory: loaded.directory };
  return { findings: await probeStores(loaded.config, options, surroundings), loaded };
}

function mark({ level }: Finding, { output }: Invocation): string {
  if (level === "ok") return output.style("green", "ok     ");
  return level === "warning" ? output.style("yellow", "warning") : output.style("red", "problem");
}
