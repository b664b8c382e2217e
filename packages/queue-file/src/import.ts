import { opendir } from "node:fs/promises";
import { join } from "node:path";
import { ScrubberError, type Cipher, type NewEntry, type Queue } from "@scrubber/core";
import { errorCode, openRecordFile } from "./drop-file.ts";

/** What became of an imported directory. */
export interface ImportSummary {
  /** Files that were read. */
  readonly files: number;
  readonly added: number;
  readonly present: number;
  readonly setAside: number;
  /** Records and files that could not be read; each was passed to `onProblem`. */
  readonly problems: number;
}

/** Something that was not imported. */
export interface ImportProblem {
  readonly file: string;
  /** Undefined where the whole file is meant. */
  readonly line: number | undefined;
  /** As a clause, without secrets. */
  readonly problem: string;
}

export interface ImportOptions {
  /** Opens URIs that are sealed (`metadata_encryption_key`). */
  readonly cipher: Cipher | undefined;
  /** Default: the system's clock. */
  readonly now?: () => Date;
  readonly onProblem?: (problem: ImportProblem) => void;
}

const BATCH = 1000;

/** Glance names its queue files after images; what is named otherwise (a backup, a lock) is nobody's work. */
const UUID = /^[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}$/;

/**
 * Takes a whole `scrubber_datadir` of OpenStack Glance, as of 2014, into a queue, encrypted or not. Reads only: the directory stays as it is, and doing it twice adds nothing.
 * What cannot be read is reported and the rest imported. Sub-folders are reported and not entered: Glance makes none. `.cleanup`, its stamp, means nothing here.
 *
 * The time in a record becomes `dueAt`. `requestedAt` is when the file was last written, at most now.
 *
 * @throws {ScrubberError} `SCRUBBER_USAGE`: the directory cannot be listed. `SCRUBBER_QUEUE_*` from the queue; what was imported until then stays.
 */
export async function importQueueDirectory(
  directory: string,
  queue: Pick<Queue, "add">,
  options: ImportOptions,
): Promise<ImportSummary> {
  const summary = { files: 0, added: 0, present: 0, setAside: 0, problems: 0 };
  const now = options.now ?? (() => new Date());
  const report = (file: string, line: number | undefined, problem: string): void => {
    summary.problems++;
    options.onProblem?.({ file, line, problem });
  };
  let batch: NewEntry[] = [];
  const flush = async (): Promise<void> => {
    const entries = batch;
    batch = [];
    for (const result of await queue.add(entries)) summary[result]++;
  };
  for await (const name of namesIn(directory)) {
    if (name === ".cleanup") continue;
    const path = join(directory, name);
    const opened = UUID.test(name)
      ? read(path, name, options.cipher)
      : "it is not named after an image; it was not read";
    if (typeof opened === "string") {
      report(path, undefined, opened);
      continue;
    }
    using file = opened;
    summary.files++;
    const requestedAt = new Date(Math.min(now().getTime(), file.modifiedAt));
    for (const { entry, problem, line } of file.records({ position: 0, lines: 0 })) {
      if (entry === undefined) report(path, line, problem);
      else batch.push({ requestedAt, ...entry });
      if (batch.length >= BATCH) await flush();
    }
  }
  if (batch.length > 0) await flush();
  return summary;
}

function read(
  path: string,
  name: string,
  cipher: Cipher | undefined,
): Exclude<ReturnType<typeof openRecordFile>, undefined> {
  try {
    return openRecordFile(path, name, cipher) ?? "it is gone: is the old scrubber still running?";
  } catch (error) {
    return `it cannot be read: ${errorCode(error)}`;
  }
}

function whyNotListed(error: unknown): string {
  const code = errorCode(error);
  switch (code) {
    case "ENOENT":
      return "there is no such directory";
    case "ENOTDIR":
      return "it is no directory";
    case "EACCES":
    case "EPERM":
      return "this user may not read it";
    default:
      return `it cannot be listed (${code})`;
  }
}

async function* namesIn(directory: string): AsyncGenerator<string> {
  try {
    for await (const { name } of await opendir(directory)) yield name;
  } catch (error) {
    throw new ScrubberError("SCRUBBER_USAGE", `cannot import ${directory}: ${whyNotListed(error)}`, {
      hint: "Name the folder that scrubber_datadir names in Glance's configuration (/var/lib/glance/scrubber unless it says otherwise), and run as a user who may read it.",
      cause: error,
    });
  }
}
