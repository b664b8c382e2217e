import { closeSync, fstatSync } from "node:fs";
import { Directories, type Failure, type WorkDirectory } from "./directory.ts";
import { type Job, type JobAnswer, PROGRESS } from "./job.ts";
import { probeRoot } from "./probe.ts";
import { emptyRoot, type HeldRoot, holdRoot, isEmpty, standsAt } from "./root.ts";
import { Work } from "./work.ts";

/** Directories held open at once: descriptors are limited. */
const MOST_DIRECTORIES = 256;
/** Files of jobs that are done and wait for their answers: half of what the store takes at once, so that whoever brings more is not kept waiting. */
const MOST_FILES = 4000;

/**
 * Works jobs off, synchronously, and commits them in groups: what several of them touched in one directory is written out by one fsync, and only then are
 * they answered. A lone job is a group of its own.
 */
export class Group {
  readonly #answer: (answers: readonly JobAnswer[]) => void;
  #root: HeldRoot | undefined;
  #directories: Directories | undefined;
  /** Their files are done, and not all of it is written out. */
  readonly #done: Work[] = [];
  #files = 0;
  /** The directory that was the root when something was last found in it. */
  #filled: string | undefined;

  /** `answer` is given what was committed together, together: so it can go on together. */
  constructor(answer: (answers: readonly JobAnswer[]) => void) {
    this.#answer = answer;
  }

  /** Works off a job and whatever `next` has at hand, and commits it all. */
  run(first: Job, next: () => Job | undefined): void {
    try {
      for (let job: Job | undefined = first; job !== undefined; job = next()) this.#take(job);
    } finally {
      this.#leave();
    }
  }

  #take(job: Job): void {
    // What was called off while it waited is answered already.
    if (Atomics.compareExchange(job.progress, 0, PROGRESS.waiting, PROGRESS.begun) === PROGRESS.cancelled) return;
    const root = holdRoot(job.root);
    if ("code" in root) {
      this.#answer([{ id: job.id, markerSeen: false, result: root }]);
    } else if (job.act === "probe" || job.act === "probeByWriting") {
      const result = probeRoot(job.root, root, job.act === "probeByWriting");
      closeSync(root.fd);
      this.#answer([{ id: job.id, markerSeen: root.markerSeen, result }]);
    } else if (this.#mayBeUnmounted(job, root)) {
      closeSync(root.fd);
      this.#answer([{ id: job.id, markerSeen: false, result: emptyRoot(job.root.path, String(job.root.marker)) }]);
    } else {
      const directories = this.#enter(root);
      const work = new Work(job, root.markerSeen);
      this.#do(work, directories);
      this.#done.push(work);
      this.#files += work.size;
      if (this.#files >= MOST_FILES) this.#commit();
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
  #enter(root: HeldRoot): Directories {
    if (this.#root !== undefined && this.#directories !== undefined) {
      if (standsAt(this.#root, root.base)) {
        closeSync(root.fd);
        return this.#directories;
      }
      this.#leave();
    }
    this.#root = root;
    this.#directories = new Directories(root);
    return this.#directories;
  }

  #do(work: Work, directories: Directories): void {
    for (const [relative, indexes] of work.byDirectory()) {
      const enter = (): WorkDirectory | Failure => {
        if (directories.size >= MOST_DIRECTORIES || directories.hasMoved(relative)) this.#commit();
        return directories.at(relative, work, indexes);
      };
      let directory = enter();
      for (const index of indexes) {
        if (work.cancelled) return;
        if (Date.now() > work.job.until) {
          work.handBack();
          return;
        }
        // Nobody waits for long for what is done once it is called off.
        if (this.#done.some(({ cancelled }) => cancelled)) {
          this.#commit();
          directory = enter();
        }
        const goesOn = "end" in directory ? work.ended(index, directory) : work.file(index, relative, directory);
        if (!goesOn) return;
      }
    }
  }

  /** Writes out what was touched, and answers the jobs that are done. */
  #commit(): void {
    this.#directories?.close();
    this.#files = 0;
    const done = this.#done.splice(0);
    if (done.length > 0) this.#answer(done.map(({ job, markerSeen, result }) => ({ id: job.id, markerSeen, result })));
  }

  #leave(): void {
    this.#commit();
    if (this.#root !== undefined) closeSync(this.#root.fd);
    this.#root = undefined;
    this.#directories = undefined;
  }
}
