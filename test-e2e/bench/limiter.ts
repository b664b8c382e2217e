import { setTimeout as sleep } from "node:timers/promises";
import type { StorePlugin } from "@scrubber/core";
import { memoryQueue } from "@scrubber/core/memory";
import { createScrubber } from "@scrubber/engine";
import { default as s3 } from "@scrubber/store-s3";
import { startNullServer } from "../servers/null-s3-process.ts";

const LIMIT = 3500;
const SECONDS = 130;
const WINDOW_S = 60;

interface Counts {
  readonly accepted: number;
  readonly throttled: number;
}

/** How near the pace keeps to a server's limit that nobody told it, and how many keys are turned away for finding out. */
export async function bench(): Promise<void> {
  await using server = await startNullServer(LIMIT);
  await using scrubber = await createScrubber({
    queue: { use: memoryQueue },
    stores: [
      { use: s3 as StorePlugin, with: { endpoint: server.endpoint, accessKeyId: "key", secretAccessKey: "secret" } },
    ],
  });
  const entries = Array.from({ length: LIMIT * (SECONDS + 10) }, (_, i) => ({
    imageId: `image-${i}`,
    location: { uri: `s3://bench/object-${i}` },
  }));
  for (let at = 0; at < entries.length; at += 10_000) await scrubber.add(entries.slice(at, at + 10_000));
  const stop = new AbortController();
  const running = scrubber.runOnce({ signal: stop.signal });
  await sleep((SECONDS - WINDOW_S) * 1000);
  const before = await counts(server.endpoint);
  await sleep(WINDOW_S * 1000);
  const after = await counts(server.endpoint);
  stop.abort();
  await running;
  const accepted = after.accepted - before.accepted;
  const throttled = after.throttled - before.throttled;
  console.log("a server that takes %d keys a second, the last %d s of %d", LIMIT, WINDOW_S, SECONDS);
  console.table({
    "of the limit": { seen: `${percent(accepted / (LIMIT * WINDOW_S))} %`, reach: ">= 90 %" },
    "keys throttled": { seen: `${percent(throttled / (accepted + throttled))} %`, reach: "< 1 %" },
  });
}

function percent(share: number): string {
  return (share * 100).toFixed(2);
}

async function counts(endpoint: string): Promise<Counts> {
  return (await (await fetch(`${endpoint}/counts`)).json()) as Counts;
}
