import { type Registry, type LeasedEntry } from "@scrubber/core";
import { createMemoryRegistry } from "@scrubber/core/memory";
import { describe, expect, test } from "vitest";
import { liveAt, pendingAt, withReferences } from "./admission-world.ts";
import {
  A,
  B,
  before,
  HOUR,
  clock,
  entries,
  failReceipts,
  leaseDue,
  pendingImage,
  queue,
  receipts,
  registry,
  restoreOf,
  statuses,
  store,
  useRegistry,
} from "./restore-world.ts";

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
    // Else a sweep could bring it, and a scrubber lease it, between the last look and the restoring.
    const seen: unknown[] = [];
    const meanwhile = before("restore", async () => {
      seen.push(...(await entries()).map(({ imageId, state }) => `${imageId} ${state}`));
    });
    expect(await restoreOf({ registry: meanwhile }).restore("i")).toMatchObject({ restored: true, entries: 0 });
    expect(seen).toEqual(["i leased"]);
    expect(receipts).toMatchObject([{ uri: A, outcome: "restored", note: "it was not queued" }]);
    expect(await entries()).toEqual([]);
  });

  test("may have thousands of locations", async () => {
    const uris = Array.from({ length: 2500 }, (_, n) => `memory://bucket/${n}`);
    await pendingImage("i", ...uris);
    expect(await restoreOf().restore("i")).toMatchObject({ restored: true, entries: 2500 });
    expect(await entries()).toEqual([]);
  });

  test("may have locations in several groups of a store: each is looked at with its own", async () => {
    const other = "memory://other/a";
    await pendingImage("i", A, other, B);
    const inspect = store.inspect.bind(store);
    const looked: string[] = [];
    store.inspect = (targets, call) => {
      looked.push(targets.map(({ group }) => group).join());
      return inspect(targets, call);
    };
    expect(await restoreOf().restore("i")).toMatchObject({ restored: true, reason: null });
    expect(new Set(looked)).toEqual(new Set(["bucket,bucket", "other"]));
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
    useRegistry(createMemoryRegistry({ now: () => clock.now(), supports: { locationStatus: false } }));
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
    failReceipts();
    await expect(restoreOf({ registry: undefined }).restore("i")).rejects.toMatchObject({
      code: "SCRUBBER_RECEIPTS_UNAVAILABLE",
    });
    expect(await entries()).toEqual(was);
  });
});
