import { readFileSync } from "node:fs";
import { createScrubber, defineConfig } from "@scrubber/engine";
import queueFile from "@scrubber/queue-file";
import registrySql from "@scrubber/registry-sql";
import storeFs from "@scrubber/store-fs";

/** A daemon that wakes up as fast as it can, on a database of Glance; says how much memory it holds early and late. Run with --expose-gc. */
const [queue = "", url = "", root = "", cycles = "2000"] = process.argv.slice(2);
const last = Number(cycles);
const early = Math.floor(last / 5);

/** What the process itself has written to; the pages of programs and libraries come and go as the system likes. */
function anonymousMiB(): number {
  const kib = /^RssAnon:\s+(\d+) kB$/m.exec(readFileSync("/proc/self/status", "utf8"))?.[1];
  return Number(kib) / 2 ** 10;
}

const stop = new AbortController();
const held: number[] = [];
/** Without the heap: what drivers, threads and buffers hold. */
const besides: number[] = [];
let cycle = 0;
let sweeps = 0;
await using scrubber = await createScrubber(
  defineConfig({
    queue: { use: queueFile, with: { directory: queue } },
    registry: { use: registrySql, with: { url } },
    sweep: { every: "0s" },
    stores: [{ use: storeFs, with: { roots: [root], marker: false } }],
    scrub: { delay: "10d", wakeup: "1ms" },
  }),
  {
    onEvent(event) {
      if (event.type === "outage") throw new Error(event.message);
      if (event.type === "sweep.finished") sweeps += 1;
      if (event.type !== "daemon.sleeping") return;
      cycle += 1;
      if (cycle === early || cycle === last) {
        globalThis.gc?.();
        const { heapUsed, heapTotal } = process.memoryUsage();
        held.push(heapUsed / 2 ** 20);
        besides.push(anonymousMiB() - heapTotal / 2 ** 20);
      }
      if (cycle === last) stop.abort();
    },
  },
);
await scrubber.runForever({ signal: stop.signal });
const [earlyMiB, lateMiB] = held;
const [earlyBesidesMiB, lateBesidesMiB] = besides;
console.log(JSON.stringify({ cycles: cycle, sweeps, earlyMiB, lateMiB, earlyBesidesMiB, lateBesidesMiB }));
