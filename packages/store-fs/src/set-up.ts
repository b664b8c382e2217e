import { type Context, ScrubberError, type Store } from "@scrubber/core";
import { closeSync, fsyncSync, openSync, writeSync } from "node:fs";
import { lstat, mkdir, stat } from "node:fs/promises";
import { join, resolve } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { RootCheck } from "./job.ts";
import { DEFAULT_MARKER, type FsOptions } from "./options.ts";
import { errorCode, type HeldRoot, holdRoot } from "./root.ts";
import { FsStore } from "./store.ts";

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
  const places = new Map<string, string>();
  for (const [index, { path }] of roots.entries()) {
    const place = glances[index]?.place ?? path;
    const other = places.get(place);
    if (other !== undefined) {
      throw new ScrubberError("SCRUBBER_PLUGIN_OPTIONS", `the roots ${other} and ${path} are the same directory`, {
        hint: "Leave one of them out.",
      });
    }
    places.set(place, path);
  }
  const store = new FsStore(roots, {
    roots: roots.map(({ path }) => path).toSorted((a, b) => b.length - a.length),
    marker: options.marker ?? DEFAULT_MARKER,
    percentEncoded: options.percentEncoded ?? true,
    ignoreModified: options.ignoreModified ?? false,
  });
  for (const [index, { path }] of roots.entries()) {
    if (glances[index]?.marker === true) store.sawMarker(path);
  }
  return store;
}

/** Makes missing roots and their markers; touches nothing that is there. */
export async function setUpRoots(options: FsOptions, context: Context): Promise<readonly string[]> {
  const made: string[] = [];
  for (const check of rootChecks(options, context)) {
    // With `mounted`, a missing mount point is for the operator to make; and a marker beneath it would vouch for the wrong place.
    const created = check.mounted ? undefined : await makeDirectory(check.path);
    if (created !== undefined) made.push(`created the directory ${check.path}`);
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

async function glanceAt({ path, marker }: RootCheck): Promise<{ place?: string; marker: boolean }> {
  const look = async (): Promise<{ place?: string; marker: boolean }> => {
    const found = await stat(path, { bigint: true }).catch(() => undefined);
    if (found === undefined) return { marker: false };
    const seen = marker !== false && (await lstat(join(path, marker)).catch(() => undefined)) !== undefined;
    return { place: `${found.dev}:${found.ino}`, marker: seen };
  };
  const waited = new AbortController();
  try {
    return await Promise.race([look(), delay(GLANCE_MS, { marker: false }, { signal: waited.signal })]);
  } finally {
    waited.abort();
  }
}

async function makeDirectory(path: string): Promise<string | undefined> {
  try {
    return await mkdir(path, { recursive: true, mode: 0o750 });
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
  return new ScrubberError("SCRUBBER_STORE_MISCONFIGURED", `${path} cannot be made (${errorCode(error)})`, {
    hint: "Check the permissions of the directory that it would be in, and run `scrubber init` again.",
  });
}
