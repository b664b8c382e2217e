import type { Finding } from "@scrubber/core";
import { accessSync, closeSync, constants, fsyncSync, openSync, unlinkSync } from "node:fs";
import { randomUUID } from "node:crypto";
import type { RootCheck } from "./job.ts";
import { errorCode, type HeldRoot } from "./root.ts";

/** What stands in the way of deletion in a root that is there; with `write`, proved by a file of its own. */
export function probeRoot(check: RootCheck, root: HeldRoot, write: boolean): readonly Finding[] {
  const findings: Finding[] = [writable(check.path, root, write)];
  if (check.marker !== false && !root.markerSeen) {
    findings.push({
      level: "warning",
      message: `the root ${check.path} has no marker ${check.marker}: when it is not mounted, its files look as if they were gone`,
      hint: `Write it with \`scrubber init\`, or touch ${check.path}/${check.marker}, and set marker: ${check.marker} to require it.`,
    });
  }
  return findings;
}

function writable(path: string, root: HeldRoot, write: boolean): Finding {
  try {
    accessSync(root.base, constants.R_OK | constants.W_OK | constants.X_OK);
    if (write) writeAndDelete(root);
    return {
      level: "ok",
      message: `files can be deleted in the root ${path}${write ? ": proved with a file of its own" : ""}`,
    };
  } catch (error) {
    const code = errorCode(error);
    return {
      level: "problem",
      message: `no file can be deleted in the root ${path} (${code})`,
      hint:
        code === "EROFS"
          ? "The file system is read-only: remount it for writing."
          : "The scrubber needs permission to read, write and search the directory.",
    };
  }
}

function writeAndDelete(root: HeldRoot): void {
  const path = `${root.base}.scrubber-probe-${randomUUID()}`;
  const fd = openSync(path, "wx", 0o600);
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
    unlinkSync(path);
  }
  fsyncSync(root.fd);
}
