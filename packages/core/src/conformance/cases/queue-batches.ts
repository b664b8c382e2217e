import type { LeaseRef, Settlement } from "../../queue.ts";
import { promise, required, same } from "../promise.ts";
import { entry, HOUR, later, lease, list, MINUTE, names, only, put, refs, type QueueCase } from "./queue-case.ts";

const needs = ["add", "lease"] as const;

/** What one call of settle does with many. */
export const batchCases: readonly QueueCase[] = [
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
    title: "settlements of one call that differ in one thing only end each in its own way",
    needs,
    async run(under) {
      const { queue } = under;
      const soon = later(under, MINUTE);
      const endings: Readonly<Record<string, (ref: LeaseRef) => Settlement>> = {
        release: (ref) => ({ ...ref, kind: "release", visibleAt: soon, reason: "r" }),
        "release, later": (ref) => ({ ...ref, kind: "release", visibleAt: later(under, HOUR), reason: "r" }),
        "release, other reason": (ref) => ({ ...ref, kind: "release", visibleAt: soon, reason: "s" }),
        "release, lane": (ref) => ({ ...ref, kind: "release", visibleAt: soon, reason: "r", lane: "x" }),
        retry: (ref) => ({ ...ref, kind: "retry", visibleAt: soon, error: "e" }),
        "retry, later": (ref) => ({ ...ref, kind: "retry", visibleAt: later(under, HOUR), error: "e" }),
        "retry, other error": (ref) => ({ ...ref, kind: "retry", visibleAt: soon, error: "f" }),
        aside: (ref) => ({ ...ref, kind: "setAside", error: "e" }),
        "aside, other error": (ref) => ({ ...ref, kind: "setAside", error: "f" }),
      };
      // Twice: the second half is leased by another call, so that its tokens may differ.
      const half = Object.keys(endings).length;
      const images = [1, 2].flatMap((n) => Object.keys(endings).map((ending) => `${n} ${ending}`));
      await put(under, ...images.map((name, i) => entry(name, name, { dueAt: later(under, i - 100) })));
      const leased = [...(await lease(queue, half)), ...(await lease(queue, half))];
      const settlements = leased.flatMap(({ id, token, imageId }) => {
        const ending = endings[imageId.slice(2)];
        return ending === undefined ? [] : [ending({ id, token })];
      });
      same(
        await queue.settle(settlements),
        images.map(() => "settled"),
        "each is settled with its own token",
      );
      const shown = await list(queue);
      const seen = (name: string): unknown => {
        const found = shown.find(({ imageId }) => imageId === name);
        return [found?.state, found?.error, found?.state === "waiting" ? found.visibleAt : undefined, found?.attempts];
      };
      const hour = later(under, HOUR);
      for (const n of [1, 2]) {
        same(seen(`${n} release`), ["waiting", "r", soon, 0], "a release");
        same(seen(`${n} release, later`), ["waiting", "r", hour, 0], "a release that is visible later");
        same(seen(`${n} release, other reason`), ["waiting", "s", soon, 0], "a release for another reason");
        same(seen(`${n} retry`), ["waiting", "e", soon, 1], "a retry");
        same(seen(`${n} retry, later`), ["waiting", "e", hour, 1], "a retry that is visible later");
        same(seen(`${n} retry, other error`), ["waiting", "f", soon, 1], "a retry after another error");
        same(seen(`${n} aside`), ["setAside", "e", undefined, 0], "an entry that is set aside");
        same(seen(`${n} aside, other error`), ["setAside", "f", undefined, 0], "an entry that is set aside otherwise");
      }
      under.advance(MINUTE);
      const others = await queue.lease({ limit: 100, leaseMs: MINUTE, exceptLanes: new Set(["x"]) });
      same(
        names(others).filter((name) => name.includes("release")),
        ["1 release", "1 release, other reason", "2 release", "2 release, other reason"],
        "the lane is that of those entries only that were released with it",
      );
    },
  },
  {
    title: "a token is good for the entries of its own lease only",
    needs,
    async run(under) {
      const { queue } = under;
      await put(under, entry("a", "a", { dueAt: later(under, -MINUTE) }), entry("b"));
      const [[a], [b]] = [only(refs(await lease(queue, 1))[0]), only(refs(await lease(queue, 1))[0])];
      // A queue may count the leases of each entry by itself.
      if (a.token === b.token) return;
      const crossed = [
        { id: a.id, token: b.token },
        { id: b.id, token: a.token },
      ];
      same(
        await queue.settle(crossed.map((ref) => ({ ...ref, kind: "done" }))),
        ["stale", "stale"],
        "neither a later token settles an entry, nor an earlier one",
      );
      same(await queue.renew(crossed, HOUR), [false, false], "nor does it renew one");
      same((await list(queue, { state: "leased" })).length, 2, "nothing was changed");
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
];
