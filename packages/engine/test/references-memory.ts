/** Fills a table with 1,000,000 locations and prints what that takes. Run by references.test.ts with --expose-gc. */
import { LocationIndex } from "../src/references-index.ts";

function held(): number {
  (globalThis as unknown as { gc: () => void }).gc();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

const before = held();
const index = new LocationIndex();
let most = 0;
for (let ref = 1; ref <= 1_000_000; ref++) {
  index.add("fs", `/var/lib/glance/images/${ref}`, ref);
  if (ref % 10_000 === 0) most = Math.max(most, held() - before);
}
console.log(JSON.stringify({ size: index.size, mebibytes: most / 2 ** 20 }));
