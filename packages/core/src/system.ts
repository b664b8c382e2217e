import { closeSync, existsSync, fsyncSync, mkdirSync, openSync } from "node:fs";
import { dirname } from "node:path";

const SYSTEM_ERRORS: Readonly<Record<string, string>> = {
  ENOENT: "no such file or directory",
  EACCES: "permission denied",
  EPERM: "operation not permitted",
  EISDIR: "it is a directory",
  ENOTDIR: "a part of the path is no directory",
  EROFS: "the file system is read-only",
  ENOSPC: "no space left on the device",
  EDQUOT: "the quota is used up",
  EFBIG: "the file is larger than is allowed",
  EIO: "the device fails",
  EMFILE: "too many open files",
  ENFILE: "too many open files",
  EEXIST: "it exists already",
  ELOOP: "too many symbolic links",
  ENAMETOOLONG: "the name is too long",
};

/** The message of whatever was thrown, on one line; a system error in words, without the call's name and the path. */
export function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const code = "code" in error && typeof error.code === "string" ? error.code : "";
  return SYSTEM_ERRORS[code] ?? (error.message.split("\n", 1)[0]?.trim() || error.name);
}

/**
 * Makes a directory with those above it, one by one, each durable before the next. Node's own `recursive` never ends where the system says that a directory
 * which is there is not, as under /proc. Returns what it made, outermost first; nothing where it is there already.
 *
 * @param path Absolute.
 * @throws What the system says.
 */
export function makeDirectory(path: string, mode: number): readonly string[] {
  const missing: string[] = [];
  for (let at = path; !existsSync(at) && at !== dirname(at); at = dirname(at)) missing.unshift(at);
  return missing.filter((directory) => {
    try {
      mkdirSync(directory, mode);
    } catch (error) {
      // Another one has just made it.
      if (existsSync(directory)) return false;
      throw error;
    }
    syncDirectory(dirname(directory));
    return true;
  });
}

function syncDirectory(path: string): void {
  const fd = openSync(path, "r");
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}
