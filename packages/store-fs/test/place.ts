import type { Call, Context, Location, Outcome, Presence, Store, Target } from "@scrubber/core";
import { mkdtemp, realpath, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import type { FsOptions } from "../src/options.ts";
import plugin from "../src/index.ts";

const silent = (): void => {};

export function contextIn(folder: string): Context {
  return {
    id: "fs",
    log: { debug: silent, info: silent, warn: silent, error: silent },
    now: () => new Date(),
    resolvePath: (path) => resolve(folder, path),
    cipher: undefined,
  };
}

/** A fresh folder with a root `images` in it, and a store on that root. */
export interface Place extends AsyncDisposable {
  readonly folder: string;
  readonly root: string;
  readonly store: Store;
  /** An absolute path in the root. */
  at(name: string): string;
  /** The target of a path, requested in an hour: whatever is there by then is meant. */
  target(path: string, of?: Partial<Location> & { readonly requestedAt?: Date }): Target;
  delete(...paths: readonly string[]): Promise<readonly Outcome[]>;
  inspect(...paths: readonly string[]): Promise<readonly Presence[]>;
}

export const calmly: Call = { signal: new AbortController().signal };

export async function openPlace(options: Partial<FsOptions> = {}): Promise<Place> {
  const folder = await realpath(await mkdtemp(join(tmpdir(), "scrubber-store-fs-")));
  const context = contextIn(folder);
  const given: FsOptions = { roots: ["images"], ...options };
  await plugin.setUp?.({ ...given, mounted: false }, context);
  const store = await plugin.open(given, context);
  const target: Place["target"] = (path, { requestedAt, ...location } = {}) => {
    const found = store.target({
      location: { uri: pathToFileURL(path).href, ...location },
      requestedAt: requestedAt ?? new Date(Date.now() + 3_600_000),
    });
    if (found === undefined) throw new Error(`not taken: ${path}`);
    return found;
  };
  return {
    folder,
    root: join(folder, "images"),
    store,
    at: (name) => join(folder, "images", name),
    target,
    delete: (...paths) =>
      store.delete(
        paths.map((path) => target(path)),
        calmly,
      ),
    inspect: (...paths) =>
      store.inspect(
        paths.map((path) => target(path)),
        calmly,
      ),
    async [Symbol.asyncDispose]() {
      await store[Symbol.asyncDispose]();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
