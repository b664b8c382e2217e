#!/usr/bin/env node
import { loadFrugally } from "./memory.ts";
import { flushed, nodeProblem, onStopSignal, workingDirectory } from "./process.ts";

const problem = nodeProblem(process);
if (problem !== undefined) {
  process.stderr.write(problem);
  process.exit(1);
}

const { runCommandLine } = await loadFrugally(() => import("./command-line.ts"));
process.exitCode = await runCommandLine(process.argv.slice(2), {
  env: process.env,
  cwd: workingDirectory(process.env, process.cwd()),
  // Made when it is first asked for: a stream on stdin costs memory that hardly any command needs.
  get stdin() {
    return process.stdin;
  },
  stdout: process.stdout,
  stderr: process.stderr,
  onStop: onStopSignal,
  exit: (code) => process.exit(code),
});
await Promise.all([process.stdout, process.stderr].map(flushed));
// A plugin's idle connection must not keep a finished command alive.
process.exit();
