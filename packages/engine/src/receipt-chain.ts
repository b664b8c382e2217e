import { createHash, createHmac, type Hash, type Hmac } from "node:crypto";

/**
 * How a file of receipts is laid out.
 *
 * Text, a JSON object a line. Line 1 is the header. Then groups: the receipts that were written together, one a line, each with its number `n` within the
 * file, and after them a link. A link's `head` is the MAC (or hash) of the head before it, as 32 bytes (zeros at first), and of all bytes from the end of
 * the link before it up to the link; so the first covers the header. One link proves every line of its group and, through the head before it, of all groups before.
 */
export interface ReceiptFileHeader {
  readonly scrubber: "receipts/1";
  /** The file's own name: a copy under another name is found. */
  readonly file: string;
  readonly chain: "hmac-sha256" | "sha256";
  /** Tells under which key, without telling the key. */
  readonly keyId?: string;
  readonly openedAt: string;
  /** The files before this one, each with the head that it had then: what is cut off or taken away later is found. */
  readonly previous: readonly { readonly file: string; readonly head: string }[];
}

export const HEADER_START = '{"scrubber":';
export const LINK_START = '{"link":';
export const FIRST_HEAD: string = "0".repeat(64);

const FILE_NAME = /^receipts-\d{8}T\d{9}Z-\d+-[0-9a-f]{8}\.jsonl$/;

export function isReceiptFile(name: string): boolean {
  return FILE_NAME.test(name);
}

/** Names sort by the instant at which the file was opened. */
export function receiptFileName(openedAt: Date, pid: number, random: string): string {
  return `receipts-${openedAt.toISOString().replaceAll(/[-:.]/g, "")}-${pid}-${random}.jsonl`;
}

export function linkLine(link: number, receipts: number, head: string): string {
  return `${LINK_START}${link},"receipts":${receipts},"head":"${head}"}\n`;
}

/** Begins the next link; it is finished by `digest("hex")`. */
export function nextLink(key: string | undefined, head: string): Hash | Hmac {
  const link = key === undefined ? createHash("sha256") : createHmac("sha256", key);
  return link.update(Buffer.from(head, "hex"));
}

export function keyIdOf(key: string): string {
  return createHmac("sha256", key).update("scrubber receipts key").digest("hex").slice(0, 16);
}
