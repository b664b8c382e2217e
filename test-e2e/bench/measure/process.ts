import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** What one whole process cost. */
export interface Cost {
  readonly wallSeconds: number;
  /** User and system time. */
  readonly cpuSeconds: number;
  readonly peakMiB: number;
}

/** Runs a command to its end and takes the operating system's own account of it (Debian: `time`). */
export async function costOf(command: string, args: readonly string[], accept: readonly number[] = [0]): Promise<Cost> {
  const account = join(tmpdir(), `cost-${process.pid}-${Date.now()}`);
  const child = spawn("/usr/bin/time", ["-q", "-o", account, "-f", "%e %U %S %M", command, ...args], {
    stdio: ["ignore", "ignore", "pipe"],
  });
  let errors = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => (errors += text));
  const [code] = (await once(child, "close")) as [number | null];
  if (code === null || !accept.includes(code)) throw new Error(`${command} ended with ${code}: ${errors.slice(-2000)}`);
  const [wall = 0, user = 0, system = 0, peak = 0] = readFileSync(account, "utf8").trim().split(" ").map(Number);
  rmSync(account);
  return { wallSeconds: wall, cpuSeconds: user + system, peakMiB: peak / 1024 };
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1
    ? (sorted[middle] ?? Number.NaN)
    : ((sorted[middle - 1] ?? 0) + (sorted[middle] ?? 0)) / 2;
}

/** The median of the ratios within each pair: what drifts from pair to pair cancels out. */
export function ratio(of: readonly Cost[], to: readonly Cost[], figure: "wallSeconds" | "cpuSeconds"): number {
  return median(of.map((cost, i) => cost[figure] / (to[i]?.[figure] ?? Number.NaN)));
}
