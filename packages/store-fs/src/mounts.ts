import { readFileSync } from "node:fs";

/** A part of a file system, and where it is shown. */
export interface Mount {
  readonly device: string;
  /** The directory in the file system that is shown. */
  readonly source: string;
  readonly at: string;
}

/** By the kernel's own list; none where there is no such list. */
export function mounts(): readonly Mount[] {
  try {
    return readMounts(readFileSync("/proc/self/mountinfo", "utf8"));
  } catch {
    return [];
  }
}

/** Of several at one place the last one is seen. Source: proc_pid_mountinfo(5). */
export function readMounts(list: string): readonly Mount[] {
  const found = new Map<string, Mount>();
  for (const line of list.split("\n")) {
    const [, , device, source, at] = line.split(" ", 5);
    if (device === undefined || source === undefined || at === undefined) continue;
    found.set(unescape(at), { device, source: unescape(source), at: unescape(at) });
  }
  return [...found.values()];
}

/** Pairs of places in a directory, itself included, of which one shows files of the other. */
export function shownTwice(directory: string, all: readonly Mount[]): readonly (readonly [string, string])[] {
  const around = all.filter(({ at }) => isIn(directory, at)).toSorted((a, b) => b.at.length - a.at.length)[0];
  const parts = all.filter(({ at }) => at !== directory && isIn(at, directory));
  if (around !== undefined) {
    const source = slashed(around.source) + slashed(directory).slice(slashed(around.at).length);
    parts.unshift({ device: around.device, source, at: directory });
  }
  return parts.flatMap((one, index) =>
    parts
      .slice(index + 1)
      .filter((other) => one.device === other.device)
      .filter((other) => isIn(one.source, other.source) || isIn(other.source, one.source))
      .map((other) => [one.at, other.at] as const),
  );
}

/** Whether it is there or somewhere below. */
export function isIn(path: string, directory: string): boolean {
  return slashed(path).startsWith(slashed(directory));
}

function slashed(path: string): string {
  return path.endsWith("/") ? path : `${path}/`;
}

function unescape(path: string): string {
  return path.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));
}
