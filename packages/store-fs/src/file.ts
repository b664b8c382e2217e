import { constants, lstatSync, type Stats, unlinkSync } from "node:fs";
import { type Failure, failureOf, type WorkDirectory } from "./directory.ts";
import type { End, FileIdentity, Seen } from "./job.ts";
import { errorCode } from "./root.ts";

/** How one file ended. */
export interface Ending extends Partial<Failure> {
  readonly end: End;
  readonly bytes?: number;
  readonly seen?: Seen;
}

/** A file, and what it must be like. */
export interface Wanted {
  readonly path: string;
  readonly name: string;
  readonly directory: WorkDirectory;
  readonly unmodifiedSince: number;
  readonly identity: FileIdentity | undefined;
}

const ABSENT: Ending = { end: "absent" };

/** Deletes the file if it is the one that was meant. A symbolic link is removed and not followed, a directory never. */
export function deleteFile(file: Wanted): Ending {
  const inDirectory = file.directory.held.base + file.name;
  try {
    const stats = look(file.path, inDirectory);
    if (stats === undefined) return ABSENT;
    const refused = refusal(file, stats, inDirectory);
    if (refused !== undefined) return refused;
    unlinkSync(inDirectory);
    return {
      end: "deleted",
      bytes: stats.nlink > 1 ? 0 : occupied(stats),
      ...(isKind(stats, constants.S_IFLNK) && { text: "a symbolic link was removed; what it pointed to stays" }),
    };
  } catch (error) {
    return failureOf(errorCode(error), "the file");
  }
}

/** Looks at the file as {@link deleteFile} would. */
export function inspectFile(file: Wanted): Ending {
  const inDirectory = file.directory.held.base + file.name;
  try {
    const stats = look(file.path, inDirectory);
    if (stats === undefined) return ABSENT;
    const seen: Seen = {
      bytes: occupied(stats),
      size: stats.size,
      modifiedAtMs: stats.mtimeMs,
      inode: inodeOf(inDirectory),
    };
    return refusal(file, stats, inDirectory) ?? { end: "present", seen };
  } catch (error) {
    return failureOf(errorCode(error), "the file");
  }
}

/**
 * The short way by the path costs half of the way through the held directory; only what is not found by the path is looked for by the other, because
 * the path may have lost its root meanwhile.
 */
function look(path: string, inDirectory: string): Stats | undefined {
  return lstatSync(path, { throwIfNoEntry: false }) ?? lstatSync(inDirectory, { throwIfNoEntry: false });
}

function isKind(stats: Stats, kind: number): boolean {
  return (stats.mode & constants.S_IFMT) === kind;
}

/** What the file takes on the disk: less than its size where it has holes. */
function occupied(stats: Stats): number {
  return Math.min(stats.size, stats.blocks * 512);
}

/** As text of the full 64 bits: a JavaScript number would round large ones. */
function inodeOf(path: string): string {
  return String(lstatSync(path, { bigint: true }).ino);
}

function refusal(file: Wanted, stats: Stats, inDirectory: string): Ending | undefined {
  if (!isKind(stats, constants.S_IFREG) && !isKind(stats, constants.S_IFLNK)) {
    const what = isKind(stats, constants.S_IFDIR) ? "a directory" : "a device, socket or pipe";
    return { end: "invalid", text: `it is ${what}, not a file` };
  }
  if (stats.mtimeMs > file.unmodifiedSince) {
    return { end: "changed", text: "it was modified after its deletion was requested" };
  }
  const { identity } = file;
  if (identity === undefined) return undefined;
  const different =
    identity.size !== undefined && identity.size !== stats.size
      ? "size"
      : identity.modifiedAtMs !== undefined && Math.abs(identity.modifiedAtMs - stats.mtimeMs) >= 1
        ? "time of modification"
        : identity.inode !== undefined && identity.inode !== inodeOf(inDirectory)
          ? "inode"
          : undefined;
  return different === undefined
    ? undefined
    : { end: "changed", text: `its ${different} differs from what was recorded` };
}
