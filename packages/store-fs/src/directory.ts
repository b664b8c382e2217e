import { closeSync } from "node:fs";
import type { End } from "./job.ts";
import { errorCode, type HeldRoot, holdDirectory, type HeldDirectory, standsAt } from "./root.ts";
import { writeOut } from "./write-out.ts";

/** Why a file, or all in a directory, cannot be worked on. `throttled`: the whole file system is out of order, and there is no use in going on. */
export interface Failure {
  readonly end: End;
  readonly text?: string;
  /** The system's error, where it is not this file's own fault. */
  readonly failedBy?: string;
}

/** Who worked in a directory. */
export interface Touched {
  /** Whether the end of this file is true on disk only after its directory was written out. */
  isToWriteOut(index: number): boolean;
  /** That end did not reach the disk. */
  lost(index: number, code: string): void;
}

/** A directory that is worked in. */
export interface WorkDirectory {
  readonly held: HeldDirectory;
  /** By whom, and on which of his files. */
  readonly touched: { readonly by: Touched; readonly indexes: readonly number[] }[];
}

/** One after the other, each would be a flush of the disk; two at once share most of them. */
const WRITTEN_AT_ONCE = 2;

/** The directories that are worked in: each is opened once, judged once, written out once. */
export class Directories {
  readonly #root: HeldRoot;
  readonly #borrowed: Int32Array;
  readonly #open = new Map<string, WorkDirectory>();

  /** `borrowed`: see {@link writeOut}. */
  constructor(root: HeldRoot, borrowed: Int32Array) {
    this.#root = root;
    this.#borrowed = borrowed;
  }

  get size(): number {
    return this.#open.size;
  }

  /** Whether a directory that is worked in is no longer what stands there. */
  hasMoved(relative: string): boolean {
    const known = this.#open.get(relative);
    return known !== undefined && relative !== "" && !standsAt(known.held, this.#root.base + relative.slice(1));
  }

  /**
   * The directory at `relative` (empty: the root itself; else with a leading slash), or why it is not to be worked in. It is written out for `indexes` of
   * `by` when all are closed.
   */
  at(relative: string, by: Touched, indexes: readonly number[]): WorkDirectory | Failure {
    const found =
      this.#open.get(relative) ?? (relative === "" ? { held: this.#root, touched: [] } : this.#enter(relative));
    if ("end" in found) return found;
    this.#open.set(relative, found);
    found.touched.push({ by, indexes });
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
    if (held.realPath === expected) return { held, touched: [] };
    closeSync(held.fd);
    const where = held.realPath.startsWith(`${this.#root.realPath}/`)
      ? "another place in the root"
      : "outside the root";
    return { end: "invalid", text: `its directory leads through a symbolic link to ${where}` };
  }

  /** Writes out what was changed (fsync), tells whoever worked there what could not be written, and lets go of all. */
  async close(): Promise<void> {
    const open = this.#open.values();
    const writers = Array.from({ length: WRITTEN_AT_ONCE }, async () => {
      for (const directory of open) await this.#leave(directory);
    });
    await Promise.all(writers);
  }

  async #leave({ held, touched }: WorkDirectory): Promise<void> {
    if (touched.some(({ by, indexes }) => indexes.some((index) => by.isToWriteOut(index)))) {
      const code = await writeOut(held.fd, this.#borrowed);
      if (code !== undefined) tell(touched, code);
    }
    if (held !== this.#root) closeSync(held.fd);
  }
}

function tell(touched: WorkDirectory["touched"], code: string): void {
  for (const { by, indexes } of touched) {
    for (const index of indexes) if (by.isToWriteOut(index)) by.lost(index, code);
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
