import { DeleteObjectCommand, DeleteObjectsCommand } from "@aws-sdk/client-s3";
import { startNullServer } from "../servers/null-s3-process.ts";
import { openS3Store, otherClient, targetOf } from "../servers/s3-server.ts";
import { memoryOf } from "./measure/memory.ts";

const BATCH = 1000;
const ROUNDS = 9;
const KEYS_A_ROUND = 20_000;
/** One by one costs so much more that a few tell. */
const SINGLES_A_ROUND = 1000;
const KEYS_FOR_MEMORY = 100_000;
const MEMORY_RUNS = 5;

/**
 * What a key costs the client: the store, against a bare loop of the SDK's own DeleteObjects (verbose, batches of 1000) and its DeleteObject one by one, in turns.
 * The server is another process and answers at once.
 */
export async function bench(): Promise<void> {
  await using server = await startNullServer();
  const address = { endpoint: server.endpoint, accessKeyId: "key", secretAccessKey: "secret" };
  const client = otherClient(address);
  await using store = await openS3Store(address);
  const signal = new AbortController().signal;
  const arms: Readonly<Record<string, () => Promise<number>>> = {
    "bare DeleteObjects loop": async () => {
      for (const keys of batches(KEYS_A_ROUND)) {
        const { Deleted = [], Errors = [] } = await client.send(
          new DeleteObjectsCommand({ Bucket: "bench", Delete: { Objects: keys.map((Key) => ({ Key })) } }),
        );
        if (Deleted.length !== keys.length || Errors.length > 0)
          throw new Error("the null server did not answer for every key");
      }
      return KEYS_A_ROUND;
    },
    "store-s3": async () => {
      for (const keys of batches(KEYS_A_ROUND)) {
        const requestedAt = new Date();
        const targets = keys.map((key) => targetOf(store, { uri: `s3://bench/${key}` }, requestedAt));
        const outcomes = await store.delete(targets, { signal });
        if (!outcomes.every(({ kind }) => kind === "deleted")) throw new Error("not every key was deleted");
      }
      return KEYS_A_ROUND;
    },
    "DeleteObject one by one": async () => {
      for (const keys of batches(SINGLES_A_ROUND))
        for (const Key of keys) await client.send(new DeleteObjectCommand({ Bucket: "bench", Key }));
      return SINGLES_A_ROUND;
    },
  };
  const cost: Record<string, number[]> = {};
  for (let round = 0; round < ROUNDS; round++) {
    for (const [name, arm] of Object.entries(arms)) {
      const before = process.cpuUsage();
      const keys = await arm();
      const { user, system } = process.cpuUsage(before);
      // The first round warms up.
      if (round > 0) (cost[name] ??= []).push((user + system) / keys);
    }
  }
  client.destroy();
  const bare = cost["bare DeleteObjects loop"] ?? [];
  console.log("client CPU for a key, instant server, median of %d paired rounds", ROUNDS - 1);
  console.table(
    Object.fromEntries(
      Object.entries(cost).map(([name, costs]) => [
        name,
        {
          "µs a key": round1(median(costs)),
          "of bare": round1(median(costs.map((c, i) => c / (bare[i] ?? Number.NaN))), 100),
        },
      ]),
    ),
  );
  console.log("reach: store-s3 <= 1.5 of the bare loop\n");
  const runs: Awaited<ReturnType<typeof memoryOf>>[] = [];
  for (let run = 0; run < MEMORY_RUNS; run++) {
    runs.push(
      await memoryOf({
        plugin: "@scrubber/store-s3",
        options: { endpoint: server.endpoint, accessKeyId: "key", secretAccessKey: "secret" },
        prefix: "s3://bench/images/4f6c0d3e-8f52-4d0a-9d0e-",
        objects: KEYS_FOR_MEMORY,
      }),
    );
  }
  console.log(
    "memory of a process with the built package that deletes %d keys, median of %d: %d MiB when the store is open, %d MiB at its peak (reach 150)",
    KEYS_FOR_MEMORY,
    MEMORY_RUNS,
    median(runs.map(({ opened }) => opened)),
    median(runs.map(({ peak }) => peak)),
  );
}

function* batches(count: number): Generator<readonly string[]> {
  for (let at = 0; at < count; at += BATCH)
    yield Array.from(
      { length: Math.min(BATCH, count - at) },
      (_, i) => `images/4f6c0d3e-8f52-4d0a-9d0e-${String(at + i).padStart(12, "0")}`,
    );
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[sorted.length >> 1] ?? Number.NaN;
}

function round1(value: number, by = 10): number {
  return Math.round(value * by) / by;
}
