import type { LeaseRef, Settlement } from "../../queue.ts";
import { promise, required, same } from "../promise.ts";
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
  {
    title: "one settlement may mix all kinds; a bad token among them makes only that one stale",
    needs,
    async run(under) {
      const { queue } = under;
      const visibleAt = later(under, HOUR);
      const endings: readonly ((ref: LeaseRef) => Settlement)[] = [
        (ref) => ({ ...ref, kind: "done" }),
        (ref) => ({ ...ref, kind: "release", visibleAt, lane: "x", reason: "outage" }),
        (ref) => ({ ...ref, kind: "retry", visibleAt, error: "no" }),
        (ref) => ({ ...ref, kind: "setAside", error: "never" }),
        ({ id }) => ({ id, token: "not-the-token", kind: "done" }),
        ({ token }) => ({ id: "987654321", token, kind: "done" }),
        (ref) => ({ ...ref, kind: "done" }),
      ];
      const images = ["a-done", "b-release", "c-retry", "d-aside", "e-stale", "f-unknown", "g-done"];
      await put(under, ...images.map((name, i) => entry(name, name, { dueAt: later(under, i - 100) })));
      const leased = await lease(queue);
      const results = await queue.settle(
        endings.map((ending, i) => ending(required(refs(leased)[i], "an entry", "seven were added"))),
      );
      same(
        results,
        ["settled", "settled", "settled", "settled", "stale", "stale", "settled"],
        "one answer for each settlement, in order; a bad token or id among them makes only that one stale",
      );
      const shown = await list(queue);
      same(
        Object.fromEntries(shown.map((s) => [s.imageId, s.state])),
        {
          "b-release": "waiting",
          "c-retry": "waiting",
          "d-aside": "setAside",
          "e-stale": "leased",
          "f-unknown": "leased",
        },
        "each entry ends as it was settled, and those that were not settled are as they were",
      );
    },
  },
  {
    title: "an entry that is named twice in one settlement ends once, as it was named first",
    needs,
    async run(under) {
      const { queue } = under;
      await put(under, entry("a"));
      const ref = required(refs(await lease(queue))[0], "an entry", "one was added");
      const results = await queue.settle([
        { ...ref, kind: "retry", visibleAt: under.now(), error: "no" },
        { ...ref, kind: "done" },
      ]);
      same(results, ["settled", "stale"], "a token settles once");
      same(
        (await list(queue)).map((e) => e.attempts),
        [1],
        "the second has changed nothing",
      );
    },
  },
  {
    title: "whoever looks on sees all of a settlement, or nothing of it",
    needs: ["add", "lease", "shared"],
    async run(under) {
      const second = required(under.second?.bind(under), "second", "the queue says that it is shared");
      await using other = await second();
      await put(under, ...Array.from({ length: 300 }, (_, i) => entry(`i${i}`)));
      const leased = refs(await lease(under.queue, 300));
      const settlements = leased.map((ref, i): Settlement => {
        if (i % 2 === 0) return { ...ref, kind: "done" };
        return { ...ref, kind: "setAside", error: "no" };
      });
      let settled = false;
      const settling = under.queue.settle(settlements).finally(() => {
        settled = true;
      });
      const seen = new Set<string>();
      do {
        const { leased: l, setAside: s } = await other.stats();
        seen.add(`${l} leased, ${s} set aside`);
      } while (!settled);
      await settling;
      for (const sight of seen) {
        const whole = sight === "300 leased, 0 set aside" || sight === "0 leased, 150 set aside";
        promise(whole, "a settlement is one transaction: nobody sees half of it", sight);
      }
    },
  },
  {
    title: "reviving brings set-aside entries back to waiting, from visibleAt on, with no attempts counted",
    needs,
    async run(under) {
      const { queue } = under;
      await put(under, entry("a"));
      const retry = { kind: "retry", visibleAt: under.now(), error: "no" } as const;
      await queue.settle(refs(await lease(queue)).map((ref) => ({ ...ref, ...retry })));
      await setAside(queue, "cannot be");
      same(await queue.revive({}, later(under, MINUTE)), 1, "revive resolves with how many it brought back");
      same((await list(queue))[0]?.state, "waiting", "a revived entry waits");
      same(names(await lease(queue)), [], "a revived entry is not handed out before visibleAt");
      under.advance(MINUTE);
      const { attempts, setAside: was } = await leaseOne(queue, "a revived entry is handed out from visibleAt on");
      same({ attempts, was }, { attempts: 0, was: undefined }, "its attempts start anew, and it is set aside no more");
    },
  },
  {
    title: "reviving one image's entries leaves the others, and entries that are not set aside",
    needs,
    async run(under) {
      const { queue } = under;
      await put(under, entry("a", "a1"), entry("a", "a2"), entry("b"));
      await setAside(queue, "cannot be");
      await put(under, entry("a", "a3", { dueAt: later(under, HOUR) }));
      same(await queue.revive({ imageId: "a" }, under.now()), 2, "only the image's set-aside entries are revived");
      same(names(await lease(queue)).toSorted(), ["a1", "a2"], "they are handed out again, what is not due is not");
      same(names(await list(queue, { state: "setAside" })), ["b"], "another image's entries stay set aside");
      same(await queue.revive({}, under.now()), 1, "without an image, all are revived");
    },
  },
];
