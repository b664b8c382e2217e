import { spawn } from "node:child_process";
import { once } from "node:events";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Step } from "./worker.ts";
import type { World } from "./world.ts";

/** When a worker dies: after so many milliseconds, at the n-th call of a kind that it makes of the kernel, or never. */
export type Death = { readonly after: number } | { readonly call: string; readonly nth: number } | "never";

/** The kernel calls by which the system's promises are kept, each a fault point: the process dies as it makes the n-th. */
export const CALLS = [
  "unlink,unlinkat",
  "rename,renameat,renameat2",
  "fsync,fdatasync",
  "pwrite64",
  "write",
  "openat",
  "ftruncate",
] as const;

const worker = fileURLToPath(new URL("worker.ts", import.meta.url));

/** Runs a step in a process of its own and has it die. Answers with what it said, and whether it was killed. */
export async function runStep(
  world: World,
  step: Step,
  death: Death,
): Promise<{ output: string; killed: boolean; errors: string }> {
  const node = [process.execPath, "--conditions=@scrubber/source", worker, JSON.stringify({ world, step })];
  const [command, ...args] =
    death !== "never" && "call" in death
      ? [
          "strace",
          "-f",
          "-qq",
          "-o",
          "/dev/null",
          "-e",
          `inject=${death.call}:signal=SIGKILL:when=${death.nth}`,
          ...node,
        ]
      : node;
  const child = spawn(command ?? "", args, {
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, NODE_COMPILE_CACHE: join(tmpdir(), "scrubber-crash-compiled") },
  });
  let output = "";
  let errors = "";
  child.stdout?.setEncoding("utf8").on("data", (text: string) => (output += text));
  child.stderr?.setEncoding("utf8").on("data", (text: string) => (errors += text));
  const timer =
    death !== "never" && "after" in death ? setTimeout(() => child.kill("SIGKILL"), death.after) : undefined;
  const [code, signal] = (await once(child, "close")) as [number | null, NodeJS.Signals | null];
  clearTimeout(timer);
  // strace ends as its tracee did: by the same signal.
  const killed = signal === "SIGKILL" || code === 137;
  if (!killed && code !== 0)
    throw new Error(`a worker failed (${code ?? signal}) at ${JSON.stringify(step)}:\n${errors}`);
  return { output, killed, errors };
}
