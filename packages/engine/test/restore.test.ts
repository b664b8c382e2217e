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
import { beforeEach, describe, expect, test } from "vitest";
import type { Receipt, ReceiptLog } from "../src/receipts.ts";
import { createRestore, type Restore, type RestoreOptions } from "../src/restore.ts";
import { Router } from "../src/routing.ts";
import { liveAt, pendingAt, withReferences } from "./admission-world.ts";

const HOUR = 3_600_000;
const A = "memory://bucket/a";
const B = "memory://bucket/b";
const REGISTRY_DOWN = { code: "SCRUBBER_REGISTRY_UNAVAILABLE" };

let clock: Clock;
let queue: MemoryQueue;
let registry: MemoryRegistry;
let store: MemoryStore;
let receipts: Receipt[];
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

function restoreOf(more: Partial<RestoreOptions> = {}): Restore {
  const stores = [{ id: "memory", store, limits: store.limits }];
  const log: ReceiptLog = {
    append: async (batch) => {
      if (receiptsFail) throw new ScrubberError("SCRUBBER_RECEIPTS_UNAVAILABLE", "the disk is full");
      receipts.push(...batch);
    },
    head: () => undefined,
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
function before(call: "restore" | "recordDeleted", act: () => Promise<unknown>): Registry {
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
async function pendingImage(id: string, ...uris: readonly string[]): Promise<void> {
  for (const uri of uris) if (!store.has(uri)) store.put(uri);
  registry.seed({ id, status: "pending", locations: uris.map((uri) => pendingAt(uri)) });
  await queue.add(uris.map((uri) => ({ imageId: id, location: { uri } })));
}

async function entries(): Promise<readonly QueueEntry[]> {
  const found: QueueEntry[] = [];
  for await (const entry of queue.entries()) found.push(entry);
  return found;
}

async function statuses(id: string): Promise<readonly string[]> {
  const image = (await registry.images([id])).get(id);
  return [image?.status ?? "missing", ...(image?.locations ?? []).map(({ status }) => status)];
}

function leaseDue(): Promise<readonly LeasedEntry[]> {
  return queue.lease({ limit: 100, leaseMs: HOUR });
}

/** All that a refusal must leave as it was. */
async function snapshot(): Promise<unknown> {
  const image = (await registry.images(["i"])).get("i");
  return { entries: await entries(), image, objects: [...store.objects.keys()], receipts: [...receipts] };
}

describe("a restored image", () => {
  test("is live with all its locations, its entries are out of the queue, and receipts say so", async () => {
    await pendingImage("i", A, B);
    await pendingImage("j", "memory://bucket/c");
    expect(await restoreOf().restore("i")).toEqual({ imageId: "i", restored: true, reason: null, entries: 2 });
    expect(await statuses("i")).toEqual(["live", "live", "live"]);
    expect((await entries()).map(({ imageId }) => imageId)).toEqual(["j"]);
    expect(receipts).toMatchObject([
      { imageId: "i", uri: A, store: "memory", key: "bucket/a", outcome: "restored" },
      { imageId: "i", uri: B, outcome: "restored" },
    ]);
    expect(store.has(A)).toBe(true);
  });

  test("may be due, waiting out a retry, or set aside", async () => {
    await pendingImage("i", A, B);
    clock.advance(48 * HOUR);
    const [first, second] = await leaseDue();
    const of = (entry?: LeasedEntry) => ({ id: entry?.id ?? "", token: entry?.token ?? "" });
    await queue.settle([
      { ...of(first), kind: "setAside", error: "denied" },
      { ...of(second), kind: "retry", visibleAt: new Date(clock.now().getTime() + HOUR), error: "timeout" },
    ]);
    expect(await restoreOf().restore("i")).toMatchObject({ restored: true, entries: 2 });
    expect(await entries()).toEqual([]);
  });

  test("need not have been queued yet", async () => {
    store.put(A);
    registry.seed({ id: "i", status: "pending", locations: [pendingAt(A)] });
    expect(await restoreOf().restore("i")).toMatchObject({ restored: true, entries: 0 });
    expect(receipts).toMatchObject([{ uri: A, outcome: "restored", note: "it was not queued" }]);
  });

  test("may have thousands of locations", async () => {
    const uris = Array.from({ length: 2500 }, (_, n) => `memory://bucket/${n}`);
    await pendingImage("i", ...uris);
    expect(await restoreOf().restore("i")).toMatchObject({ restored: true, entries: 2500 });
    expect(await entries()).toEqual([]);
  });

  test("loses the locations whose data is gone, if others are there", async () => {
    await pendingImage("i", A, B);
    store.objects.delete("bucket/a");
    const summary = await restoreOf().restore("i");
    expect(summary).toMatchObject({
      restored: true,
      reason: expect.stringContaining("1 of its locations"),
      entries: 2,
    });
    expect(await statuses("i")).toEqual(["live", "deleted", "live"]);
    expect(receipts.map(({ uri, outcome }) => [uri, outcome])).toEqual([
      [A, "absent"],
      [B, "restored"],
    ]);
  });

  test("keeps locations whose data is gone where the registry has no status for them", async () => {
    registry = createMemoryRegistry({ now: () => clock.now(), supports: { locationStatus: false } });
    await pendingImage("i", A, B);
    store.objects.delete("bucket/a");
    expect(await restoreOf().restore("i")).toMatchObject({ restored: true, reason: expect.stringContaining("gone") });
    expect(await statuses("i")).toEqual(["live", "live", "live"]);
  });

  test("may have locations that cannot be looked at, if others are there, and says so", async () => {
    await pendingImage("i", A);
    registry.seed({
      id: "k",
      status: "pending",
      locations: [pendingAt(B), pendingAt("swift://c/o"), pendingAt("x", { unreadable: true })],
    });
    store.put(B);
    expect(await restoreOf().restore("k")).toMatchObject({
      restored: true,
      reason: expect.stringContaining("2 of its locations could not be looked at"),
    });
  });

  test("may have been written before its deletion was asked for last", async () => {
    await pendingImage("i", A);
    clock.advance(HOUR);
    store.put(A);
    await queue.add([{ imageId: "i", location: { uri: A } }]);
    expect(await restoreOf().restore("i")).toMatchObject({ restored: true });
  });

  test("may have nothing but live locations", async () => {
    registry.seed({ id: "i", status: "pending", locations: [liveAt(A)] });
    expect(await restoreOf().restore("i")).toMatchObject({ restored: true });
  });

  test("may be under a hold of its store", async () => {
    await pendingImage("i", A);
    store.faults.held.set("bucket/a", undefined);
    expect(await restoreOf().restore("i")).toMatchObject({ restored: true });
  });

  test("leaves a location queued that was removed on its own and is not live again", async () => {
    await pendingImage("i", A, B);
    const own: Registry = {
      ...withReferences(registry, (after) => registry.references(after)),
      restore: async (id) => {
        const result = await registry.restore(id);
        registry.purge(id);
        registry.seed({ id, status: "live", locations: [liveAt(A), pendingAt(B)] });
        return result;
      },
    };
    const [, former] = await entries();
    expect(await restoreOf({ registry: own }).restore("i")).toMatchObject({ restored: true, entries: 1 });
    expect(await entries()).toEqual([former]);
  });
});

describe("a refusal changes nothing", () => {
  async function expectRefused(reason: string, restore: Restore = restoreOf(), id = "i"): Promise<void> {
    const was = await snapshot();
    expect(await restore.restore(id)).toMatchObject({
      restored: false,
      reason: expect.stringContaining(reason),
      entries: 0,
    });
    expect(await snapshot()).toEqual(was);
  }

  test("where the registry does not know the image", async () => {
    expect(await restoreOf().restore("i")).toMatchObject({ restored: false, missing: true });
    await queue.add([{ imageId: "i", location: { uri: A } }]);
    await expectRefused("does not know it");
  });

  test.each(["live", "deleted"] as const)("where the image is %s", async (status) => {
    registry.seed({ id: "i", status, locations: [] });
    await queue.add([{ imageId: "i", location: { uri: A } }]);
    await expectRefused(status === "live" ? "it is active" : "it is deleted");
    expect(await restoreOf().restore("i")).toMatchObject({ nativeStatus: status === "live" ? "active" : "deleted" });
  });

  test("where the registry cannot restore", async () => {
    registry = createMemoryRegistry({ now: () => clock.now(), supports: { restore: false } });
    await pendingImage("i", A);
    await expectRefused("cannot restore");
  });

  test("where somebody holds one of its entries; the others are back as they were", async () => {
    await pendingImage("i", A);
    clock.advance(24 * HOUR);
    await leaseDue();
    await queue.add([{ imageId: "i", location: { uri: B } }]);
    await expectRefused("is at work on it");
  });

  test("where somebody holds an entry of another image with the same data, in another spelling", async () => {
    await pendingImage("j", "memory://u:p@BUCKET/%61");
    clock.advance(24 * HOUR);
    await leaseDue();
    await pendingImage("i", A, B);
    store.objects.delete("bucket/b");
    await expectRefused("another image that has the same data");
  });

  test("where its data is gone", async () => {
    await pendingImage("i", A, B);
    store.objects.clear();
    await expectRefused("its data is gone");
  });

  test("where other data is there by now", async () => {
    await pendingImage("i", A, B);
    clock.advance(HOUR);
    store.put(A);
    await expectRefused("other data");
  });

  test("where it is not the data that the entry meant", async () => {
    store.put(A);
    registry.seed({ id: "i", status: "pending", locations: [pendingAt(A)] });
    await queue.add([{ imageId: "i", location: { uri: A, identity: { etag: "another" } } }]);
    await expectRefused("other data");
  });

  test("where it cannot be told whether its data is there", async () => {
    await pendingImage("i", A, B);
    store.faults.unknown.set("bucket/a", "it does not say");
    await expectRefused("it does not say");
  });

  test("where none of its data can be looked at", async () => {
    registry.seed({ id: "i", status: "pending", locations: [pendingAt("swift://c/o")] });
    await expectRefused("cannot be looked at");
  });

  test("where it has no location left", async () => {
    registry.seed({ id: "i", status: "pending", locations: [{ uri: A, status: "deleted" }] });
    await expectRefused("no location is left");
  });

  test("where the image is no longer pending at the last moment", async () => {
    await pendingImage("i", A);
    const was = await entries();
    const last = before("restore", async () => registry.setStatus("i", "deleted"));
    const summary = await restoreOf({ registry: last }).restore("i");
    expect(summary).toMatchObject({ restored: false, nativeStatus: "deleted" });
    expect(await entries()).toEqual(was);
    expect(receipts).toEqual([]);
  });

  test("where a lease was called back meanwhile", async () => {
    await pendingImage("i", A, B);
    store.objects.delete("bucket/b");
    const again = before("recordDeleted", () => queue.add([{ imageId: "i", location: { uri: A } }]));
    expect(await restoreOf({ registry: again }).restore("i")).toMatchObject({
      restored: false,
      reason: expect.stringContaining("lease"),
    });
    expect((await statuses("i"))[0]).toBe("pending");
  });

  test("where an entry of it was added and leased meanwhile", async () => {
    await pendingImage("i", A, B);
    store.objects.delete("bucket/b");
    const meanwhile = before("recordDeleted", async () => {
      await queue.add([{ imageId: "i", location: { uri: "memory://bucket/c" }, dueAt: clock.now() }]);
      expect(await leaseDue()).toHaveLength(1);
    });
    expect(await restoreOf({ registry: meanwhile }).restore("i")).toMatchObject({ restored: false });
    expect((await statuses("i"))[0]).toBe("pending");
  });

  test("whatever state its entries were in: attempts, errors, pauses and what is set aside", async () => {
    const uris = ["set-aside", "retried", "released", "fresh"].map((name) => `memory://bucket/${name}`);
    await pendingImage("i", ...uris);
    clock.advance(48 * HOUR);
    const leased = await leaseDue();
    const of = (n: number) => ({ id: leased[n]?.id ?? "", token: leased[n]?.token ?? "" });
    const visibleAt = new Date(clock.now().getTime() + HOUR);
    await queue.settle([
      { ...of(0), kind: "setAside", error: "denied" },
      { ...of(1), kind: "retry", visibleAt, error: "timeout" },
      { ...of(2), kind: "release", visibleAt, reason: "the store is down" },
      { ...of(3), kind: "release", visibleAt: clock.now() },
    ]);
    store.objects.clear();
    await expectRefused("its data is gone");
  });
});

describe("a failure on the way", () => {
  test.each(["images", "restore"] as const)("of the registry's %s puts everything back", async (call) => {
    await pendingImage("i", A);
    const was = await entries();
    registry.faults.set(call, { kind: "fail" });
    await expect(restoreOf().restore("i")).rejects.toMatchObject(REGISTRY_DOWN);
    expect(await entries()).toEqual(was);
  });

  test("of the store puts everything back", async () => {
    await pendingImage("i", A);
    const was = await snapshot();
    store.breakBackend();
    await expect(restoreOf().restore("i")).rejects.toMatchObject({ code: "SCRUBBER_STORE_UNAVAILABLE" });
    expect(await snapshot()).toEqual(was);
  });

  test("puts the entries of others that share its data back, too", async () => {
    await pendingImage("j", A);
    clock.advance(24 * HOUR);
    await pendingImage("i", A);
    const was = await snapshot();
    store.breakBackend();
    await expect(restoreOf().restore("i")).rejects.toMatchObject({ code: "SCRUBBER_STORE_UNAVAILABLE" });
    expect(await snapshot()).toEqual(was);
  });

  test("of the queue's lease gives back what was leased", async () => {
    await pendingImage("i", A);
    const was = await entries();
    const lease = queue.lease.bind(queue);
    let calls = 0;
    queue.lease = (request) => (++calls === 2 ? Promise.reject(new Error("gone")) : lease(request));
    await expect(restoreOf().restore("i")).rejects.toThrow("gone");
    expect(await entries()).toEqual(was);
  });

  test("after the image is live leaves its entries queued, for the next check to find them alive", async () => {
    await pendingImage("i", A);
    receiptsFail = true;
    const summary = await restoreOf().restore("i");
    expect(summary).toMatchObject({ restored: true, reason: expect.stringContaining("the disk is full"), entries: 0 });
    expect(await statuses("i")).toEqual(["live", "live"]);
    expect(await entries()).toMatchObject([{ state: "waiting" }]);
  });

  test("of the registry's answer leaves the image live and its entries queued", async () => {
    await pendingImage("i", A);
    registry.faults.set("restore", { kind: "lost" });
    await expect(restoreOf().restore("i")).rejects.toMatchObject(REGISTRY_DOWN);
    expect(await statuses("i")).toEqual(["live", "live"]);
    expect(await entries()).toMatchObject([{ state: "waiting" }]);
  });
});

test("another image with the same data cannot be deleted in the moment before the image is live, and is back as it was after", async () => {
  await pendingImage("j", "memory://u:p@bucket/a", "memory://bucket/c");
  clock.advance(24 * HOUR);
  const others = await entries();
  await pendingImage("i", A);
  const meanwhile = before("restore", async () => expect(await leaseDue()).toEqual([]));
  expect(await restoreOf({ registry: meanwhile }).restore("i")).toMatchObject({
    restored: true,
    reason: null,
    entries: 1,
  });
  expect(await entries()).toEqual(others);
});

test("data that another image's deletion took at the same moment is said to be lost", async () => {
  await pendingImage("i", A, B);
  const meanwhile = before("restore", async () => {
    await queue.add([{ imageId: "j", location: { uri: A }, dueAt: clock.now() }]);
    const leased = await leaseDue();
    expect(leased).toHaveLength(1);
    store.objects.delete("bucket/a");
    await queue.settle(leased.map(({ id, token }) => ({ id, token, kind: "done" })));
  });
  expect(await restoreOf({ registry: meanwhile }).restore("i")).toMatchObject({
    restored: true,
    reason: expect.stringContaining("1 of its locations lost"),
  });
});

describe("without a registry", () => {
  test("the entries are taken out of the queue, and that is said to be all", async () => {
    await queue.add([
      { imageId: "i", location: { uri: A } },
      { imageId: "i", location: { uri: "swift://c/o" } },
    ]);
    queue.addUnreadable("i");
    const summary = await restoreOf({ registry: undefined }).restore("i");
    expect(summary).toMatchObject({ restored: true, reason: expect.stringContaining("no registry"), entries: 3 });
    expect(await entries()).toEqual([]);
    expect(receipts.map(({ outcome }) => outcome)).toEqual(["restored", "restored", "restored"]);
    expect(store.calls.inspect).toBe(0);
  });

  test("it is refused where nothing is queued, or somebody holds an entry", async () => {
    expect(await restoreOf({ registry: undefined }).restore("i")).toMatchObject({ restored: false });
    await queue.add([{ imageId: "i", location: { uri: A }, dueAt: clock.now() }]);
    await leaseDue();
    await queue.add([{ imageId: "i", location: { uri: B } }]);
    const was = await entries();
    expect(await restoreOf({ registry: undefined }).restore("i")).toMatchObject({ restored: false });
    expect(await entries()).toEqual(was);
  });

  test("nothing is taken out whose receipt cannot be written", async () => {
    await queue.add([{ imageId: "i", location: { uri: A } }]);
    const was = await entries();
    receiptsFail = true;
    await expect(restoreOf({ registry: undefined }).restore("i")).rejects.toMatchObject({
      code: "SCRUBBER_RECEIPTS_UNAVAILABLE",
    });
    expect(await entries()).toEqual(was);
  });
});
