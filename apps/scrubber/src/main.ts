#!/usr/bin/env node
import { setFlagsFromString } from "node:v8";
import { flushed, nodeProblem, onStopSignal, workingDirectory } from "./process.ts";

const problem = nodeProblem(process);
if (problem !== undefined) {
  process.stderr.write(problem);
  process.exit(1);
}

// Batches come and go; left to itself, V8 answers by letting both of its generations grow to several times what the whole job needs. The young one grows once, to 4 MB, while
// the rest is loaded, and stays so: with less, an eighth of the CPU of a run with a registry went into keeping it small.
setFlagsFromString("--semi-space-growth-factor=4");
setFlagsFromString("--heap-growing-percent=20");
// The slowest compiler: what it saves in a run of a few seconds, it costs in compiling.
setFlagsFromString("--no-turbofan");
const { runCommandLine } = await import("./command-line.ts");
setFlagsFromString("--semi-space-growth-factor=1");

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
