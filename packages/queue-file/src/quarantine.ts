import { closeSync, fsyncSync, opendirSync, openSync, renameSync, writeSync } from "node:fs";
import { join } from "node:path";
import type { Claim } from "./claims.ts";
import type { Layout } from "./layout.ts";
import { errorCode } from "./drop-file.ts";

const REASON = ".reason";

/** Keeps a file that could not be read, with a file beside it that says why. Returns where it is now. The caller syncs the folders. */
export function quarantine(layout: Layout, name: string, claim: Claim): string {
  const path = join(layout.quarantine, name);
  writeDurably(path + REASON, reasonOf(name, claim));
  try {
    renameSync(join(layout.claimed, name), path);
  } catch (error) {
    // Somebody else was faster.
    if (errorCode(error) !== "ENOENT") throw error;
  }
  return path;
}

/** How many files are in quarantine. */
export function quarantined(layout: Layout): number {
  const folder = opendirSync(layout.quarantine, { bufferSize: 1000 });
  try {
    let files = 0;
    for (let entry = folder.readSync(); entry !== null; entry = folder.readSync()) {
      if (!entry.name.endsWith(REASON)) files++;
    }
    return files;
  } finally {
    folder.closeSync();
  }
}

function reasonOf(name: string, { problems, problemCount }: Claim): string {
  const dropped = name.slice(name.indexOf("~") + 1);
  const rest = problemCount - problems.length;
  return [
    `Could not be read whole. Everything else in it is in the queue; this is not:`,
    ...problems.map((problem) => `- ${problem}`),
    ...(rest > 0 ? [`- and ${rest} more`] : []),
    `To try again, correct ${name} and move it to incoming/${dropped}; what is queued already is not added twice.`,
    "",
  ].join("\n");
}

function writeDurably(path: string, text: string): void {
  const fd = openSync(path, "w", 0o600);
  try {
    writeSync(fd, text);
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}
