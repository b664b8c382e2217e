import { closeSync } from "node:fs";
import { Directories } from "./directory.ts";
import { deleteFile, type Ending, inspectFile } from "./file.ts";
import { type Answers, type End, ENDS, type Job, type JobAnswer, type Outage, type Seen } from "./job.ts";
import { probeRoot } from "./probe.ts";
import { type HeldRoot, holdRoot, unavailable } from "./root.ts";

const NUMBER = Object.fromEntries(ENDS.map((end, number) => [end, number])) as Readonly<Record<End, number>>;

/** Does one batch, synchronously: opens the root, goes through the files, writes the touched directories out. */
export function runJob(job: Job): JobAnswer {
  const root = holdRoot(job.root);
  if ("code" in root) return { id: job.id, markerSeen: false, result: root };
  try {
    const result =
      job.act === "probe" || job.act === "probeByWriting"
        ? probeRoot(job.root, root, job.act === "probeByWriting")
        : runInRoot(job, root);
    return { id: job.id, markerSeen: root.markerSeen, result };
  } finally {
    closeSync(root.fd);
  }
}

function runInRoot(job: Job, root: HeldRoot): Answers | Outage {
  const paths = job.paths.split("\0");
  const ends = new Uint8Array(paths.length);
  const bytes = new Float64Array(paths.length);
  const texts = new Map<number, string>();
  const seen = new Map<number, Seen>();
  const directories = new Directories(root, (index, code) => {
    ends[index] = NUMBER.unknown;
    bytes[index] = 0;
    texts.set(index, `its directory could not be written out (${code})`);
  });
  const act = job.act === "delete" ? deleteFile : inspectFile;
  let answered = 0;
  let failedBy: string | undefined;

  // Directory by directory, whatever the order of the batch: so each is opened and written out once.
  files: for (const [relative, indexes] of byDirectory(paths, job.root.path.length)) {
    const directory = directories.at(relative);
    for (const index of indexes) {
      if (Atomics.load(job.cancelled, 0) !== 0) break files;
      const path = paths[index] ?? "";
      const ending: Ending =
        "end" in directory
          ? directory
          : act({
              path,
              name: path.slice(job.root.path.length + relative.length + 1),
              directory,
              unmodifiedSince: job.unmodifiedSince[index] ?? Number.NaN,
              identity: job.identities.get(index),
            });
      if (ending.failedBy === undefined) answered++;
      else failedBy ??= ending.failedBy;
      if (ending.end === "throttled") {
        for (const [at, end] of ends.entries()) if (end === NUMBER.untried) ends[at] = NUMBER.throttled;
        break files;
      }
      ends[index] = NUMBER[ending.end];
      bytes[index] = ending.bytes ?? 0;
      if (ending.text !== undefined) texts.set(index, ending.text);
      if (ending.seen !== undefined) seen.set(index, ending.seen);
      // An absent one may have been deleted by a process that died before it wrote the directory out.
      if ("held" in directory && (ending.end === "deleted" || ending.end === "absent")) directory.unwritten.push(index);
    }
  }

  directories.close();
  // A single file that fails may be to blame itself; where all of several fail, or the file system as a whole does, none is.
  const broken = answered === 0 && !ends.includes(NUMBER.untried) && (paths.length > 1 || ends[0] === NUMBER.throttled);
  return broken && failedBy !== undefined ? unavailable(job.root.path, failedBy) : { ends, bytes, texts, seen };
}

/** The indexes of the paths by their directory, relative to the root. */
function byDirectory(paths: readonly string[], rootLength: number): ReadonlyMap<string, readonly number[]> {
  const found = new Map<string, number[]>();
  for (const [index, path] of paths.entries()) {
    const relative = path.slice(rootLength, path.lastIndexOf("/"));
    const indexes = found.get(relative);
    if (indexes === undefined) found.set(relative, [index]);
    else indexes.push(index);
  }
  return found;
}
