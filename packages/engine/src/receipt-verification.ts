import type { Hash, Hmac } from "node:crypto";
import { join } from "node:path";
import {
  FIRST_HEAD,
  HEADER_START,
  keyIdOf,
  LINK_START,
  linkLine,
  nextLink,
  type ReceiptFileHeader,
} from "./receipt-chain.ts";
import { LINE_BYTES, linesOf, receiptFiles } from "./receipt-files.ts";

export interface ReceiptVerification {
  readonly files: number;
  /** How many are proven to be as they were written. */
  readonly receipts: number;
  readonly ok: boolean;
  /** The first thing that is not as it was written. `line` counts from 1; 0 stands for a whole file. */
  readonly firstBad: { readonly file: string; readonly line: number; readonly reason: string } | null;
  /** How many files end within a group: their writer stopped before it was acknowledged. That is no tampering. */
  readonly torn: number;
  /**
   * The present end of each chain: of the files whose end no later file names. Kept elsewhere, they prove later that nothing was cut off. Empty unless `ok`: what
   * is not in order is nothing to hold later states against.
   */
  readonly heads: readonly { readonly file: string; readonly head: string }[];
}

/**
 * Looks whether all receipts in `directory` are as they were written, in bounded memory.
 *
 * Finds what was changed, inserted, removed or reordered, and what was cut off a file after a later file had named it. A cut at the very end looks as a crash
 * does; so give the `head` (or several) that a run or an earlier verification printed, and it is found: it must be there still. A directory that does not exist holds no receipts.
 *
 * @param options.key What the receipts were chained under. Without one, only plain chains can be verified; with one, plain chains are not accepted.
 * @throws {ScrubberError} `SCRUBBER_RECEIPTS_UNAVAILABLE`: the directory or a file cannot be read.
 */
export async function verifyReceipts(
  directory: string,
  options: { readonly key?: string | undefined; readonly head?: string | readonly string[] | undefined } = {},
): Promise<ReceiptVerification> {
  const names = await receiptFiles(directory);
  const wanted = new WantedHeads();
  for (const head of [options.head ?? []].flat()) wanted.add("", head, { file: directory, line: 0 });
  for (const name of names) {
    for (const { file, head } of await previousOf(directory, name)) wanted.add(file, head, { file: name, line: 1 });
  }
  let receipts = 0;
  let torn = 0;
  let firstBad: ReceiptVerification["firstBad"] = null;
  const heads: { file: string; head: string }[] = [];
  for (const name of names) {
    const file = new FileVerification(name, options.key, (head) => wanted.found(name, head));
    for await (const line of linesOf(join(directory, name))) if (!file.take(line)) break;
    file.end();
    receipts += file.proven;
    if (file.torn) torn++;
    if (file.proven > 0 && !wanted.isNamed(name, file.head)) heads.push({ file: name, head: file.head });
    if (file.bad !== undefined) firstBad ??= { file: name, ...file.bad };
  }
  firstBad ??= wanted.firstMissing(new Set(names));
  const ok = firstBad === null;
  return { files: names.length, receipts, ok, firstBad, torn, heads: ok ? heads : [] };
}

/** Heads that must be there still, and who says so. */
class WantedHeads {
  readonly #wanted: { file: string; head: string; by: { file: string; line: number }; found: boolean }[] = [];
  readonly #byHead = new Map<string, { readonly file: string; found: boolean }[]>();

  /** `file` "": in any. */
  add(file: string, head: string, by: { file: string; line: number }): void {
    const wanted = { file, head, by, found: false };
    this.#wanted.push(wanted);
    const same = this.#byHead.get(head);
    if (same === undefined) this.#byHead.set(head, [wanted]);
    else same.push(wanted);
  }

  found(file: string, head: string): void {
    for (const wanted of this.#byHead.get(head) ?? [])
      if (wanted.file === "" || wanted.file === file) wanted.found = true;
  }

  /** Whether a file says that another one ends so. */
  isNamed(file: string, head: string): boolean {
    return this.#byHead.get(head)?.some((wanted) => wanted.file === file) === true;
  }

  firstMissing(names: ReadonlySet<string>): ReceiptVerification["firstBad"] {
    const missing = this.#wanted.find(({ found }) => !found);
    if (missing === undefined) return null;
    const { file, head, by } = missing;
    if (file === "")
      return { ...by, reason: `no file has the head ${head}: what was written up to it was cut off or taken away` };
    const what = names.has(file) ? "has lost its end" : "is missing";
    return { ...by, reason: `the file before it, ${file}, ${what}` };
  }
}

/** Receipts of one file, judged line by line. */
class FileVerification {
  proven = 0;
  torn = false;
  /** Of all that is proven. */
  head: string = FIRST_HEAD;
  bad: { readonly line: number; readonly reason: string } | undefined;
  readonly #name: string;
  readonly #key: string | undefined;
  readonly #found: (head: string) => void;
  #link: Hash | Hmac;
  #line = 0;
  #links = 0;
  #inGroup = 0;
  #groupStart = 1;
  #lastReceipt: Buffer | undefined;
  #partial = false;
  /** Where zeros stand: pages that never reached the disk before the power went, as long as it is the last group. */
  #zeros: { readonly line: number; readonly links: number } | undefined;

  constructor(name: string, key: string | undefined, found: (head: string) => void) {
    this.#name = name;
    this.#key = key;
    this.#found = found;
    this.#link = nextLink(key, FIRST_HEAD);
  }

  /** Takes the next line, with its newline if it has one. False: enough is known. */
  take(bytes: Buffer): boolean {
    this.#line++;
    const isLink = startsWith(bytes, LINK_START);
    if (this.#zeros === undefined && bytes.includes(0)) this.#zeros = { line: this.#line, links: this.#links };
    if (this.#zeros !== undefined) {
      if (isLink) this.#links++;
      return true;
    }
    if (bytes.at(-1) !== NEWLINE) return this.#takePart(bytes);
    if (this.#line === 1) return this.#takeHeader(bytes);
    if (isLink) return this.#takeLink(bytes);
    const n = this.proven + this.#inGroup + 1;
    if (!startsWith(bytes, `{"n":${n},`)) return this.#fail(this.#line, `receipt ${n} does not follow here`);
    this.#inGroup++;
    this.#link.update(bytes);
    this.#lastReceipt = bytes;
    return true;
  }

  end(): void {
    if (this.bad !== undefined) return;
    if (this.#zeros === undefined) {
      this.torn ||= this.#inGroup > 0 || this.#links === 0;
      // The numbers prove the others: a link that was joined to the last receipt's line would be missed.
      if (this.#inGroup > 0 && !isJson(this.#lastReceipt)) {
        this.#fail(this.#line - (this.#partial ? 1 : 0), "it is no receipt");
      }
    } else if (this.#links - this.#zeros.links <= 1) this.torn = true;
    else this.#fail(this.#zeros.line, "it is filled with zeros, and more follows");
  }

  #takeHeader(bytes: Buffer): boolean {
    const header = parseHeader(bytes);
    if (header === undefined) return this.#fail(1, "it is not the header of a file of receipts");
    if (header.file !== this.#name) return this.#fail(1, `this is the file ${header.file}, under another name`);
    if (header.chain === "sha256" && this.#key !== undefined) {
      return this.#fail(
        1,
        "it is not chained under a key: if it was written before there was one, verify it in a directory of its own, without a key",
      );
    }
    if (header.chain === "hmac-sha256" && this.#key === undefined) {
      return this.#fail(1, "it is chained under a key: give it (receipts.key)");
    }
    if (this.#key !== undefined && header.keyId !== keyIdOf(this.#key))
      return this.#fail(1, "it is chained under another key");
    this.#link.update(bytes);
    return true;
  }

  #takeLink(bytes: Buffer): boolean {
    const head = this.#link.digest("hex");
    if (bytes.toString("latin1") !== linkLine(this.#links + 1, this.#inGroup, head)) {
      return this.#fail(this.#groupStart, `lines ${this.#groupStart} to ${this.#line} are not as they were written`);
    }
    this.#found(head);
    this.head = head;
    this.#link = nextLink(this.#key, head);
    this.#links++;
    this.proven += this.#inGroup;
    this.#inGroup = 0;
    this.#groupStart = this.#line + 1;
    return true;
  }

  /** The last line, without its newline: torn, if it is how a line would begin. */
  #takePart(bytes: Buffer): boolean {
    const starts =
      this.#line === 1
        ? [HEADER_START]
        : [`{"n":${this.proven + this.#inGroup + 1},`, `${LINK_START}${this.#links + 1},`];
    if (bytes.length > LINE_BYTES || !starts.some((start) => startsWith(bytes, start.slice(0, bytes.length)))) {
      return this.#fail(this.#line, "it is not how a receipt begins");
    }
    this.torn = true;
    this.#partial = true;
    return true;
  }

  #fail(line: number, reason: string): false {
    this.bad = { line, reason };
    return false;
  }
}

const NEWLINE = 10;

function startsWith(bytes: Buffer, text: string): boolean {
  return bytes.length >= text.length && bytes.toString("latin1", 0, text.length) === text;
}

function isJson(bytes: Buffer | undefined): boolean {
  try {
    JSON.parse(String(bytes));
    return true;
  } catch {
    return false;
  }
}

function parseHeader(bytes: Buffer): ReceiptFileHeader | undefined {
  if (!startsWith(bytes, HEADER_START)) return undefined;
  try {
    // oxlint-disable-next-line no-unsafe-type-assertion -- each field is compared before it is believed
    const header = JSON.parse(bytes.toString()) as ReceiptFileHeader;
    return header.scrubber === "receipts/1" && Array.isArray(header.previous) ? header : undefined;
  } catch {
    return undefined;
  }
}

async function previousOf(directory: string, name: string): Promise<ReceiptFileHeader["previous"]> {
  for await (const line of linesOf(join(directory, name))) return parseHeader(line)?.previous ?? [];
  return [];
}
