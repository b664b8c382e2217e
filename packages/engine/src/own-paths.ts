import { realpathSync, statSync } from "node:fs";
import { ScrubberError } from "@scrubber/core";

/** Where the scrubber itself lives, and where its stores delete: paths as plugins have them resolved. */
export class OwnPaths {
  /** Whose it is, by path. */
  readonly #own = new Map<string, string>();
  /** The store's id, by path. */
  readonly #stores = new Map<string, string>();

  /** `whose`: as the error says it, `the queue`. */
  own(path: string, whose: string): string {
    this.#own.set(path, whose);
    return path;
  }

  store(path: string, id: string): string {
    this.#stores.set(path, id);
    return path;
  }

  /**
   * A location may name anything in a store, and so the very file that it is queued in.
   * @throws {ScrubberError} `SCRUBBER_CONFIG_INVALID`: a store deletes where the scrubber itself lives.
   */
  assertApart(): void {
    for (const [path, whose] of this.#own) {
      for (const [root, id] of this.#stores) {
        if (!isIn(path, root) && !isIn(realPath(path), realPath(root))) continue;
        throw new ScrubberError(
          "SCRUBBER_CONFIG_INVALID",
          `the store "${id}" deletes in ${root}, and ${whose} is in there (${path}): a location could name its files`,
          { hint: `Move ${whose} elsewhere, or name narrower directories for the store.` },
        );
      }
    }
  }
}

function isIn(path: string, root: string): boolean {
  // A file may be named by both, as a certificate authority is.
  return path === root
    ? statSync(path, { throwIfNoEntry: false })?.isDirectory() === true
    : path.startsWith(`${root}/`);
}

function realPath(path: string): string {
  try {
    return realpathSync.native(path);
  } catch {
    return path;
  }
}
