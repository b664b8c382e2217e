import { closeSync, fstatSync } from "node:fs";
import { Directories, type Failure, type WorkDirectory } from "./directory.ts";
import { type Job, type JobAnswer, PROGRESS } from "./job.ts";
import { emptyRoot, type HeldRoot, holdRoot, isEmpty, standsAt } from "./root.ts";
import { Work } from "./work.ts";

/** Directories that one group holds open, and two groups are open at once: descriptors are limited. */
const MOST_DIRECTORIES = 256;
/** Files of jobs that are done and wait for their answers: half of what the store takes at once, so that whoever brings more is not kept waiting. */
const MOST_FILES = 4000;
/** Files between two looks at what became of the writing. */
const FILES_A_TURN = 32;

export interface GroupOptions {
  /** A job that waits, if one does. */
  readonly next: () => Job | undefined;
  /** Is given what was committed together, together: so it can go on together. */
  readonly answer: (answers: readonly JobAnswer[]) => void;
  /** How many threads of the process are borrowed to write out; shared with other roots. */
  readonly borrowed: Int32Array;
}

/**
 * Works jobs off, synchronously, and commits them in groups: what several of them touched in one directory is written out by one fsync, and only then are
 * they answered. While one group is written out the next one is worked on; it is committed when it is large enough, or when there is nothing else to do and
 * the one before is written. A lone job is a group of its own.
 */
export class Group {
  readonly #options: GroupOptions;
  readonly #brought: Job[] = [];
  #working = false;
  /** The group before, on its way to the disk. */
  #writing: Promise<void> | undefined;
  #root: HeldRoot | undefined;
  #directories: Directories | undefined;
  /** Their files are done, and not all of it is written out. */
  #done: Work[] = [];
  #files = 0;
  /** The directory that was the root when something was last found in it. */
  #filled: string | undefined;

  constructor(options: GroupOptions) {
    this.#options = options;
  }

  /** Works off a job and whatever waits with it, and commits it all. */
  bring(job: Job): void {
    this.#brought.push(job);
    if (!this.#working) void this.#work();
  }

  async #work(): Promise<void> {
    const next = (): Job | undefined => this.#brought.shift() ?? this.#options.next();
    this.#working = true;
    for (let job = next(); job !== undefined; job = next()) await this.#take(job);
    this.#working = false;
    this.#rest();
  }

  async #take(job: Job): Promise<void> {
    // What was called off while it waited is answered already.
    if (Atomics.compareExchange(job.progress, 0, PROGRESS.waiting, PROGRESS.begun) === PROGRESS.cancelled) return;
    const root = holdRoot(job.root);
    if ("code" in root) {
      this.#options.answer([{ id: job.id, markerSeen: false, result: root }]);
    } else if (job.act === "probe" || job.act === "probeByWriting") {
      // Only now: what it loads besides, hardly any thread ever needs.
      const { probeRoot } = await import("./probe.ts");
      const result = probeRoot(job.root, root, job.act === "probeByWriting");
      closeSync(root.fd);
      this.#options.answer([{ id: job.id, markerSeen: root.markerSeen, result }]);
    } else if (this.#mayBeUnmounted(job, root)) {
      closeSync(root.fd);
      this.#options.answer([
        { id: job.id, markerSeen: false, result: emptyRoot(job.root.path, String(job.root.marker)) },
      ]);
    } else {
      await this.#enter(root);
      const work = new Work(job, root.markerSeen);
      await this.#do(work);
      this.#done.push(work);
      this.#files += work.size;
      if (this.#files >= MOST_FILES) await this.#commit();
    }
  }

  /** Without a marker, what shows that a root is the right one is that there is, or was, something in it. */
  #mayBeUnmounted({ root: { marker } }: Job, root: HeldRoot): boolean {
    if (marker === false || root.markerSeen) return false;
    const { dev, ino } = fstatSync(root.fd);
    const place = `${dev}:${ino}`;
    if (this.#filled === place) return false;
    if (isEmpty(root)) return true;
    this.#filled = place;
    return false;
  }

  /** In another directory than the one that was the root for the jobs before, nothing of theirs goes on. */
  async #enter(root: HeldRoot): Promise<void> {
    if (this.#root !== undefined) {
      if (standsAt(this.#root, root.base)) {
        closeSync(root.fd);
        return;
      }
      await this.#commit();
      await this.#writing;
      this.#leave();
    }
    this.#root = root;
  }

  async #do(work: Work): Promise<void> {
    let files = 0;
    for (const [relative, indexes] of work.byDirectory()) {
      const enter = async (): Promise<WorkDirectory | Failure> => {
        const { size } = this.#opened;
        if (size >= MOST_DIRECTORIES || this.#opened.hasMoved(relative)) await this.#commit();
        return this.#opened.at(relative, work, indexes);
      };
      let directory = await enter();
      for (const index of indexes) {
        if (this.#writing !== undefined && ++files % FILES_A_TURN === 0) await turn();
        if (work.cancelled) return;
        if (Date.now() > work.job.until) {
          work.handBack();
          return;
        }
        // Nobody waits for long for what is done once it is called off.
        if (this.#done.some(({ cancelled }) => cancelled)) {
          await this.#commit();
          directory = await enter();
        }
        const goesOn = "end" in directory ? work.ended(index, directory) : work.file(index, relative, directory);
        if (!goesOn) return;
      }
    }
  }

  get #opened(): Directories {
    if (this.#root === undefined) throw new TypeError("no root is held");
    return (this.#directories ??= new Directories(this.#root, this.#options.borrowed));
  }

  /** There is nothing to do but to write out. What is done while something else is written out goes together. */
  #rest(): void {
    if (this.#working || this.#writing !== undefined) return;
    if (this.#done.length > 0) this.#write();
    else this.#leave();
  }

  /** Begins to write out what was touched, as soon as the group before is written. */
  async #commit(): Promise<void> {
    await this.#writing;
    this.#write();
  }

  #write(): void {
    const [directories, done] = [this.#directories, this.#done];
    this.#directories = undefined;
    this.#done = [];
    this.#files = 0;
    const write = async (): Promise<void> => {
      await directories?.close();
      this.#writing = undefined;
      const answers = done.map(({ job, markerSeen, result }) => ({ id: job.id, markerSeen, result }));
      if (answers.length > 0) this.#options.answer(answers);
      this.#rest();
    };
    this.#writing = write();
  }

  #leave(): void {
    if (this.#root !== undefined) closeSync(this.#root.fd);
    this.#root = undefined;
    this.#directories = undefined;
  }
}

/** What the system has answered meanwhile has its turn. */
function turn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}
