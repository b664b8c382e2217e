import { closeSync, fsyncSync } from "node:fs";
import type { End } from "./job.ts";
import { errorCode, type HeldRoot, holdDirectory, type HeldDirectory } from "./root.ts";

/** Why a file, or all in a directory, cannot be worked on. `throttled`: the whole file system is out of order, and there is no use in going on. */
export interface Failure {
  readonly end: End;
  readonly text?: string;
  /** The system's error, where it is not this file's own fault. */
  readonly failedBy?: string;
}

/** A directory that a batch works in. */
export interface WorkDirectory {
  readonly held: HeldDirectory;
  /** Indexes of the paths whose end is true on disk only after the directory was written out. */
  readonly unwritten: number[];
}

/** The directories of one batch: each is opened once, judged once, written out once. Few at a time: descriptors are limited. */
export class Directories {
  static readonly #most = 64;
  readonly #root: HeldRoot;
  readonly #open = new Map<string, WorkDirectory | Failure>();
  readonly #lost: (index: number, code: string) => void;

  /** `lost` is told which ends did not reach the disk. */
  constructor(root: HeldRoot, lost: (index: number, code: string) => void) {
    this.#root = root;
    this.#lost = lost;
  }

  /** The directory at `relative` (empty: the root itself; else with a leading slash), or why it is not to be worked in. */
  at(relative: string): WorkDirectory | Failure {
    const known = this.#open.get(relative);
    if (known !== undefined) return known;
    if (this.#open.size >= Directories.#most) this.close();
    const found = relative === "" ? { held: this.#root, unwritten: [] } : this.#enter(relative);
    this.#open.set(relative, found);
    return found;
  }

  /** Opened first and looked at then: what is checked is what is worked in, even if a symbolic link takes its place meanwhile. */
  #enter(relative: string): WorkDirectory | Failure {
    let held: HeldDirectory;
    try {
      held = holdDirectory(this.#root.base + relative.slice(1));
    } catch (error) {
      return failureOf(errorCode(error), "its directory");
    }
    const expected = (this.#root.realPath === "/" ? "" : this.#root.realPath) + relative;
    if (held.realPath === expected) return { held, unwritten: [] };
    closeSync(held.fd);
    const where = held.realPath.startsWith(`${this.#root.realPath}/`)
      ? "another place in the root"
      : "outside the root";
    return { end: "invalid", text: `its directory leads through a symbolic link to ${where}` };
  }

  /** Writes out what was changed (fsync), reports what could not be written, and lets go of all. */
  close(): void {
    for (const directory of this.#open.values()) {
      if ("end" in directory) continue;
      if (directory.unwritten.length > 0) {
        const code = writeOut(directory.held.fd);
        if (code !== undefined) for (const index of directory.unwritten) this.#lost(index, code);
      }
      if (directory.held !== this.#root) closeSync(directory.held.fd);
    }
    this.#open.clear();
  }
}

function writeOut(fd: number): string | undefined {
  try {
    fsyncSync(fd);
    return undefined;
  } catch (error) {
    const code = errorCode(error);
    // A file system that knows no fsync of directories has nothing left to write for one.
    return code === "EINVAL" || code === "ENOTSUP" || code === "EOPNOTSUPP" ? undefined : code;
  }
}

/** What a system error on `what` means for the file. */
export function failureOf(code: string, what: string): Failure {
  switch (code) {
    case "ENOENT":
    case "ENOTDIR":
      return { end: "absent" };
    case "EACCES":
    case "EPERM":
      return { end: "denied", text: `no permission for ${what} (${code})` };
    case "EBUSY":
    case "ETXTBSY":
      return { end: "denied", text: `${what} is in use (${code})` };
    case "ENAMETOOLONG":
      return { end: "invalid", text: `the name of ${what} is too long for the file system (${code})` };
    case "ELOOP":
      return { end: "invalid", text: `${what} leads through a loop of symbolic links (${code})` };
    case "EISDIR":
      return { end: "invalid", text: `${what} is a directory` };
    case "EROFS":
    case "ESTALE":
    case "ENOTCONN":
    case "ETIMEDOUT":
    case "EHOSTDOWN":
    case "EHOSTUNREACH":
    case "ECONNREFUSED":
    case "ECONNRESET":
    case "ESHUTDOWN":
    case "ENODEV":
    case "ENXIO":
    case "ENOMEM":
    case "EMFILE":
    case "ENFILE":
      return { end: "throttled", failedBy: code };
    default:
      return { end: "unknown", text: `the file system failed at ${what} (${code})`, failedBy: code };
  }
}
