import { randomBytes } from "node:crypto";
import { open, readdir, statfs, unlink, type FileHandle } from "node:fs/promises";
import { join } from "node:path";
import { makeDirectory, messageOf, ScrubberError } from "@scrubber/core";
import {
  FIRST_HEAD,
  isReceiptFile,
  keyIdOf,
  LINK_START,
  linkLine,
  nextLink,
  receiptFileName,
  type ReceiptFileHeader,
} from "./receipt-chain.ts";

/** What a receipt proves. The log adds sequence, chain and writer. */
export interface Receipt {
  /** RFC 3339, UTC. */
  readonly at: string;
  readonly imageId: string;
  /** Masked. */
  readonly uri: string;
  readonly store: string | undefined;
  /** What the store calls the object. */
  readonly key: string | undefined;
  readonly outcome: "deleted" | "absent" | "marker" | "kept" | "setAside" | "discarded" | "restored";
  readonly bytes?: number;
  readonly requestedAt: string;
  readonly note?: string;
}

/** Where receipts go. */
export interface ReceiptLog extends AsyncDisposable {
  /**
   * Resolves when receipts for so many entries can be written, as far as can be known before: to be asked before anything is deleted. The file is there by
   * then, and there is room. Rejects as `append`. A file that never gets a receipt is removed when the log is closed.
   */
  ready(count: number): Promise<void>;
  /** Durable when it resolves. Rejects with `SCRUBBER_RECEIPTS_UNAVAILABLE`; then the entries are not settled. */
  append(receipts: readonly Receipt[]): Promise<void>;
  /** The chain's head as it is now: what `verify --head` checks against; undefined while nothing is written. */
  head(): string | undefined;
}

export interface ReceiptLogOptions {
  /** Absolute. Made, with its parents, when there is something to write. */
  readonly directory: string;
  /**
   * Chains the receipts by HMAC-SHA256: whoever lacks it can neither change, insert, remove nor reorder one unseen; only cutting off the end needs a head
   * kept elsewhere to be found. Left out: a plain SHA-256 chain, which finds damage, but which whoever can write the files can also forge, unless a head is
   * kept elsewhere.
   */
  readonly key?: string | undefined;
  readonly now: () => Date;
  /** A file that has reached this size is followed by another. Default 64 MiB. */
  readonly rollBytes?: number;
}

/** Makes a log with a file of its own. Touches nothing before the first receipt. */
export function openReceiptLog(options: ReceiptLogOptions): ReceiptLog {
  return new FileReceiptLog(options);
}

const ROLL_BYTES = 64 * 1024 * 1024;
/** How many other files a new one names with their heads. */
const NAMED_FILES = 4;
/** Room for one, more than most take. */
const ROOM_BYTES = 512;
const TAIL_BYTES = 64 * 1024;

interface OpenFile {
  readonly name: string;
  readonly handle: FileHandle;
  bytes: number;
  links: number;
  receipts: number;
  /** Of what is durable. */
  head: string;
  /** No receipt was ever written to it, or begun. */
  untouched: boolean;
}

interface Waiting {
  readonly receipts: readonly Receipt[];
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

class FileReceiptLog implements ReceiptLog {
  readonly #options: ReceiptLogOptions;
  #waiting: Waiting[] = [];
  #writing: Promise<void> | undefined;
  #file: OpenFile | undefined;
  /** The file before, where its end is known. */
  #before: { readonly file: string; readonly head: string } | undefined;
  #head: string | undefined;
  #closed = false;

  constructor(options: ReceiptLogOptions) {
    this.#options = options;
  }

  head(): string | undefined {
    return this.#head;
  }

  append(receipts: readonly Receipt[]): Promise<void> {
    return receipts.length === 0 ? Promise.resolve() : this.#enqueue(receipts);
  }

  async ready(count: number): Promise<void> {
    // What is durable takes more; to wait in line for what others write would hold up the leases at each fsync.
    if (this.#closed || (this.#file?.links ?? 0) === 0) await this.#enqueue([]);
    const { bavail, blocks, bsize } = await statfs(this.#options.directory).catch((error: unknown) => {
      throw this.#unavailable(error);
    });
    // Some file systems tell nothing.
    if (blocks === 0 || bavail * bsize >= count * ROOM_BYTES) return;
    throw this.#unavailable(new Error("no space left on the device for what would be deleted"));
  }

  #enqueue(receipts: readonly Receipt[]): Promise<void> {
    if (this.#closed) return Promise.reject(this.#unavailable(new Error("the log is closed")));
    return new Promise((resolve, reject) => {
      this.#waiting.push({ receipts, resolve, reject });
      this.#writing ??= this.#writeAll();
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    await this.#writing;
    await this.#leaveFile();
  }

  /** Writes what waits, group by group: what comes while one is made durable shares the next. */
  async #writeAll(): Promise<void> {
    // What is appended in the same turn shares a group.
    await Promise.resolve();
    while (this.#waiting.length > 0) {
      const group = this.#waiting;
      this.#waiting = [];
      try {
        await this.#write(group);
        for (const { resolve } of group) resolve();
      } catch (error) {
        // How much of it was written is unknown; so nothing is ever written behind it.
        await this.#leaveFile();
        const unavailable = this.#unavailable(error);
        for (const { reject } of group) reject(unavailable);
      }
    }
    this.#writing = undefined;
  }

  async #write(group: readonly Waiting[]): Promise<void> {
    if (this.#file !== undefined && this.#file.bytes >= (this.#options.rollBytes ?? ROLL_BYTES))
      await this.#leaveFile();
    const fresh = this.#file === undefined;
    const isEmpty = group.every(({ receipts }) => receipts.length === 0);
    if (isEmpty && !fresh) return;
    const { file, header } = this.#file === undefined ? await this.#openFile() : { file: this.#file, header: "" };
    let text = header;
    let n = file.receipts;
    for (const { receipts } of group) {
      for (const receipt of receipts) text += `{"n":${++n},${JSON.stringify(receipt).slice(1)}\n`;
    }
    const lines = Buffer.from(text);
    const head = nextLink(this.#options.key, file.head).update(lines).digest("hex");
    const bytes = Buffer.concat([lines, Buffer.from(linkLine(file.links + 1, n - file.receipts, head))]);
    if (!isEmpty) file.untouched = false;
    await file.handle.appendFile(bytes);
    await file.handle.sync();
    if (fresh) await syncDirectory(this.#options.directory);
    file.bytes += bytes.length;
    file.links++;
    file.receipts = n;
    file.head = head;
    if (!isEmpty) this.#head = head;
  }

  async #openFile(): Promise<{ file: OpenFile; header: string }> {
    const { directory, key, now } = this.#options;
    makeDirectory(directory, 0o700);
    const openedAt = now();
    const name = receiptFileName(openedAt, process.pid, randomBytes(4).toString("hex"));
    const header: ReceiptFileHeader = {
      scrubber: "receipts/1",
      file: name,
      chain: key === undefined ? "sha256" : "hmac-sha256",
      ...(key === undefined ? {} : { keyId: keyIdOf(key) }),
      openedAt: openedAt.toISOString(),
      previous: await this.#previous(),
    };
    const handle = await open(join(directory, name), "ax", 0o600);
    this.#file = { name, handle, bytes: 0, links: 0, receipts: 0, head: FIRST_HEAD, untouched: true };
    return { file: this.#file, header: `${JSON.stringify(header)}\n` };
  }

  async #previous(): Promise<ReceiptFileHeader["previous"]> {
    const { directory } = this.#options;
    const own = this.#before;
    const names = (await readdir(directory)).filter((name) => isReceiptFile(name) && name !== own?.file);
    const found = own === undefined ? [] : [own];
    for (const file of names.toSorted().slice(-NAMED_FILES)) {
      const head = await lastHead(join(directory, file));
      if (head !== undefined) found.push({ file, head });
    }
    return found;
  }

  async #leaveFile(): Promise<void> {
    const file = this.#file;
    if (file === undefined) return;
    this.#file = undefined;
    if (file.receipts > 0) this.#before = { file: file.name, head: file.head };
    // All that was acknowledged is durable already.
    await file.handle.close().catch(() => undefined);
    if (file.untouched) await unlink(join(this.#options.directory, file.name)).catch(() => undefined);
  }

  #unavailable(cause: unknown): ScrubberError {
    return new ScrubberError(
      "SCRUBBER_RECEIPTS_UNAVAILABLE",
      `receipts cannot be written to ${this.#options.directory}: ${messageOf(cause)}`,
      { hint: "What has no receipt is not settled: it waits. Make room, or mend the directory.", cause },
    );
  }
}

/** The head of the last link that is whole and proves receipts; undefined where there is none near the end, or the file cannot be read. */
async function lastHead(path: string): Promise<string | undefined> {
  try {
    await using handle = await open(path, "r");
    const { size } = await handle.stat();
    const { buffer, bytesRead } = await handle.read(
      Buffer.alloc(TAIL_BYTES),
      0,
      TAIL_BYTES,
      Math.max(0, size - TAIL_BYTES),
    );
    const text = buffer.toString("latin1", 0, bytesRead);
    const end = text.lastIndexOf('"}\n');
    const start = text.lastIndexOf(`\n${LINK_START}`, end);
    return /^\{"link":\d+,"receipts":[1-9]\d*,"head":"([0-9a-f]{64})"\}\n/.exec(text.slice(start + 1))?.[1];
  } catch {
    return undefined;
  }
}

async function syncDirectory(path: string): Promise<void> {
  await using handle = await open(path, "r");
  await handle.sync();
}
