#!/usr/bin/env node
import { runGlanceScrubber } from "./glance/command.ts";
import { onStopSignal } from "./process.ts";

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
