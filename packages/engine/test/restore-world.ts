import { ScrubberError, type LeasedEntry, type QueueEntry, type Registry } from "@scrubber/core";
import {
  createClock,
  createMemoryQueue,
  createMemoryRegistry,
  createMemoryStore,
  type Clock,
  type MemoryQueue,
  type MemoryRegistry,
  type MemoryStore,
} from "@scrubber/core/memory";
import { beforeEach } from "vitest";
import type { Receipt, ReceiptLog } from "../src/receipts.ts";
import { createRestore, type Restore, type RestoreOptions } from "../src/restore.ts";
import { Router } from "../src/routing.ts";
import { pendingAt, withReferences } from "./admission-world.ts";

export const HOUR = 3_600_000;
export const A = "memory://bucket/a";
export const B = "memory://bucket/b";
export const REGISTRY_DOWN = { code: "SCRUBBER_REGISTRY_UNAVAILABLE" };

export let clock: Clock;
export let queue: MemoryQueue;
export let registry: MemoryRegistry;
export let store: MemoryStore;
export let receipts: Receipt[];
let receiptsFail: boolean;

beforeEach(() => {
  clock = createClock();
  const now = () => clock.now();
  queue = createMemoryQueue({ now, delayMs: 24 * HOUR });
  registry = createMemoryRegistry({ now });
  store = createMemoryStore({ now });
  receipts = [];
  receiptsFail = false;
});

export function restoreOf(more: Partial<RestoreOptions> = {}): Restore {
  const stores = [{ id: "memory", store, limits: store.limits }];
  const log: ReceiptLog = {
    append: async (batch) => {
      if (receiptsFail) throw new ScrubberError("SCRUBBER_RECEIPTS_UNAVAILABLE", "the disk is full");
      receipts.push(...batch);
    },
    head: () => undefined,
    ready: () => Promise.resolve(),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
  const { route } = new Router(stores);
  return createRestore({
    registry,
    queue,
    stores,
    route,
    receipts: log,
    now: () => clock.now(),
    patienceMs: 0,
    ...more,
  });
}

/** A registry that does something of the test's before one of its calls. */
export function before(call: "restore" | "recordDeleted", act: () => Promise<unknown>): Registry {
  const plain = withReferences(registry, (after) => registry.references(after));
  return {
    ...plain,
    restore: async (id) => {
      if (call === "restore") await act();
      return plain.restore(id);
    },
    recordDeleted: async (deletions) => {
      if (call === "recordDeleted") await act();
      return plain.recordDeleted(deletions);
    },
  };
}

/** A pending image with data at these locations, queued and not yet due. */
export async function pendingImage(id: string, ...uris: readonly string[]): Promise<void> {
  for (const uri of uris) if (!store.has(uri)) store.put(uri);
  registry.seed({ id, status: "pending", locations: uris.map((uri) => pendingAt(uri)) });
  await queue.add(uris.map((uri) => ({ imageId: id, location: { uri } })));
}

export async function entries(): Promise<readonly QueueEntry[]> {
  const found: QueueEntry[] = [];
  for await (const entry of queue.entries()) found.push(entry);
  return found;
}

export async function statuses(id: string): Promise<readonly string[]> {
  const image = (await registry.images([id])).get(id);
  return [image?.status ?? "missing", ...(image?.locations ?? []).map(({ status }) => status)];
}

export function leaseDue(): Promise<readonly LeasedEntry[]> {
  return queue.lease({ limit: 100, leaseMs: HOUR });
}

/** All that a refusal must leave as it was. */
export async function snapshot(): Promise<unknown> {
  const image = (await registry.images(["i"])).get("i");
  return { entries: await entries(), image, objects: [...store.objects.keys()], receipts: [...receipts] };
}

/** From now on no receipt can be written. */
export function failReceipts(): void {
  receiptsFail = true;
}

/** The same, with a registry of other capabilities. */
export function useRegistry(other: MemoryRegistry): void {
  registry = other;
}
