/** Appends receipts until the limit on the size of files is met, then once more; prints what was acknowledged. Run by receipts.test.ts. */
import { openReceiptLog } from "../src/receipts.ts";

const [directory = ""] = process.argv.slice(2);
const log = openReceiptLog({ directory, now: () => new Date() });
let acknowledged = 0;
let failed = "";
const append = async (note: string): Promise<void> => {
  const at = "2026-01-01T00:00:00.000Z";
  await log.append([{ at, imageId: "i", uri: "u", store: "s", key: "k", outcome: "deleted", requestedAt: at, note }]);
  acknowledged++;
};
while (failed === "") {
  await append("x".repeat(1000)).catch((error: unknown) => {
    failed = (error as { code: string }).code;
  });
}
await append("after");
console.log(JSON.stringify({ failed, acknowledged, head: log.head() }));
await log[Symbol.asyncDispose]();
