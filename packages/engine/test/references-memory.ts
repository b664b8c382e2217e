/** Fills a table with 1,000,000 locations and prints what that takes at most, garbage included. Run by references.test.ts with --expose-gc. */
import { LocationIndex } from "../src/references-index.ts";

function heap(): number {
  (globalThis as unknown as { gc: () => void }).gc();
  return process.memoryUsage().heapUsed;
}

const heapBefore = heap();
const buffersBefore = process.memoryUsage().arrayBuffers;
const index = new LocationIndex();
let buffers = 0;
for (let ref = 1; ref <= 1_000_000; ref++) {
  index.add("fs", `/var/lib/glance/images/${ref}`, ref);
  if (ref % 1000 === 0) buffers = Math.max(buffers, process.memoryUsage().arrayBuffers - buffersBefore);
}
const most = buffers + Math.max(0, heap() - heapBefore);
console.log(JSON.stringify({ size: index.size, mebibytes: most / 2 ** 20 }));
