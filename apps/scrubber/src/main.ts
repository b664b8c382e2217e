#!/usr/bin/env node
import { runCommandLine } from "./command-line.ts";
import { onStopSignal, workingDirectory } from "./process.ts";

process.exitCode = await runCommandLine(process.argv.slice(2), {
  env: process.env,
  cwd: workingDirectory(process.env, process.cwd()),
  stdin: process.stdin,
  stdout: process.stdout,
  stderr: process.stderr,
  onStop: onStopSignal,
  exit: (code) => process.exit(code),
});
// A plugin's idle connection must not keep a finished command alive.
process.exit();
