import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ScrubberError, type NewEntry } from "@scrubber/core";
import { createMemoryStore, memoryStore } from "@scrubber/core/memory";
import { createScrubber } from "@scrubber/engine";
import queueFile from "@scrubber/queue-file";
import { expect, test } from "vitest";

const DEAD = 500_000;
const LIVE = 1000;
const ADDED_AT_ONCE = 10_000;

function* chunks(scheme: string, count: number, requestedAt: Date): Iterable<NewEntry[]> {
  for (let at = 0; at < count; at += ADDED_AT_ONCE) {
    yield Array.from({ length: Math.min(ADDED_AT_ONCE, count - at) }, (_, i) => ({
      imageId: `${scheme}-${at + i}`,
      location: { uri: `${scheme}://group/object${at + i}` },
      requestedAt,
    }));
  }
}

test("500,000 entries of a dead store in front of 1,000 of a live one: the live ones are done within two wake-ups, and from then on the dead ones cost next to nothing", async () => {
  const directory = await mkdtemp(join(tmpdir(), "scrubber-starvation-"));
  try {
    const dead = createMemoryStore({ scheme: "dead" });
    const live = createMemoryStore({ scheme: "live" });
    dead.breakBackend(new ScrubberError("SCRUBBER_STORE_UNAVAILABLE", "connection refused"));
    await using scrubber = await createScrubber({
      queue: { use: queueFile, with: { directory: join(directory, "queue") } },
      stores: [
        { id: "dead", use: memoryStore, with: { instance: dead } },
        { id: "live", use: memoryStore, with: { instance: live } },
      ],
    });
    const now = Date.now();
    for (const entries of chunks("dead", DEAD, new Date(now - 60_000))) await scrubber.add(entries);
    for (const entries of chunks("live", LIVE, new Date(now - 30_000))) await scrubber.add(entries);

    const first = await scrubber.runOnce();
    const second = await scrubber.runOnce();
    expect(first.absent + second.absent).toBe(LIVE);
    expect(first.retried + second.retried + first.setAside + second.setAside).toBe(0);

    // Once they have been seen, the dead ones are not even leased, but for the few with which the store is tried.
    for (const entries of chunks("live", LIVE, new Date())) await scrubber.add(entries);
    const third = await scrubber.runOnce();
    expect(third.absent).toBe(LIVE);
    expect(third.leased).toBeLessThanOrEqual(LIVE + 100);
    expect(dead.calls.delete).toBeLessThanOrEqual(60);
    expect(await scrubber.queue.stats()).toMatchObject({ waiting: DEAD, leased: 0, setAside: 0 });
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
});
