import { createMemoryRegistry } from "@scrubber/core/memory";
import { describe, expect, test } from "vitest";
import type { Restore } from "../src/restore.ts";
import { pendingAt } from "./admission-world.ts";
import {
  A,
  B,
  HOUR,
  before,
  clock,
  entries,
  leaseDue,
  pendingImage,
  queue,
  receipts,
  registry,
  restoreOf,
  snapshot,
  statuses,
  store,
  useRegistry,
} from "./restore-world.ts";

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
    useRegistry(createMemoryRegistry({ now: () => clock.now(), supports: { restore: false } }));
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

  test("where somebody holds an entry of another image that is a version of the same data", async () => {
    const target = store.target.bind(store);
    store.target = (of) => {
      const [uri = "", version] = of.location.uri.split("@");
      const whole = target({ ...of, location: { uri } });
      return whole === undefined || version === undefined
        ? whole
        : { ...whole, key: `${whole.key}@${version}`, within: whole.key };
    };
    await pendingImage("j", `${A}@1`);
    clock.advance(24 * HOUR);
    await leaseDue();
    await pendingImage("i", A);
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

  test("where other data is there by now, though another location is live", async () => {
    await pendingImage("i", A);
    registry.seed({ id: "i", status: "pending", locations: [pendingAt(A), { uri: B, status: "live" }] });
    clock.advance(HOUR);
    store.put(A);
    await expectRefused("hold other data");
  });

  test("where the store answers for fewer than it was asked about", async () => {
    await pendingImage("i", A, B);
    store.inspect = (targets) =>
      Promise.resolve(targets.slice(1).map(() => ({ kind: "present", bytes: 1, identity: {} })));
    await expectRefused("cannot be told");
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

  test("nor what somebody asked for while it was queued only to be held", async () => {
    const uri = "swift://c/o";
    registry.seed({ id: "i", status: "pending", locations: [pendingAt(uri)] });
    const add = queue.add.bind(queue);
    queue.add = async (batch) => {
      const results = await add(batch);
      clock.advance(1);
      expect(await add([{ imageId: "i", location: { uri } }])).toEqual(["present"]);
      return results;
    };
    expect(await restoreOf().restore("i")).toMatchObject({ restored: false });
    expect(await entries()).toMatchObject([{ imageId: "i", state: "waiting" }]);
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
