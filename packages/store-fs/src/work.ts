import { deleteFile, type Ending, inspectFile } from "./file.ts";
import type { Touched, WorkDirectory } from "./directory.ts";
import { type Answers, type End, ENDS, type Job, type Outage, PROGRESS, type Seen } from "./job.ts";
import { unavailable } from "./root.ts";

const NUMBER = Object.fromEntries(ENDS.map((end, number) => [end, number])) as Readonly<Record<End, number>>;

/** One job on its way through the files: what became of each so far. */
export class Work implements Touched {
  readonly job: Job;
  readonly markerSeen: boolean;
  readonly #paths: readonly string[];
  readonly #act: typeof deleteFile;
  readonly #ends: Uint8Array;
  readonly #bytes: Float64Array;
  readonly #texts = new Map<number, string>();
  readonly #seen = new Map<number, Seen>();
  /** Whether any file was answered for by more than a failure of the file system. */
  #answered = false;
  #failedBy: string | undefined;

  constructor(job: Job, markerSeen: boolean) {
    this.job = job;
    this.markerSeen = markerSeen;
    this.#paths = job.paths.split("\0");
    this.#act = job.act === "delete" ? deleteFile : inspectFile;
    this.#ends = new Uint8Array(this.#paths.length);
    this.#bytes = new Float64Array(this.#paths.length);
  }

  get size(): number {
    return this.#paths.length;
  }

  get cancelled(): boolean {
    return Atomics.load(this.job.progress, 0) === PROGRESS.cancelled;
  }

  /** The indexes of its paths by their directory, relative to the root: whatever the order of the batch, each directory has its turn once. */
  byDirectory(): ReadonlyMap<string, readonly number[]> {
    const found = new Map<string, number[]>();
    for (const [index, path] of this.#paths.entries()) {
      const relative = path.slice(this.job.root.path.length, path.lastIndexOf("/"));
      const indexes = found.get(relative);
      if (indexes === undefined) found.set(relative, [index]);
      else indexes.push(index);
    }
    return found;
  }

  /** Does what the job asks for to one file. False: there is no use in going on. */
  file(index: number, relative: string, directory: WorkDirectory): boolean {
    const path = this.#paths[index] ?? "";
    return this.ended(
      index,
      this.#act({
        path,
        name: path.slice(this.job.root.path.length + relative.length + 1),
        directory,
        unmodifiedSince: this.job.unmodifiedSince[index] ?? Number.NaN,
        identity: this.job.identities.get(index),
      }),
    );
  }

  /** One file ended so. False: there is no use in going on. */
  ended(index: number, ending: Ending): boolean {
    if (ending.failedBy === undefined) this.#answered = true;
    else this.#failedBy ??= ending.failedBy;
    if (ending.end === "throttled") {
      this.handBack();
      return false;
    }
    this.#ends[index] = NUMBER[ending.end];
    this.#bytes[index] = ending.bytes ?? 0;
    if (ending.text !== undefined) this.#texts.set(index, ending.text);
    if (ending.seen !== undefined) this.#seen.set(index, ending.seen);
    return true;
  }

  /** What was not tried is to come again, later and more slowly. */
  handBack(): void {
    for (const [at, end] of this.#ends.entries()) if (end === NUMBER.untried) this.#ends[at] = NUMBER.throttled;
  }

  /** An absent one counts, too: it may have been deleted by a process that died before it wrote the directory out. */
  isToWriteOut(index: number): boolean {
    return this.#ends[index] === NUMBER.deleted || this.#ends[index] === NUMBER.absent;
  }

  lost(index: number, code: string): void {
    this.#ends[index] = NUMBER.unknown;
    this.#bytes[index] = 0;
    this.#texts.set(index, `its directory could not be written out (${code})`);
  }

  /** To be asked for once what it touched is written out. */
  get result(): Answers | Outage {
    const ends = this.#ends;
    // A single file that fails may be to blame itself; where all of several fail, or the file system as a whole does, none is.
    const broken =
      !this.#answered && !ends.includes(NUMBER.untried) && (ends.length > 1 || ends[0] === NUMBER.throttled);
    if (broken && this.#failedBy !== undefined) return unavailable(this.job.root.path, this.#failedBy);
    return { ends, bytes: this.#bytes, texts: this.#texts, seen: this.#seen };
  }
}
