import { ScrubberError, type LeasedEntry } from "@scrubber/core";
import { describe, expect, test } from "vitest";
import {
  A,
  B,
  HOUR,
  REGISTRY_DOWN,
  before,
  clock,
  entries,
  failReceipts,
  leaseDue,
  pendingImage,
  queue,
  registry,
  restoreOf,
  snapshot,
  statuses,
  store,
} from "./restore-world.ts";

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

  test("of the queue, where an image must be queued to be held, restores nothing", async () => {
    await pendingImage("i", A);
    const leased = await queue.lease({ imageId: "i", limit: 1, leaseMs: HOUR });
    await queue.settle(leased.map(({ id, token }) => ({ id, token, kind: "done" })));
    queue.add = () => Promise.reject(new ScrubberError("SCRUBBER_QUEUE_UNAVAILABLE", "the disk is full"));
    await expect(restoreOf().restore("i")).rejects.toMatchObject({ code: "SCRUBBER_QUEUE_UNAVAILABLE" });
    expect(await statuses("i")).toEqual(["pending", "pending"]);
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
    failReceipts();
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

test("nor can one whose entry comes due while the image is restored", async () => {
  await pendingImage("j", A);
  clock.advance(24 * HOUR - 60_000);
  await pendingImage("i", A);
  let leased: readonly LeasedEntry[] = [];
  const due = before("restore", async () => {
    clock.advance(120_000);
    leased = await leaseDue();
  });
  expect(await restoreOf({ registry: due }).restore("i")).toMatchObject({ restored: true });
  expect(leased).toEqual([]);
  expect((await leaseDue()).map(({ imageId }) => imageId)).toEqual(["j"]);
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
