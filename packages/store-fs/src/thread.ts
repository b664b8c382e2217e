import { setTimeout as delay } from "node:timers/promises";
import { Worker } from "node:worker_threads";
import { type Finding, ScrubberError } from "@scrubber/core";
import { type Answers, ENDS, isOutage, type Job, type JobAnswer, PROGRESS, type RootCheck } from "./job.ts";
import { noneBorrowed } from "./write-out.ts";

/** What the thread is asked to do, without what {@link RootThread} adds. */
export type Request = Pick<Job, "act" | "paths" | "unmodifiedSince" | "identities">;

/** How long an aborted call waits for the thread to stop by itself and say what it did. */
const GRACE_MS = 250;
/**
 * How long a call may take, its wait for others included, before it hands back what it has not tried: as throttled, which slows the caller down and is
 * nobody's fault. On a slow disk, calls that wait for each other would else run out of their time, and that counts against their entries.
 */
const PATIENCE_MS = 60_000;
/** Young objects are garbage after each file, so a small nursery does; the old ones are one batch. */
const MEMORY = { maxYoungGenerationSizeMb: 2, maxOldGenerationSizeMb: 64, stackSizeMb: 1 };
/** Sources run as they are, built ones as JavaScript: the compiler rewrites imports, not this name. */
const ENTRY: URL = new URL(`./thread-entry${import.meta.url.endsWith(".ts") ? ".ts" : ".js"}`, import.meta.url);

const BORROWED = noneBorrowed();

interface Asked {
  readonly progress: Int32Array;
  readonly answered: (answer: JobAnswer) => void;
  readonly failed: (why: string) => void;
}

/**
 * The thread that works in one root. System calls block it and nothing else: neither the process nor another root, even if a network file system
 * never answers; only what writes directories out borrows threads of the process, two at most for all roots. Started with the first batch; batches are worked off
 * one after the other, and those that wait together are answered together.
 */
export class RootThread {
  readonly #root: RootCheck;
  readonly #asked = new Map<number, Asked>();
  /** Batches that were given up while the thread was in a system call, and did not come back since. */
  readonly #hanging = new Set<number>();
  #worker: Worker | undefined;
  #markerSeen = false;
  #nextId = 0;

  constructor(root: RootCheck) {
    this.#root = root;
  }

  /** The marker was seen in the root: from now on it is required. */
  sawMarker(): void {
    this.#markerSeen = true;
  }

  /**
   * Resolves with the answers; with undefined if `signal` aborted and the thread did not come back.
   * @throws {ScrubberError} `SCRUBBER_STORE_MISCONFIGURED`, `SCRUBBER_STORE_UNAVAILABLE`
   */
  async run(request: Request, signal: AbortSignal): Promise<Answers | undefined> {
    const result = await this.#result(request, signal);
    return result === undefined || !("ends" in result) ? undefined : result;
  }

  /** As `run`, of what a person wants to know. */
  async probe(write: boolean, signal: AbortSignal): Promise<readonly Finding[] | undefined> {
    const request: Request = {
      act: write ? "probeByWriting" : "probe",
      paths: "",
      unmodifiedSince: new Float64Array(0),
      identities: new Map(),
    };
    const result = await this.#result(request, signal);
    return result === undefined || "ends" in result ? undefined : result;
  }

  async #result(request: Request, signal: AbortSignal): Promise<Answers | readonly Finding[] | undefined> {
    if (signal.aborted) return undefined;
    if (this.#hanging.size > 0) throw this.#unavailable("has not come back from an earlier system call");
    const id = this.#nextId++;
    const answer = await this.#ask(id, request, signal);
    if (answer === undefined) return undefined;
    if (answer.markerSeen) this.sawMarker();
    if (!isOutage(answer.result)) return answer.result;
    throw new ScrubberError(answer.result.code, answer.result.message, { hint: answer.result.hint });
  }

  async #ask(id: number, request: Request, signal: AbortSignal): Promise<JobAnswer | undefined> {
    const progress = new Int32Array(new SharedArrayBuffer(4));
    const { promise, resolve, reject } = Promise.withResolvers<JobAnswer | undefined>();
    let grace: NodeJS.Timeout | undefined;
    const giveUp = (): void => {
      this.#hanging.add(id);
      this.#release();
      resolve(undefined);
    };
    /** Calls it off if it had no turn yet. */
    const withdraw = (answer: JobAnswer | undefined): boolean => {
      const { waiting, cancelled } = PROGRESS;
      if (Atomics.compareExchange(progress, 0, waiting, cancelled) !== waiting) return false;
      this.#asked.delete(id);
      this.#release();
      resolve(answer);
      return true;
    };
    const cancel = (): void => {
      if (withdraw(undefined)) return;
      Atomics.store(progress, 0, PROGRESS.cancelled);
      grace = setTimeout(giveUp, GRACE_MS);
    };
    const isDeletion = request.act === "delete";
    const patience = setTimeout(() => {
      if (isDeletion) withdraw({ id, markerSeen: false, result: untouched(request.unmodifiedSince.length) });
    }, PATIENCE_MS);
    this.#asked.set(id, { progress, answered: resolve, failed: (why) => reject(this.#unavailable(why)) });
    signal.addEventListener("abort", cancel, { once: true });
    try {
      const root = { ...this.#root, markerRequired: this.#root.markerRequired || this.#markerSeen };
      const worker = this.#start();
      worker.ref();
      const until = isDeletion ? Date.now() + PATIENCE_MS : Number.POSITIVE_INFINITY;
      worker.postMessage({ ...request, id, root, progress, until } satisfies Job);
      return await promise;
    } finally {
      clearTimeout(patience);
      clearTimeout(grace);
      signal.removeEventListener("abort", cancel);
    }
  }

  #start(): Worker {
    if (this.#worker !== undefined) return this.#worker;
    // Without the process's own flags: it needs none of them, and some (`--input-type`) are no good in a thread.
    const worker = new Worker(ENTRY, {
      name: `scrubber ${this.#root.path}`,
      resourceLimits: MEMORY,
      execArgv: [],
      workerData: BORROWED,
    });
    worker.on("message", (answers: readonly JobAnswer[]) => {
      for (const answer of answers) {
        const asked = this.#asked.get(answer.id);
        this.#asked.delete(answer.id);
        this.#hanging.delete(answer.id);
        this.#release();
        asked?.answered(answer);
      }
    });
    worker.on("error", (error) => this.#ended(worker, error.message));
    worker.on("exit", () => this.#ended(worker, "it ended"));
    this.#worker = worker;
    return worker;
  }

  #ended(worker: Worker, why: string): void {
    if (this.#worker !== worker) return;
    this.#worker = undefined;
    const asked = [...this.#asked.values()];
    this.#asked.clear();
    this.#hanging.clear();
    for (const { failed } of asked) failed(`stopped working: ${why}`);
  }

  /** The process may end while the thread has nothing to do, or nothing that anybody waits for. */
  #release(): void {
    if (this.#asked.size === this.#hanging.size) this.#worker?.unref();
  }

  #unavailable(why: string): ScrubberError {
    return new ScrubberError(
      "SCRUBBER_STORE_UNAVAILABLE",
      `the thread that works in the root ${this.#root.path} ${why}`,
      {
        hint: "A file system that hangs blocks it: look into the kernel's log, and at the server if it is a network file system.",
      },
    );
  }

  /** Stops after the current file; does not wait for a system call that hangs. */
  async close(): Promise<void> {
    const worker = this.#worker;
    if (worker === undefined) return;
    for (const { progress } of this.#asked.values()) Atomics.store(progress, 0, PROGRESS.cancelled);
    const ended = worker.terminate();
    await Promise.race([ended, delay(GRACE_MS, undefined, { ref: false })]);
  }
}

/** The answers to a job that never had its turn: its files are to come again, and are not to blame. */
function untouched(files: number): Answers {
  const ends = new Uint8Array(files).fill(ENDS.indexOf("throttled"));
  return { ends, bytes: new Float64Array(files), texts: new Map(), seen: new Map() };
}
