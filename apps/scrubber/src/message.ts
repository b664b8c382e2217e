const SYSTEM_ERRORS: Readonly<Record<string, string>> = {
  ENOENT: "no such file or directory",
  EACCES: "permission denied",
  EPERM: "operation not permitted",
  EISDIR: "it is a directory",
  ENOTDIR: "a part of the path is no directory",
  EROFS: "the file system is read-only",
  ENOSPC: "no space left on the device",
  EMFILE: "too many open files",
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
