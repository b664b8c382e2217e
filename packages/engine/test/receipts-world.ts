import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect } from "vitest";
import { showReceipts } from "../src/receipt-listing.ts";
import { verifyReceipts, type ReceiptVerification } from "../src/receipt-verification.ts";
import { openReceiptLog, type Receipt, type ReceiptLog } from "../src/receipts.ts";

export const KEY = "a key for receipts";
export let home: string;
export let directory: string;
let clock: number;

beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), "receipts-"));
  directory = join(home, "new", "receipts");
  clock = Date.parse("2026-01-01T00:00:00Z");
});

afterEach(() => rm(home, { recursive: true, force: true }));

/** Each file is a second younger than the one before. */
export function now(): Date {
  clock += 1000;
  return new Date(clock);
}

export function open(options: { readonly key?: string | undefined; readonly rollBytes?: number } = {}): ReceiptLog {
  return openReceiptLog({ directory, key: KEY, now, ...options });
}

export function receipt(imageId: string, more: Partial<Receipt> = {}): Receipt {
  return {
    at: "2026-01-01T00:00:00.000Z",
    imageId,
    uri: `file:///images/${imageId}`,
    store: "fs",
    key: `/images/${imageId}`,
    outcome: "deleted",
    bytes: 5,
    requestedAt: "2025-12-31T00:00:00.000Z",
    ...more,
  };
}

export async function files(): Promise<readonly string[]> {
  return (await readdir(directory)).toSorted().map((name) => join(directory, name));
}

export async function onlyFile(): Promise<string> {
  const [file, ...others] = await files();
  expect(others).toEqual([]);
  if (file === undefined) throw new Error("there is no file");
  return file;
}

export async function shown(imageId: string): Promise<readonly Receipt[]> {
  const found: Receipt[] = [];
  for await (const one of showReceipts(directory, imageId)) found.push(one);
  return found;
}

export function verify(
  options: { readonly key?: string | undefined; readonly head?: string | readonly string[] | undefined } = {},
): Promise<ReceiptVerification> {
  return verifyReceipts(directory, { key: KEY, ...options });
}

/** Three groups of two receipts; their last head. */
export async function writeThreeGroups(): Promise<string> {
  await using log = open();
  for (const group of [0, 1, 2]) await log.append([receipt(`i${group}a`), receipt(`i${group}b`, { note: "ünïcode" })]);
  return log.head() ?? "";
}
