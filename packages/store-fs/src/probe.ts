import type { Finding } from "@scrubber/core";
import { accessSync, closeSync, constants, fsyncSync, opendirSync, openSync, realpathSync, unlinkSync } from "node:fs";
import { randomUUID } from "node:crypto";
import type { RootCheck } from "./job.ts";
import { isIn, mounts, shownTwice } from "./mounts.ts";
import { errorCode, type HeldRoot } from "./root.ts";

/** Entries of a root in which symbolic links are looked for. */
const MOST_LOOKED_AT = 100_000;

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
  return [...findings, ...secondNames(check.path, root)];
}

/** Ways by which one file has two names. */
function secondNames(path: string, root: HeldRoot): readonly Finding[] {
  const found = shownTwice(root.realPath, mounts()).map(([one, other]) => `${one} and ${other} show the same files`);
  const links = linksBack(root);
  if (links.length > 0) {
    const named = `${links.slice(0, 3).join(", ")}${links.length > 3 ? `, and ${links.length - 3} more` : ""}`;
    found.push(`symbolic links in the root ${path} lead back into it (${named})`);
  }
  return found.map((what) => ({
    level: "warning",
    message: `${what}: what is live under one of the names is not kept from the other`,
    hint: "Name each file by one path only, in images and in what is queued; best remove the other way to it.",
  }));
}

/** Symbolic links in the root itself, and not below, that lead to something in it or around it. */
function linksBack(root: HeldRoot): readonly string[] {
  const found: string[] = [];
  try {
    const directory = opendirSync(root.base);
    try {
      for (let left = MOST_LOOKED_AT; left > 0; left--) {
        const entry = directory.readSync();
        if (entry === null) break;
        if (entry.isSymbolicLink() && leadsBack(root, entry.name)) found.push(entry.name);
      }
    } finally {
      directory.closeSync();
    }
  } catch {
    // What stands in the way of reading it stands in the way of deletion, and is told there.
  }
  return found;
}

function leadsBack(root: HeldRoot, name: string): boolean {
  try {
    const target = realpathSync.native(root.base + name);
    return isIn(target, root.realPath) || isIn(root.realPath, target);
  } catch {
    // It leads to nothing.
    return false;
  }
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
