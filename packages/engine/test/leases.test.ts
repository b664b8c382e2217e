import { describe, expect, test } from "vitest";
import { createPassWorld, slowDown } from "./pass-world.ts";
import { entriesOf, quiet } from "./world.ts";

describe("leases", () => {
  test("are renewed at half of their time while work goes on, for what is not settled yet", async () => {
    const { clock, queue, store, pass } = createPassWorld({ limits: { batch: 10, concurrency: 1 } });
    slowDown(store, clock, 100_000);
    queue.seed(entriesOf(200));
    const renewed: { readonly at: number; readonly count: number }[] = [];
    const plain = queue.renew.bind(queue);
    queue.renew = (leases, ms) => {
      renewed.push({ at: clock.monotonic(), count: leases.length });
      return plain(leases, ms);
    };
    const summary = await clock.until(pass().run({}));
    expect(summary).toMatchObject({ absent: 200, retried: 0 });
    expect(renewed[0]!.at).toBe(300_000);
    expect(renewed[0]!.count).toBeLessThan(200);
    expect(renewed[1]!.at).toBe(600_000);
    expect(renewed[1]!.count).toBeLessThan(renewed[0]!.count);
  });

  test("that are lost keep the store from being called: whoever has the entry now answers for it", async () => {
    const { clock, queue, store, pass } = createPassWorld({ limits: { batch: 10, concurrency: 1 } });
    slowDown(store, clock, 110_000);
    queue.seed(entriesOf(100));
    queue.renew = (leases) => Promise.resolve(leases.map(() => false));
    const summary = await clock.until(pass().run({}));
    // Three batches were begun before the renewal at 300 s; the others are leased anew before they are touched.
    expect(summary.absent + summary.released).toBe(summary.leased);
    expect(summary.absent).toBe(100);
    expect(summary.released).toBeGreaterThanOrEqual(70);
  });

  test("count on the scrubber's own clock, from before the call: an answer that came too late is no licence to delete", async () => {
    const { clock, queue, store, pass } = createPassWorld();
    queue.seed(entriesOf(5));
    const plain = queue.lease.bind(queue);
    let late = true;
    queue.lease = async (request) => {
      const entries = await plain(request);
      if (late) clock.advance(600_000 - 120_000);
      late = false;
      return entries;
    };
    let calledAt = 0;
    const remove = store.delete.bind(store);
    store.delete = (targets, call) => {
      calledAt = clock.monotonic();
      return remove(targets, call);
    };
    const summary = await clock.until(pass().run({}));
    // 120 s are left of the lease, no more than the call may take: handed back, leased again, and only then deleted.
    expect(summary).toMatchObject({ leased: 10, released: 5, absent: 5 });
    expect(calledAt).toBe(480_000);
  });

  test("that the queue does not renew end the run: it deletes nothing more", async () => {
    const { clock, queue, store, pass, events } = createPassWorld({ limits: { batch: 10, concurrency: 1 } });
    slowDown(store, clock, 110_000);
    queue.seed(entriesOf(100));
    queue.faults.set("renew", { kind: "fail" });
    const summary = await clock.until(pass().run({}));
    expect(events).toContainEqual(expect.objectContaining({ type: "outage", of: "queue" }));
    expect(summary.absent).toBe(30);
    expect(summary.released).toBe(70);
  });
});

describe("the check right before deletion", () => {
  test("is asked again for what waited for longer than 30 s, and obeyed", async () => {
    const alive = new Set<string>();
    let asked = 0;
    const { clock, queue, store, pass } = createPassWorld({
      limits: { batch: 10, concurrency: 1 },
      admit: (batch) => {
        asked += batch.length;
        return batch.map(({ entry: { imageId } }) =>
          alive.has(imageId) ? { kind: "alive", reason: "active again" } : { kind: "delete" },
        );
      },
    });
    slowDown(store, clock, 20_000);
    const entries = entriesOf(40);
    for (const { location } of entries) store.put(location.uri);
    queue.seed(entries);
    const run = pass().run({});
    clock.after(1000, () => entries.slice(20, 30).forEach(({ imageId }) => alive.add(imageId)));
    expect(await clock.until(run)).toMatchObject({ leased: 40, deleted: 30, kept: 10 });
    expect(store.objects.size).toBe(10);
    // 40 at first; the third batch waited for 40 s, the fourth too: its answer is from then.
    expect(asked).toBe(40 + 10 + 10);
  });

  test("tells how old its answers are, where that is more than the call took", async () => {
    let asked = 0;
    const { clock, queue, pass } = createPassWorld({
      admit: (batch, { monotonic }) => {
        asked += 1;
        return batch.map(() => ({ kind: "delete", askedAt: asked === 1 ? monotonic() - 30_001 : monotonic() }));
      },
    });
    queue.seed(entriesOf(3));
    expect(await clock.until(pass().run({}))).toMatchObject({ absent: 3 });
    expect(asked).toBe(2);
  });

  test("that is answered too late each time deletes nothing: the entries wait", async () => {
    const { clock, queue, store, pass } = createPassWorld({
      admit: (batch, { monotonic }) => batch.map(() => ({ kind: "delete", askedAt: monotonic() - 30_001 })),
    });
    queue.seed(entriesOf(3));
    expect(await clock.until(pass().run({}))).toMatchObject({ leased: 3, released: 3 });
    expect(store.calls.delete).toBe(0);
  });

  test("that is not answered deletes nothing: all that was leased is handed back, and the run rejects", async () => {
    const { clock, queue, store, pass, events } = createPassWorld({
      admit: () => Promise.reject(new Error("half an answer")),
    });
    queue.seed(entriesOf(30));
    await expect(clock.until(pass().run({}))).rejects.toMatchObject({ code: "SCRUBBER_REGISTRY_UNAVAILABLE" });
    expect(store.calls.delete).toBe(0);
    expect(await queue.stats()).toMatchObject({ waiting: 30, leased: 0 });
    expect(events).toContainEqual(expect.objectContaining({ type: "outage", of: "registry" }));
  });

  test("that fails when it is asked again deletes no more", async () => {
    let asked = 0;
    const { clock, queue, store, pass } = createPassWorld({
      limits: { batch: 10, concurrency: 1 },
      admit: (batch) => {
        if (++asked > 1) throw new Error("gone");
        return batch.map(() => ({ kind: "delete" }));
      },
    });
    slowDown(store, clock, 31_000);
    queue.seed(entriesOf(50));
    expect(await clock.until(pass().run({}))).toMatchObject({ leased: 50, absent: 10, released: 40 });
  });

  test.each([1, 3])("that answers %s times for two is a failure, not a licence", async (answers) => {
    const { clock, queue, store, pass } = createPassWorld({
      admit: () => Array.from({ length: answers }, () => ({ kind: "delete" })),
    });
    queue.seed(entriesOf(2));
    await expect(clock.until(pass().run({}))).rejects.toMatchObject({ code: "SCRUBBER_REGISTRY_UNAVAILABLE" });
    expect(store.calls.delete).toBe(0);
  });
});

describe("stopping", () => {
  test("finishes what is running and hands back what waits", async () => {
    const { clock, queue, store, pass } = createPassWorld({ limits: { batch: 10, concurrency: 2 } });
    slowDown(store, clock, 20_000);
    queue.seed(entriesOf(200));
    const stop = new AbortController();
    const run = pass().run({ signal: stop.signal });
    await quiet();
    stop.abort();
    const summary = await clock.until(run);
    expect(summary).toMatchObject({ leased: 200, absent: 20, released: 180 });
    expect(await queue.stats()).toMatchObject({ waiting: 180, leased: 0 });
    expect(clock.monotonic()).toBe(20_000);
  });

  test("waits no longer than the time to drain: then calls are cut off, and their entries are released uncounted", async () => {
    const { clock, queue, store, pass } = createPassWorld({ limits: { batch: 10, concurrency: 1 } });
    store.faults.hangsAfter = 4;
    queue.seed(entriesOf(30));
    const stop = new AbortController();
    const run = pass().run({ signal: stop.signal });
    await quiet();
    stop.abort();
    const summary = await clock.until(run);
    expect(clock.monotonic()).toBe(30_000);
    expect(summary).toMatchObject({ leased: 30, absent: 4, released: 26, retried: 0 });
    for await (const { attempts } of queue.entries()) expect(attempts).toBe(0);
  });

  test("at once cuts off what is running", async () => {
    const { clock, queue, store, pass } = createPassWorld({ limits: { batch: 10, concurrency: 1 } });
    store.faults.hangsAfter = 4;
    queue.seed(entriesOf(30));
    const stopNow = new AbortController();
    const run = pass().run({ stopNow: stopNow.signal });
    await quiet();
    stopNow.abort();
    expect(await clock.until(run)).toMatchObject({ leased: 30, absent: 4, released: 26 });
    expect(clock.monotonic()).toBe(0);
  });

  test("while the registry is asked deletes nothing of what it allows then", async () => {
    let answer: () => void = () => {};
    const { clock, queue, store, pass } = createPassWorld({
      admit: async (batch) => {
        await new Promise<void>((resolve) => (answer = resolve));
        return batch.map(() => ({ kind: "delete" }));
      },
    });
    queue.seed(entriesOf(30));
    const stop = new AbortController();
    const run = pass().run({ signal: stop.signal });
    await quiet();
    stop.abort();
    answer();
    expect(await clock.until(run)).toMatchObject({ leased: 30, released: 30 });
    expect(store.calls.delete).toBe(0);
  });

  test("while the queue is asked hands back what it leased then", async () => {
    const { clock, queue, store, pass } = createPassWorld();
    queue.seed(entriesOf(30));
    const stop = new AbortController();
    const plain = queue.lease.bind(queue);
    queue.lease = async (request) => {
      const entries = await plain(request);
      stop.abort();
      return entries;
    };
    expect(await clock.until(pass().run({ signal: stop.signal }))).toMatchObject({ leased: 30, released: 30 });
    expect(store.calls.delete).toBe(0);
  });

  test("before it began: nothing is leased", async () => {
    const { clock, queue, pass } = createPassWorld();
    queue.seed(entriesOf(3));
    expect(await clock.until(pass().run({ signal: AbortSignal.abort() }))).toMatchObject({ leased: 0 });
  });

  test("a store that does not come back when it is told to is left alone; no timer stays", async () => {
    const { clock, queue, store, pass } = createPassWorld();
    store.delete = () => new Promise(() => {});
    queue.seed(entriesOf(3));
    expect(await clock.until(pass().run({}))).toMatchObject({ leased: 3, retried: 3 });
    expect(clock.monotonic()).toBe(125_000);
    expect(clock.timers).toBe(0);
  });
});
