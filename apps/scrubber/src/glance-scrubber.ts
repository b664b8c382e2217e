#!/usr/bin/env node
import { setFlagsFromString } from "node:v8";
import { runGlanceScrubber } from "./glance/command.ts";
import { nodeProblem, onStopSignal } from "./process.ts";

const problem = nodeProblem(process);
if (problem !== undefined) {
  process.stderr.write(problem);
  process.exit(1);
}

// As main.ts: a young generation that does not grow costs no more time here, and saves 30 MiB.
setFlagsFromString("--semi-space-growth-factor=1");

process.exitCode = await runGlanceScrubber(process.argv.slice(2), {
  env: process.env,
  cwd: process.cwd(),
  stdin: process.stdin,
  stdout: process.stdout,
  stderr: process.stderr,
  onStop: onStopSignal,
  exit: (code) => process.exit(code),
});
// A plugin's idle connection must not keep a finished command alive.
process.exit();
