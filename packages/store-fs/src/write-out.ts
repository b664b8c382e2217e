import { fsync, fsyncSync } from "node:fs";
import { errorCode } from "./root.ts";

/**
 * How many threads of Node's pool (four, for files and names of hosts in the whole process) all roots together occupy: where file systems hang, the rest of
 * the process goes on.
 */
const MOST_BORROWED = 2;

/** Counts the threads that are borrowed. To be shared by all threads of roots of a process. */
export function noneBorrowed(): Int32Array {
  return new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT));
}

/**
 * Writes a directory out (fsync): on a borrowed thread, so that another can be written out meanwhile, or where none is to be had on the caller's own.
 * Resolves with the system's error, if there was one.
 */
export async function writeOut(fd: number, borrowed: Int32Array): Promise<string | undefined> {
  const code = await errorOf(fd, borrowed);
  // A file system that knows no fsync of directories has nothing left to write for one.
  return code === "EINVAL" || code === "ENOTSUP" || code === "EOPNOTSUPP" ? undefined : code;
}

function errorOf(fd: number, borrowed: Int32Array): Promise<string | undefined> | string | undefined {
  if (Atomics.add(borrowed, 0, 1) < MOST_BORROWED) {
    return new Promise((resolve) => {
      fsync(fd, (error) => {
        Atomics.sub(borrowed, 0, 1);
        resolve(error === null ? undefined : errorCode(error));
      });
    });
  }
  Atomics.sub(borrowed, 0, 1);
  try {
    fsyncSync(fd);
    return undefined;
  } catch (error) {
    return errorCode(error);
  }
}
