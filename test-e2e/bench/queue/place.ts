import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { NewEntry } from "@scrubber/core";
import { openFileQueue, type FileQueue } from "@scrubber/queue-file";

const silent = (): void => {};

/** A folder of its own, gone when disposed of. */
export function temporaryFolder(): Disposable & { readonly path: string } {
  const path = mkdtempSync(join(tmpdir(), "scrubber-bench-queue-"));
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) };
}

export function openQueue(directory: string): Promise<FileQueue> {
  return openFileQueue(
    { directory },
    {
      log: { debug: silent, info: silent, warn: silent, error: silent },
      now: () => new Date(),
      cipher: undefined,
      delayMs: 0,
    },
  );
}

/** Locations like Glance's, each of an image of its own, due a while ago, in order. */
export function locations(from: number, count: number): { imageId: string; uri: string; dueAt: number }[] {
  const start = Date.now() - 100_000_000;
  return Array.from({ length: count }, (_, i) => {
    const imageId = `6f1c2a34-0000-4000-8000-${String(from + i).padStart(12, "0")}`;
    return { imageId, uri: `file:///var/lib/glance/images/${imageId}`, dueAt: start + from + i };
  });
}

export function toEntry({ imageId, uri, dueAt }: { imageId: string; uri: string; dueAt: number }): NewEntry {
  return { imageId, location: { uri }, requestedAt: new Date(dueAt) };
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  return sorted.length % 2 === 1 ? (sorted[middle] ?? 0) : ((sorted[middle - 1] ?? 0) + (sorted[middle] ?? 0)) / 2;
}

/** How many of `count` a second, when `work` does them. */
export async function rate(count: number, work: () => unknown): Promise<number> {
  const start = performance.now();
  await work();
  return (count / (performance.now() - start)) * 1000;
}
