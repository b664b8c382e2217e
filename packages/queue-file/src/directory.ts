import { accessSync, chmodSync, closeSync, constants, existsSync, fsyncSync, mkdirSync, openSync } from "node:fs";
import { dirname, join } from "node:path";
import { openToGroup } from "./incoming-group.ts";
import { refuseNetworkFileSystem } from "./network-file-system.ts";

/** What is where in a queue's directory. */
export interface Layout {
  readonly directory: string;
  readonly database: string;
  /** The drop box. */
  readonly incoming: string;
  /** Files of the drop box that are being taken in. */
  readonly claimed: string;
  /** Files that could not be read, each with a reason. */
  readonly quarantine: string;
}

export function layoutOf(directory: string): Layout {
  return {
    directory,
    database: join(directory, "queue.sqlite"),
    incoming: join(directory, "incoming"),
    claimed: join(directory, "claimed"),
    quarantine: join(directory, "quarantine"),
  };
}

/**
 * Makes what is missing, durably, and touches nothing that is there, but for the group that the drop box is opened to. Returns a line for each thing done.
 *
 * @throws {ScrubberError} `SCRUBBER_QUEUE_NETWORK_FILE_SYSTEM`, `SCRUBBER_QUEUE_UNAVAILABLE`; and what the file system throws.
 */
export function prepareDirectory(layout: Layout, incomingGroup: string | number | undefined): readonly string[] {
  refuseNetworkFileSystem(layout.directory);
  const made = makeDirectory(layout).map((path) => `made ${path}`);
  if (incomingGroup === undefined || !openToGroup(layout, incomingGroup)) return made;
  return [...made, `opened ${layout.incoming} to the group ${incomingGroup}`];
}

function makeDirectory(layout: Layout): readonly string[] {
  const made = [layout.directory, layout.incoming, layout.claimed, layout.quarantine].filter(makeFolder);
  // Tells a disk that cannot be written, and whose it is, before SQLite quietly opens the file for reading.
  accessSync(layout.directory, constants.W_OK | constants.X_OK);
  if (!existsSync(layout.database)) {
    closeSync(openSync(layout.database, "a", 0o600));
    syncFolder(layout.directory);
    made.push(layout.database);
  } else {
    accessSync(layout.database, constants.R_OK | constants.W_OK);
  }
  return made;
}

function makeFolder(path: string): boolean {
  if (existsSync(path)) return false;
  mkdirSync(path, { recursive: true, mode: 0o700 });
  chmodSync(path, 0o700);
  syncFolder(dirname(path));
  return true;
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
