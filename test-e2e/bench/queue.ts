import { closeSync, fsyncSync, openSync, writeSync } from "node:fs";
import { join } from "node:path";
import { largeQueue } from "./queue/large.ts";
import { longLists } from "./queue/list.ts";
import { locations, median, openQueue, rate, temporaryFolder, toEntry } from "./queue/place.ts";
import { RawQueue } from "./queue/raw-queue.ts";

const BATCH = 1000;
const SLICE = 5000;
/** Entries that are leased and settled in one turn. */
const LEASED = 2000;
/** Entries that are added one by one before any counts: then SQLite's log has come round, and is written over in place. */
const FIRST_ADDED = 1600;

type Place = ReturnType<typeof locations>[number];

interface Row {
  readonly work: string;
  readonly queue: number;
  readonly peer: number;
  readonly ratio: number;
  readonly reach: string;
}

/**
 * queue-file against what it stands on, in turns: a line appended and fsynced for each entry, plain INSERTs, and the least SQL that leases and settles. All of them are durable when
 * they return: SQLite in WAL mode with synchronous FULL, one fsync for each transaction. Of what the queue does, the floors leave out that adding twice adds once (they are
 * given random digests), lanes, retries, delays, counts, the drop box, and the making of entries out of rows; the bare line has no index either, and cannot be looked up.
 *
 * Then `add --file`, whole processes: needs `pnpm build`. With SCRUBBER_BENCH_LARGE=1 also a queue of 10,000,000 entries (a few minutes, 4 GB of disk).
 */
export async function bench(): Promise<void> {
  const rows = [
    ...(await oneByOne()),
    await byThousands(),
    await leaseAndSettle(10_000, "10 k waiting"),
    await leaseAndSettle(1_000_000, "1 M waiting"),
  ];
  console.log("\nqueue-file: entries a second, medians of pairs taken in turns\n");
  console.log("| work | queue-file | peer | ratio | reach |\n|---|---|---|---|---|");
  for (const { work, queue, peer, ratio, reach } of rows) {
    console.log(`| ${work} | ${Math.round(queue)} | ${Math.round(peer)} | ${ratio.toFixed(2)} | ${reach} |`);
  }
  const [small, large] = rows.slice(-2);
  if (small !== undefined && large !== undefined) {
    console.log(
      `| 1 M against 10 k, queue-file alone | ${Math.round(large.queue)} | ${Math.round(small.queue)} | ${(large.queue / small.queue).toFixed(2)} | 1.0 |`,
    );
  }
  await longLists();
  if (process.env["SCRUBBER_BENCH_LARGE"] === "1") await largeQueue();
  else console.log("\n10,000,000 entries: left out; SCRUBBER_BENCH_LARGE=1 pnpm bench queue");
}

/** `add` of one entry at a time, against a line written and fsynced for each, and against one INSERT and COMMIT. */
async function oneByOne(): Promise<readonly Row[]> {
  using folder = temporaryFolder();
  await using queue = await openQueue(join(folder.path, "queue"));
  using raw = new RawQueue(folder.path);
  const fd = openSync(join(folder.path, "log"), "a");
  const ways = {
    queue: (one: Place) => queue.add([toEntry(one)]),
    line: (one: Place) => {
      writeSync(fd, `${JSON.stringify(one)}\n`);
      fsyncSync(fd);
    },
    insert: (one: Place) => raw.add([one]),
  };
  const take = async (from: number, count: number, way: (one: Place) => unknown): Promise<number> => {
    const some = locations(from, count);
    return rate(count, async () => {
      for (const one of some) await way(one);
    });
  };
  for (const way of Object.values(ways)) await take(0, FIRST_ADDED, way);
  const taken: { readonly queue: number; readonly line: number; readonly insert: number }[] = [];
  for (let turn = 0; turn < 15; turn++) {
    const from = FIRST_ADDED + turn * 200;
    taken.push({
      queue: await take(from, 200, ways.queue),
      line: await take(from, 200, ways.line),
      insert: await take(from, 200, ways.insert),
    });
  }
  closeSync(fd);
  const against = (peer: "line" | "insert", work: string, reach: string): Row => ({
    work,
    queue: median(taken.map((one) => one.queue)),
    peer: median(taken.map((one) => one[peer])),
    ratio: median(taken.map((one) => one.queue / one[peer])),
    reach,
  });
  return [
    against("line", "durable add, one by one / a line and an fsync each", "1.0"),
    against("insert", "durable add, one by one / an INSERT and a COMMIT each", ""),
  ];
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
  let last = waiting;
  const measured = await inTurns(30, async () => {
    const rates = {
      queue: await rate(LEASED, async () => {
        for (let done = 0; done < LEASED; done += BATCH) {
          const leased = await queue.lease({ limit: BATCH, leaseMs: 600_000 });
          await queue.settle(leased.map(({ id, token }) => ({ kind: "done", id, token })));
        }
      }),
      peer: await rate(LEASED, () => {
        for (let done = 0; done < LEASED; done += BATCH) raw.leaseAndSettle(BATCH, Date.now());
      }),
    };
    // As many come as go, so that every turn finds the same.
    const some = locations(last, LEASED);
    last += LEASED;
    await queue.add(some.map(toEntry));
    raw.add(some);
    return rates;
  });
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
