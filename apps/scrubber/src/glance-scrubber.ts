#!/usr/bin/env node
import { setFlagsFromString } from "node:v8";
import { nodeProblem, onStopSignal } from "./process.ts";

const problem = nodeProblem(process);
if (problem !== undefined) {
  process.stderr.write(problem);
  process.exit(1);
}

// As main.ts, so that neither generation grows to several times what the job needs; and without the optimising compilers, which at 10,000 images would save a
// fourteenth of the CPU, and cost 30 MiB.
setFlagsFromString("--semi-space-growth-factor=1");
setFlagsFromString("--heap-growing-percent=20");
setFlagsFromString("--no-turbofan");
setFlagsFromString("--no-maglev");

const { runGlanceScrubber } = await import("./glance/command.ts");
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
