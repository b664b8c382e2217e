import type { Writable } from "node:stream";

const STOP_SIGNALS = ["SIGTERM", "SIGINT"] as const;

/** Calls `listener` at each SIGTERM and SIGINT, in place of ending the process; returns what ends that. */
export function onStopSignal(listener: () => void): () => void {
  for (const signal of STOP_SIGNALS) process.on(signal, listener);
  return () => {
    for (const signal of STOP_SIGNALS) process.off(signal, listener);
  };
}

const OLDEST_NODE = 24;

/** What to tell whoever runs this with a Node that is too old, which is what many a `#!/usr/bin/env node` finds; undefined where it is not. */
export function nodeProblem({ version, execPath }: Pick<NodeJS.Process, "version" | "execPath">): string | undefined {
  if (Number(/\d+/.exec(version)) >= OLDEST_NODE) return undefined;
  return `error: ${execPath} is Node ${version}, and ${OLDEST_NODE} or later is needed\nInstall it, and put it first in PATH.\n`;
}

/** Where the user is. pnpm runs the checkout's `scrubber` script in the checkout's root, and says in `INIT_CWD` where it was called. */
export function workingDirectory(env: NodeJS.ProcessEnv, cwd: string): string {
  const throughPnpm = env["npm_lifecycle_event"] === "scrubber" && env["npm_package_name"] === "scrubber-workspace";
  return (throughPnpm ? env["INIT_CWD"] : undefined) ?? cwd;
}

/** Resolves when all that was written has been handed to the system, or nobody reads it any more. */
export function flushed(stream: Writable): Promise<void> {
  return new Promise((resolve) => {
    if (stream.destroyed || !stream.writable) resolve();
    else stream.write("", () => resolve());
  });
}
