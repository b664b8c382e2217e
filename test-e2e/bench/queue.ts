import { closeSync, fsyncSync, openSync, writeSync } from "node:fs";
import { join } from "node:path";
import { largeQueue } from "./queue/large.ts";
import { locations, median, openQueue, rate, temporaryFolder, toEntry } from "./queue/place.ts";
import { RawQueue } from "./queue/raw-queue.ts";

const BATCH = 1000;
const SLICE = 5000;

interface Row {
  readonly work: string;
  readonly queue: number;
  readonly peer: number;
  readonly ratio: number;
  readonly reach: string;
}

/**
 * queue-file against what it stands on, in turns: the least SQL that leases and settles, plain INSERTs, and a bare fsync for each entry.
 * With SCRUBBER_BENCH_LARGE=1 also a queue of 10,000,000 entries (a few minutes, 4 GB of disk).
 */
export async function bench(): Promise<void> {
  const rows = [
    await oneByOne(),
    await byThousands(),
    await leaseAndSettle(10_000, "10 k waiting"),
    await leaseAndSettle(1_000_000, "1 M waiting"),
  ];
  console.log("\nqueue-file: entries a second, medians of pairs taken in turns\n");
  console.log("| work | queue-file | peer | ratio | reach |\n|---|---|---|---|---|");
  for (const { work, queue, peer, ratio, reach } of rows) {
    console.log(`| ${work} | ${Math.round(queue)} | ${Math.round(peer)} | ${ratio.toFixed(2)} | ${reach} |`);
  }
  const [, , small, large] = rows;
  if (small !== undefined && large !== undefined) {
    console.log(
      `| 1 M against 10 k, queue-file alone | ${Math.round(large.queue)} | ${Math.round(small.queue)} | ${(large.queue / small.queue).toFixed(2)} | 1.0 |`,
    );
  }
  if (process.env["SCRUBBER_BENCH_LARGE"] === "1") await largeQueue();
  else console.log("\n10,000,000 entries: left out; SCRUBBER_BENCH_LARGE=1 pnpm bench queue");
}

/** `add` of one entry at a time, against a line written and fsynced for each. */
async function oneByOne(): Promise<Row> {
  using folder = temporaryFolder();
  await using queue = await openQueue(join(folder.path, "queue"));
  const fd = openSync(join(folder.path, "log"), "a");
  const measured = await inTurns(9, async (turn) => {
    const some = locations(turn * 200, 200);
    return {
      queue: await rate(200, async () => {
        for (const one of some) await queue.add([toEntry(one)]);
      }),
      peer: await rate(200, () => {
        for (const one of some) {
          writeSync(fd, `${JSON.stringify(one)}\n`);
          fsyncSync(fd);
        }
      }),
    };
  });
  closeSync(fd);
  return { work: "durable add, one by one / one fsync each", ...measured, reach: "1.0" };
}

/** `add` of a thousand, against INSERTs of a thousand in a transaction. */
async function byThousands(): Promise<Row> {
  using folder = temporaryFolder();
  await using queue = await openQueue(join(folder.path, "queue"));
  using raw = new RawQueue(folder.path);
  const measured = await inTurns(25, async (turn) => {
    const some = locations(turn * SLICE, SLICE);
    const entries = some.map(toEntry);
    return {
      queue: await rate(SLICE, async () => {
        for (let i = 0; i < SLICE; i += BATCH) await queue.add(entries.slice(i, i + BATCH));
      }),
      peer: await rate(SLICE, () => {
        for (let i = 0; i < SLICE; i += BATCH) raw.add(some.slice(i, i + BATCH));
      }),
    };
  });
  return { work: "durable add, by thousands / INSERTs with a unique and a due index", ...measured, reach: ">= 1.0" };
}

/** Leases of a thousand, all settled as done, against the same in raw SQL. */
async function leaseAndSettle(waiting: number, label: string): Promise<Row> {
  using folder = temporaryFolder();
  await using queue = await openQueue(join(folder.path, "queue"));
  using raw = new RawQueue(folder.path);
  for (let i = 0; i < waiting; i += 10_000) {
    const some = locations(i, 10_000);
    await queue.add(some.map(toEntry));
    raw.add(some);
  }
  const slice = Math.min(SLICE, waiting / 5);
  const measured = await inTurns(waiting / slice > 40 ? 40 : waiting / slice, async () => ({
    queue: await rate(slice, async () => {
      for (let done = 0; done < slice; done += BATCH) {
        const leased = await queue.lease({ limit: BATCH, leaseMs: 600_000 });
        await queue.settle(leased.map(({ id, token }) => ({ kind: "done", id, token })));
      }
    }),
    peer: await rate(slice, () => {
      for (let done = 0; done < slice; done += BATCH) raw.leaseAndSettle(BATCH, Date.now());
    }),
  }));
  return { work: `lease + settle by thousands, ${label} / raw SQL`, ...measured, reach: ">= 0.8" };
}

/** Takes pairs in turns, after one that does not count; medians of the rates, and of the ratios within a pair. */
async function inTurns(
  pairs: number,
  pair: (turn: number) => Promise<{ readonly queue: number; readonly peer: number }>,
): Promise<{ readonly queue: number; readonly peer: number; readonly ratio: number }> {
  const taken: { readonly queue: number; readonly peer: number }[] = [];
  for (let turn = 0; turn < pairs; turn++) {
    const one = await pair(turn);
    if (turn > 0) taken.push(one);
  }
  return {
    queue: median(taken.map(({ queue }) => queue)),
    peer: median(taken.map(({ peer }) => peer)),
    ratio: median(taken.map(({ queue, peer }) => queue / peer)),
  };
}
