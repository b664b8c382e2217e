import { type Context, makeDirectory, messageOf, ScrubberError, type Store } from "@scrubber/core";
import { closeSync, fsyncSync, openSync, writeSync } from "node:fs";
import { lstat, readlink, realpath, stat } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { RootCheck } from "./job.ts";
import { DEFAULT_MARKER, type FsOptions } from "./options.ts";
import { type HeldRoot, holdRoot } from "./root.ts";
import { FsStore } from "./store.ts";
import type { RootPath } from "./target.ts";

const MARKER_TEXT = `This file shows that the directory is there and mounted.
While it is missing, Scrubber calls no file in here deleted. Leave it here.
`;
/** How long opening waits for a root that does not answer. */
const GLANCE_MS = 1000;

/**
 * Opens the store. A root that is missing or hangs is an outage when its time comes, not a reason not to start.
 * @throws {ScrubberError} `SCRUBBER_PLUGIN_OPTIONS`: two roots are the same directory, so that one file would have two keys.
 */
export async function openStore(options: FsOptions, context: Context): Promise<Store> {
  const roots = rootChecks(options, context);
  const glances = await Promise.all(roots.map(glanceAt));
  const inodes = new Map<string, string>();
  for (const { path, inode = path } of glances) {
    const other = inodes.get(inode);
    if (other !== undefined) {
      throw new ScrubberError("SCRUBBER_PLUGIN_OPTIONS", `the roots ${other} and ${path} are the same directory`, {
        hint: "Leave one of them out.",
      });
    }
    inodes.set(inode, path);
  }
  const store = new FsStore(roots, {
    roots: glances.toSorted((a, b) => b.path.length - a.path.length),
    marker: options.marker ?? DEFAULT_MARKER,
    percentEncoded: options.percentEncoded ?? true,
    ignoreModified: options.ignoreModified ?? false,
  });
  for (const { path, markerSeen } of glances) if (markerSeen) store.sawMarker(path);
  return store;
}

/** Makes missing roots and their markers; touches nothing that is there. */
export async function setUpRoots(options: FsOptions, context: Context): Promise<readonly string[]> {
  const made: string[] = [];
  for (const check of rootChecks(options, context)) {
    // With `mounted`, a missing mount point is for the operator to make; and a marker beneath it would vouch for the wrong place.
    if (!check.mounted && makeRoot(check.path)) made.push(`created the directory ${check.path}`);
    if (check.marker === false) continue;
    const root = holdRoot({ ...check, markerRequired: false });
    if ("code" in root) throw new ScrubberError(root.code, root.message, { hint: root.hint });
    try {
      if (!root.markerSeen) {
        writeMarker(root, check.marker);
        made.push(`wrote the marker ${join(check.path, check.marker)}`);
      }
    } catch (error) {
      throw cannotMake(join(check.path, check.marker), error);
    } finally {
      closeSync(root.fd);
    }
  }
  return made;
}

function rootChecks(options: FsOptions, context: Context): readonly RootCheck[] {
  return options.roots.map((root) => ({
    path: resolve(context.resolvePath(root)),
    marker: options.marker ?? DEFAULT_MARKER,
    markerRequired: typeof options.marker === "string",
    mounted: options.mounted ?? false,
  }));
}

/** What is seen of a root when the store is opened. */
interface Glance extends RootPath {
  readonly inode?: string;
  readonly markerSeen: boolean;
}

async function glanceAt({ path, marker }: RootCheck): Promise<Glance> {
  const look = async (): Promise<Glance> => {
    const real = { path, realPath: await realPathOf(path) };
    const found = await stat(path, { bigint: true }).catch(() => undefined);
    if (found === undefined) return { ...real, markerSeen: false };
    const markerSeen = marker !== false && (await lstat(join(path, marker)).catch(() => undefined)) !== undefined;
    return { ...real, inode: `${found.dev}:${found.ino}`, markerSeen };
  };
  const waited = new AbortController();
  try {
    const blind: Glance = { path, realPath: path, markerSeen: false };
    return await Promise.race([look(), delay(GLANCE_MS, blind, { signal: waited.signal })]);
  } finally {
    waited.abort();
  }
}

/** As `realpath`, also of what is not there yet: the links on its way are. */
async function realPathOf(path: string, mostLinks = 40): Promise<string> {
  const found = await realpath(path).catch(() => undefined);
  if (found !== undefined || path === dirname(path)) return found ?? path;
  const parent = await realPathOf(dirname(path), mostLinks);
  const here = join(parent, basename(path));
  const leadsTo = mostLinks > 0 ? await readlink(here).catch(() => undefined) : undefined;
  return leadsTo === undefined ? here : realPathOf(resolve(parent, leadsTo), mostLinks - 1);
}

/** Whether it had to be made. */
function makeRoot(path: string): boolean {
  try {
    return makeDirectory(path, 0o750).length > 0;
  } catch (error) {
    throw cannotMake(path, error);
  }
}

function writeMarker(root: HeldRoot, name: string): void {
  const fd = openSync(root.base + name, "wx", 0o644);
  try {
    writeSync(fd, MARKER_TEXT);
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
  fsyncSync(root.fd);
}

function cannotMake(path: string, error: unknown): ScrubberError {
  return new ScrubberError("SCRUBBER_STORE_MISCONFIGURED", `${path} cannot be made: ${messageOf(error)}`, {
    hint: "Check the permissions of the directory that it would be in, and run `scrubber init` again.",
  });
}
