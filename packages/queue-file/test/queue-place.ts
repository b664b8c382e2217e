import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import type { Cipher, Logger } from "@scrubber/core";
import { createClock, type Clock } from "@scrubber/core/memory";
import { openFileQueue, type FileQueue } from "../src/index.ts";

/** A logger that remembers. */
export interface LogBook extends Logger {
  readonly lines: { readonly level: string; readonly message: string; readonly fields: unknown }[];
}

function createLogBook(): LogBook {
  const lines: LogBook["lines"] = [];
  const write = (level: string) => (message: string, fields?: unknown) => {
    lines.push({ level, message, fields });
  };
  return { lines, debug: write("debug"), info: write("info"), warn: write("warn"), error: write("error") };
}

export interface PlaceOptions {
  readonly delayMs?: number;
  readonly cipher?: Cipher;
  readonly incomingGroup?: string | number;
}

/** A fresh directory for a queue, a clock, and whatever was opened on it; all of it gone when disposed of. */
export class QueuePlace implements AsyncDisposable {
  readonly root: string = mkdtempSync(join(tmpdir(), "scrubber-queue-file-"));
  readonly directory: string = join(this.root, "queue");
  readonly clock: Clock = createClock();
  readonly log: LogBook = createLogBook();
  readonly #opened: FileQueue[] = [];

  async open(options: PlaceOptions = {}): Promise<FileQueue> {
    const queue = await openFileQueue(
      { directory: this.directory, incomingGroup: options.incomingGroup },
      {
        log: this.log,
        now: () => this.clock.now(),
        cipher: options.cipher,
        delayMs: options.delayMs ?? 0,
      },
    );
    this.#opened.push(queue);
    return queue;
  }

  /** Another hand on the database. */
  sql(statement: string, ...values: readonly (string | number | null)[]): readonly Record<string, unknown>[] {
    const database = new DatabaseSync(join(this.directory, "queue.sqlite"), { timeout: 10_000 });
    try {
      return database.prepare(statement).all(...values);
    } finally {
      database.close();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const queue of this.#opened) await queue[Symbol.asyncDispose]();
    rmSync(this.root, { recursive: true, force: true });
  }
}
