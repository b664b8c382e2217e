import {
  closeSync,
  constants,
  fstatSync,
  lstatSync,
  opendirSync,
  openSync,
  readlinkSync,
  realpathSync,
  statSync,
} from "node:fs";
import { dirname } from "node:path";
import type { Outage, RootCheck } from "./job.ts";
import { mounts } from "./mounts.ts";

/** A directory held open: whatever is renamed or mounted meanwhile, names below `base` are looked up in this very directory. */
export interface HeldDirectory {
  readonly fd: number;
  /** Prefix for names in it, with its slash. */
  readonly base: string;
  /** Where it really is, symbolic links resolved. */
  readonly realPath: string;
}

export interface HeldRoot extends HeldDirectory {
  readonly markerSeen: boolean;
}

/** The prefix under which Linux shows open files by number; undefined elsewhere, or where /proc is not mounted. */
const descriptors: string | undefined = (() => {
  try {
    // The number rather than `self`: one symbolic link less to follow for each file.
    return `/proc/${readlinkSync("/proc/self")}/fd/`;
  } catch {
    return undefined;
  }
})();

/** Opens a directory and holds it. Throws the system's error. */
export function holdDirectory(path: string): HeldDirectory {
  const fd = openSync(path, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    if (descriptors === undefined) return { fd, base: `${path}/`, realPath: realpathSync.native(path) };
    return { fd, base: `${descriptors}${fd}/`, realPath: readlinkSync(`${descriptors}${fd}`) };
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}

/** Whether the held directory is what stands at `path` now. */
export function standsAt(held: HeldDirectory, path: string): boolean {
  try {
    const [here, there] = [fstatSync(held.fd), statSync(path)];
    return here.ino === there.ino && here.dev === there.dev;
  } catch {
    return false;
  }
}

/**
 * Opens a root and holds it, so that it cannot be unmounted while it is worked in, if it is there and is the right one.
 * Else says what is wrong with it: then nothing in it may be called absent.
 */
export function holdRoot(check: RootCheck): HeldRoot | Outage {
  let held: HeldDirectory;
  try {
    held = holdDirectory(check.path);
  } catch (error) {
    return rootOutage(check.path, errorCode(error));
  }
  const answer = examine(check, held);
  if ("code" in answer) closeSync(held.fd);
  return answer;
}

function examine(check: RootCheck, held: HeldDirectory): HeldRoot | Outage {
  try {
    if (check.mounted && !isMountPoint(held)) return notMounted(check.path);
    const markerSeen = check.marker !== false && isThere(held.base + check.marker);
    if (check.markerRequired && !markerSeen) return noMarker(check.path, String(check.marker));
    return { ...held, markerSeen };
  } catch (error) {
    return rootOutage(check.path, errorCode(error));
  }
}

/** Whether there is nothing at all in it. */
export function isEmpty({ base }: HeldDirectory): boolean {
  const directory = opendirSync(base, { bufferSize: 1 });
  try {
    return directory.readSync() === null;
  } finally {
    directory.closeSync();
  }
}

function isThere(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false }) !== undefined;
}

/** One that shows another part of the same file system has the same device number as its parent. */
function isMountPoint({ base, realPath }: HeldDirectory): boolean {
  return statSync(base).dev !== statSync(dirname(realPath)).dev || mounts().some(({ at }) => at === realPath);
}

function rootOutage(path: string, code: string): Outage {
  switch (code) {
    case "ENOENT":
    case "ENOTDIR":
      return {
        code: "SCRUBBER_STORE_MISCONFIGURED",
        message: `the root ${path} is ${code === "ENOENT" ? "missing" : "no directory"}`,
        hint: "Mount it or correct `roots`. If it never was there: `scrubber init` makes it, with its marker.",
      };
    case "EACCES":
    case "EPERM":
    case "ELOOP":
      return {
        code: "SCRUBBER_STORE_MISCONFIGURED",
        message: `the root ${path} cannot be opened (${code})`,
        hint: "The scrubber needs permission to read, write and search it.",
      };
    default:
      return unavailable(path, code);
  }
}

/** A file system that does not do its work at the moment. */
export function unavailable(path: string, code: string): Outage {
  return {
    code: "SCRUBBER_STORE_UNAVAILABLE",
    message:
      code === "EROFS" ? `the root ${path} is on a read-only file system` : `the root ${path} does not work (${code})`,
    hint:
      code === "EROFS"
        ? "Remount it for writing; look into the kernel's log for why it is read-only. Nothing was deleted."
        : "Look into the kernel's log, and at the server if it is a network file system.",
  };
}

function noMarker(path: string, marker: string): Outage {
  return {
    code: "SCRUBBER_STORE_MISCONFIGURED",
    message: `the root ${path} lacks its marker ${marker}: it may be unmounted, or another directory`,
    hint: `Mount it. If it is the right one, write the marker: \`scrubber init\`, or touch ${path}/${marker}.`,
  };
}

/** Nothing in it may be called absent. */
export function emptyRoot(path: string, marker: string): Outage {
  return {
    code: "SCRUBBER_STORE_MISCONFIGURED",
    message: `the root ${path} is empty, and no marker ${marker} shows that it is the right one: its disk may not be mounted`,
    hint: `Mount it. If it is meant to be empty, write the marker: touch ${path}/${marker}.`,
  };
}

function notMounted(path: string): Outage {
  return {
    code: "SCRUBBER_STORE_MISCONFIGURED",
    message: `the root ${path} is no mount point, and the store is configured with mounted: true`,
    hint: "Mount it, or leave `mounted` out if the files are meant to be on this file system.",
  };
}

/** The system's name of an error: `ENOENT`. */
export function errorCode(error: unknown): string {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : String(error);
}
