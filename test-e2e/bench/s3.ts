import { fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { DeleteObjectCommand, DeleteObjectsCommand } from "@aws-sdk/client-s3";
import { startNullServer } from "../servers/null-s3-process.ts";
import { openS3Store, otherClient, targetOf } from "../servers/s3-server.ts";

const BATCH = 1000;
const ROUNDS = 9;
const KEYS_A_ROUND = 20_000;
/** One by one costs so much more that a few tell. */
const SINGLES_A_ROUND = 1000;
const KEYS_FOR_MEMORY = 100_000;

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
  const { opened, peak } = await memory(server.endpoint);
  console.log(
    "memory of a process that runs from source and deletes %d keys: %d MiB when the store is open, %d MiB at its peak",
    KEYS_FOR_MEMORY,
    opened,
    peak,
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

interface Memory {
  readonly opened: number;
  readonly peak: number;
}

/** Deletes many keys in a process of its own, as many calls at a time as the store allows, and asks it for its memory. */
async function memory(endpoint: string): Promise<Memory> {
  const child = fork(fileURLToPath(import.meta.url), [endpoint], { execArgv: process.execArgv });
  const [answer] = (await once(child, "message")) as [Memory];
  return answer;
}

if (process.send !== undefined && process.argv[2] !== undefined && process.argv[1] === fileURLToPath(import.meta.url)) {
  await using store = await openS3Store({ endpoint: process.argv[2], accessKeyId: "key", secretAccessKey: "secret" });
  const mebibytes = (): number => Math.round(process.resourceUsage().maxRSS / 1024);
  const opened = mebibytes();
  const signal = new AbortController().signal;
  const work = batches(KEYS_FOR_MEMORY);
  await Promise.all(
    Array.from({ length: store.limits.concurrency }, async () => {
      for (const keys of work) {
        const requestedAt = new Date();
        const targets = keys.map((key) => targetOf(store, { uri: `s3://bench/${key}` }, requestedAt));
        await store.delete(targets, { signal });
      }
    }),
  );
  process.send({ opened, peak: mebibytes() } satisfies Memory);
  process.disconnect();
}
