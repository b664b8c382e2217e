import type { Settlement } from "../../queue.ts";
import { required, same } from "../promise.ts";
import {
  entry,
  HOUR,
  later,
  lease,
  leaseImage,
  leaseOne,
  list,
  MINUTE,
  names,
  put,
  refs,
  setAside,
  type QueueCase,
} from "./queue-case.ts";

const needs = ["add", "lease"] as const;

export const settlingCases: readonly QueueCase[] = [
  {
    title: "a done entry leaves the queue",
    needs,
    async run(under) {
      const { queue } = under;
      await put(under, entry("a"));
      const done = refs(await lease(queue)).map((ref) => ({ ...ref, kind: "done" as const }));
      same(await queue.settle(done), ["settled"], "a current token settles");
      same(await list(queue), [], "what is done is not in the queue any more");
      same(await queue.settle(done), ["stale"], "what is gone cannot be settled again");
    },
  },
  {
    title: "a released entry waits until it is visible, uncounted, and shows the reason",
    needs,
    async run(under) {
      const { queue } = under;
      await put(under, entry("a"));
      const [ref] = refs(await lease(queue));
      const release = { kind: "release", visibleAt: later(under, HOUR), reason: "an outage" } as const;
      await queue.settle([{ ...required(ref, "an entry", "one was added"), ...release }]);
      const [shown] = await list(queue);
      same(
        { state: shown?.state, error: shown?.error, visibleAt: shown?.visibleAt },
        { state: "waiting", error: "an outage", visibleAt: later(under, HOUR) },
        "a released entry waits, with its reason, and is visible at visibleAt",
      );
      under.advance(HOUR - 1);
      same(names(await lease(queue)), [], "a released entry is not handed out before its visibleAt");
      under.advance(1);
      const { attempts } = await leaseOne(queue, "a released entry is handed out from its visibleAt on");
      same(attempts, 0, "a release is not counted as an attempt");
    },
  },
  {
    title: "a release without a reason leaves the error that was shown before",
    needs,
    async run(under) {
      const { queue } = under;
      await put(under, entry("a"));
      const retry = { kind: "retry", visibleAt: under.now(), error: "no answer" } as const;
      await queue.settle(refs(await lease(queue)).map((ref) => ({ ...ref, ...retry })));
      await queue.settle(refs(await lease(queue)).map((ref) => ({ ...ref, kind: "release", visibleAt: under.now() })));
      same((await list(queue))[0]?.error, "no answer", "the last error or reason is shown");
    },
  },
  {
    title: "a retried entry waits until it is visible, counted, and shows the error",
    needs,
    async run(under) {
      const { queue } = under;
      await put(under, entry("a"));
      for (const n of [0, 1, 2]) {
        const { id, token, attempts } = await leaseOne(queue, "a retried entry is handed out from its visibleAt on");
        same(attempts, n, "each retry counts one attempt");
        await queue.settle([{ id, token, kind: "retry", visibleAt: later(under, MINUTE), error: `failed ${n}` }]);
        const [shown] = await list(queue);
        same(
          { state: shown?.state, error: shown?.error, attempts: shown?.attempts, visibleAt: shown?.visibleAt },
          { state: "waiting", error: `failed ${n}`, attempts: n + 1, visibleAt: later(under, MINUTE) },
          "a retried entry waits, with its last error, one attempt more, and is visible at visibleAt",
        );
        same(names(await lease(queue)), [], "a retried entry is not handed out before its visibleAt");
        under.advance(MINUTE);
      }
    },
  },
  {
    title: "a lease takes the place of a pause: when it runs out, the entry waits no longer",
    needs,
    async run(under) {
      const { queue } = under;
      await put(under, entry("a"));
      const ref = required(refs(await lease(queue))[0], "an entry", "one was added");
      await queue.settle([{ ...ref, kind: "retry", visibleAt: later(under, HOUR), error: "no" }]);
      same((await leaseImage(queue, "a")).length, 1, "a lease by image takes an entry out of its pause");
      under.advance(10 * MINUTE);
      same(names(await lease(queue)), ["a"], "an entry is visible again at the end of its last lease");
    },
  },
  {
    title: "a retry does not change when an entry is due",
    needs,
    async run(under) {
      const { queue } = under;
      await put(under, entry("a", "a", { dueAt: later(under, -HOUR) }));
      const due = later(under, -HOUR);
      const [ref] = refs(await lease(queue));
      const retry = { kind: "retry", visibleAt: later(under, MINUTE), error: "no" } as const;
      await queue.settle([{ ...required(ref, "an entry", "one was added"), ...retry }]);
      same((await list(queue))[0]?.dueAt, due, "dueAt is when its time came; only visibleAt moves with retries");
    },
  },
  {
    title: "a set-aside entry is kept, shown with its error, and never handed out",
    needs,
    async run(under) {
      const { queue } = under;
      await put(under, entry("a"));
      await setAside(queue, "cannot be");
      under.advance(1000 * HOUR);
      same(names(await lease(queue)), [], "what is set aside is not handed out, however long it has been there");
      const [shown] = await list(queue, { state: "setAside" });
      same([shown?.imageId, shown?.error], ["a", "cannot be"], "what is set aside is kept and shown with its error");
    },
  },
  {
    title: "a stale token changes nothing, whatever it would settle",
    needs,
    async run(under) {
      const { queue } = under;
      await put(under, entry("a"));
      const old = await lease(queue);
      under.advance(10 * MINUTE);
      const current = await lease(queue);
      const before = await list(queue);
      const visibleAt = under.now();
      const ref = required(refs(old)[0], "an entry", "one was added");
      const settlements: readonly Settlement[] = [
        { ...ref, kind: "done" },
        { ...ref, kind: "release", visibleAt, lane: "x" },
        { ...ref, kind: "retry", visibleAt, error: "no" },
        { ...ref, kind: "setAside", error: "no" },
      ];
      for (const one of settlements) {
        same(await queue.settle([one]), ["stale"], `a stale ${one.kind} is answered with stale`);
        same(await list(queue), before, `a stale ${one.kind} changes nothing`);
      }
      const done = refs(current).map((ref) => ({ ...ref, kind: "done" as const }));
      same(await queue.settle(done), ["settled"], "and does not disturb the current holder");
    },
  },
  {
    title: "a lease that ran out but was not handed on can still be settled",
    needs,
    async run(under) {
      await put(under, entry("a"));
      const leased = await lease(under.queue);
      under.advance(HOUR);
      const done = refs(leased).map((ref) => ({ ...ref, kind: "done" as const }));
      same(await under.queue.settle(done), ["settled"], "as long as nobody else got it, work that is done counts");
      same(await list(under.queue), [], "what is done is not in the queue any more");
    },
  },
];
