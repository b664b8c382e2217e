import { join } from "node:path";
import { LINK_START } from "./receipt-chain.ts";
import { linesOf, receiptFiles } from "./receipt-files.ts";
import type { Receipt } from "./receipts.ts";

/**
 * The receipts of one image, file by file, in the order in which they were written. What was being written when its writer stopped is left out:
 * nobody was told of it. It shows, and does not verify: that is `verifyReceipts`.
 *
 * @throws {ScrubberError} `SCRUBBER_RECEIPTS_UNAVAILABLE`: the directory or a file cannot be read.
 */
export async function* showReceipts(directory: string, imageId: string): AsyncGenerator<Receipt> {
  const mark = Buffer.from(`"imageId":${JSON.stringify(imageId)},`);
  for (const name of await receiptFiles(directory)) {
    let group: Receipt[] = [];
    for await (const line of linesOf(join(directory, name))) {
      if (line.subarray(0, LINK_START.length).equals(LINK)) {
        yield* group;
        group = [];
      } else if (line.includes(mark)) {
        const receipt = parse(line);
        if (receipt !== undefined) group.push(receipt);
      }
    }
  }
}

const LINK = Buffer.from(LINK_START);

function parse(line: Buffer): Receipt | undefined {
  try {
    const { n: _, ...receipt } = JSON.parse(line.toString()) as Receipt & { n: number };
    return receipt;
  } catch {
    return undefined;
  }
}
