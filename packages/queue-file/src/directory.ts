import { accessSync, chmodSync, closeSync, constants, existsSync, fsyncSync, openSync, statSync } from "node:fs";
import { makeDirectory } from "@scrubber/core";
import { openToGroup } from "./incoming-group.ts";
import type { Layout } from "./layout.ts";
import { refuseNetworkFileSystem } from "./network-file-system.ts";

/**
 * Makes what is missing, durably, and touches nothing that is there, but for the group that the drop box is opened to, and for rights of others to the database, which a copy put in its place may have. Returns a line for each thing done.
 *
 * @throws {ScrubberError} `SCRUBBER_QUEUE_NETWORK_FILE_SYSTEM`, `SCRUBBER_QUEUE_UNAVAILABLE`; and what the file system throws.
 */
export function prepareDirectory(layout: Layout, incomingGroup: string | number | undefined): readonly string[] {
  refuseNetworkFileSystem(layout.directory);
  const made = makeMissing(layout).map((path) => `made ${path}`);
  if (incomingGroup === undefined || !openToGroup(layout, incomingGroup)) return made;
  return [...made, `opened ${layout.incoming} to the group ${incomingGroup}`];
}

function makeMissing(layout: Layout): readonly string[] {
  const made = [layout.directory, layout.incoming, layout.claimed, layout.quarantine].filter(makeFolder);
  // Tells a disk that cannot be written, and whose it is, before SQLite quietly opens the file for reading.
  accessSync(layout.directory, constants.W_OK | constants.X_OK);
  if (!existsSync(layout.database)) {
    closeSync(openSync(layout.database, "a", 0o600));
    syncFolder(layout.directory);
    made.push(layout.database);
  } else {
    accessSync(layout.database, constants.R_OK | constants.W_OK);
    for (const suffix of ["", "-wal", "-shm"]) closeToOthers(layout.database + suffix);
  }
  return made;
}

function makeFolder(path: string): boolean {
  const made = makeDirectory(path, 0o700);
  // The umask may have taken away what the owner needs.
  for (const folder of made) chmodSync(folder, 0o700);
  return made.length > 0;
}

function closeToOthers(path: string): void {
  const stats = statSync(path, { throwIfNoEntry: false });
  if (stats !== undefined && (stats.mode & 0o077) !== 0) chmodSync(path, 0o600);
}

/** Makes what was renamed, made or unlinked in a folder durable. */
export function syncFolder(path: string): void {
  const fd = openSync(path, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}
