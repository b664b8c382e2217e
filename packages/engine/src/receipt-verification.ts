import type { Receipt } from "./receipts.ts";

export interface ReceiptVerification {
  readonly files: number;
  /** How many are proven. */
  readonly receipts: number;
  readonly ok: boolean;
  /** The first thing that is not as it was written. */
  readonly firstBad: { readonly file: string; readonly line: number; readonly reason: string } | null;
  /** Files whose end was being written when their writer stopped: nothing that was acknowledged is missing for that reason. */
  readonly torn: number;
}

/** Looks whether all receipts in `directory` are as they were written. `head`: a head that a run printed; it must be there still. */
export async function verifyReceipts(
  directory: string,
  options: { readonly key?: string; readonly head?: string } = {},
): Promise<ReceiptVerification> {
  void directory;
  void options;
  throw new TypeError("verifyReceipts is being written");
}

/** The receipts of one image, file by file, in the order in which they were written. */
// oxlint-disable-next-line require-yield
export async function* showReceipts(directory: string, imageId: string): AsyncGenerator<Receipt> {
  void directory;
  void imageId;
  throw new TypeError("showReceipts is being written");
}
