import { promise, refuses, required, same } from "../promise.ts";
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

export const leasingCases: readonly QueueCase[] = [
  {
    title: "the oldest due is handed out first, and no more than was asked for",
    needs,
    async run(under) {
      const ages = [3, 9, 1, 7, 5, 8, 2, 6, 4];
      await put(under, ...ages.map((n) => entry(`${n}`, `${n}`, { dueAt: later(under, -n * MINUTE) })));
      same(names(await lease(under.queue, 4)), ["9", "8", "7", "6"], "lease hands out at most limit, oldest due first");
      same(names(await lease(under.queue, 10)), ["5", "4", "3", "2", "1"], "the rest follows, oldest due first");
    },
  },
  {
    title: "what is not due is not handed out",
    needs,
    async run(under) {
      await put(under, entry("a", "a", { dueAt: later(under, 1) }));
      same(names(await lease(under.queue)), [], "nothing is handed out before its dueAt");
      under.advance(1);
      same(names(await lease(under.queue)), ["a"], "an entry is handed out from its dueAt on");
    },
  },
  {
    title: "a leased entry is not handed out again before its lease ends",
    needs,
    async run(under) {
      await put(under, entry("a"));
      await lease(under.queue);
      const end = later(under, 10 * MINUTE);
      same((await list(under.queue))[0]?.visibleAt, end, "a leased entry is visible again at the end of its lease");
      under.advance(10 * MINUTE - 1);
      same(names(await lease(under.queue)), [], "a lease lasts leaseMs from the queue's now");
      same((await list(under.queue))[0]?.state, "leased", "an entry is listed as leased while its lease runs");
    },
  },
  {
    title: "a lease that ran out is handed on, and whoever held it can neither renew nor settle",
    needs,
    async run(under) {
      const { queue } = under;
      await put(under, entry("a"));
      const first = await lease(queue);
      under.advance(10 * MINUTE);
      const second = await lease(queue);
      same(names(second), ["a"], "an entry is handed on when its lease has run out: a dead scrubber loses nothing");
      promise(second[0]?.token !== first[0]?.token, "the token changes with every lease", second);
      same(await queue.renew(refs(first), MINUTE), [false], "a lease that was handed on cannot be renewed");
      const done = refs(first).map((ref) => ({ ...ref, kind: "done" as const }));
      same(await queue.settle(done), ["stale"], "a lease that was handed on cannot be settled by its former holder");
      same((await list(queue)).length, 1, "a stale settlement changes nothing");
    },
  },
  {
    title: "renewing prolongs a lease, counted from now",
    needs,
    async run(under) {
      const { queue } = under;
      await put(under, entry("a"), entry("b"));
      const leased = await lease(queue);
      under.advance(5 * MINUTE);
      same(await queue.renew(refs(leased), 10 * MINUTE), [true, true], "a running lease can be renewed");
      under.advance(10 * MINUTE - 1);
      same(names(await lease(queue)), [], "a renewed lease lasts leaseMs from the time of renewal");
      const done = refs(leased).map((ref) => ({ ...ref, kind: "done" as const }));
      same(await queue.settle(done), ["settled", "settled"], "renewing does not change the token");
    },
  },
  {
    title: "a renewed lease ends too",
    needs,
    async run(under) {
      await put(under, entry("a"));
      const leased = await lease(under.queue);
      under.advance(5 * MINUTE);
      await under.queue.renew(refs(leased), MINUTE);
      under.advance(MINUTE);
      same(names(await lease(under.queue)), ["a"], "renew sets the end to now + leaseMs, also when that is earlier");
    },
  },
  {
    title: "a lost lease is not renewed: neither one that ran out, nor a settled one, nor one that never was",
    needs,
    async run(under) {
      const { queue } = under;
      await put(under, entry("a"), entry("b"));
      const [a, b] = refs(await lease(queue));
      const [ra, rb] = [required(a, "an entry", "two were added"), required(b, "an entry", "two were added")];
      await queue.settle([{ ...ra, kind: "done" }]);
      const unknown = { id: rb.id, token: ra.token === rb.token ? "no-token" : ra.token };
      same(
        await queue.renew([ra, rb, unknown], 10 * MINUTE),
        [false, true, false],
        "one answer for each lease, in order; false for what is settled or has another token",
      );
      under.advance(10 * MINUTE);
      same(await queue.renew([rb], 10 * MINUTE), [false], "a lease that ran out cannot be renewed");
      same(names(await lease(queue)).length, 1, "a renewal that was refused does not hold the entry");
    },
  },
  {
    title: "a lease by image hands out its entries, due or not, waiting out a retry or not, and no other image's",
    needs,
    async run(under) {
      const { queue } = under;
      await put(under, entry("a", "paused"), entry("b", "other"));
      const retry = { kind: "retry", visibleAt: later(under, HOUR), error: "no" } as const;
      await queue.settle(refs(await lease(queue)).map((ref) => ({ ...ref, ...retry })));
      await put(under, entry("a", "due"), entry("a", "not-due", { dueAt: later(under, HOUR) }));
      same(
        names(await leaseImage(queue, "a")).toSorted(),
        ["due", "not-due", "paused"],
        "a lease by image takes all of the image's entries, due or not, paused or not, and nothing else",
      );
      same(names(await leaseImage(queue, "a")), [], "what is leased by image is leased");
    },
  },
  {
    title: "a lease by image takes set-aside entries out, and they can be put back as they were",
    needs,
    async run(under) {
      const { queue } = under;
      await put(under, entry("a"));
      await setAside(queue, "cannot be");
      const leased = await leaseImage(queue, "a");
      same(
        leased.map((e) => e.setAside),
        ["cannot be"],
        "a set-aside entry comes with the error it was set aside with",
      );
      same((await list(queue))[0]?.state, "leased", "it is leased then");
      await queue.settle(refs(leased).map((ref) => ({ ...ref, kind: "setAside", error: "cannot be" })));
      const [shown] = await list(queue);
      same([shown?.state, shown?.error], ["setAside", "cannot be"], "it can be put back as it was");
    },
  },
  {
    title: "entries that were never set aside do not say that they were",
    needs,
    async run(under) {
      await put(under, entry("a"));
      same((await leaseImage(under.queue, "a"))[0]?.setAside, undefined, "setAside tells only what was set aside");
    },
  },
  {
    title: "a lease by image leaves what somebody else holds",
    needs,
    async run(under) {
      const { queue } = under;
      await put(under, entry("a", "held"));
      const held = await lease(queue);
      await put(under, entry("a", "free", { dueAt: later(under, HOUR) }));
      same(names(await leaseImage(queue, "a")), ["free"], "a lease by image does not take what somebody else holds");
      const done = refs(held).map((ref) => ({ ...ref, kind: "done" as const }));
      same(await queue.settle(done), ["settled"], "and does not disturb that lease");
    },
  },
  {
    title: "what was taken by image before its time and released is not handed out before it is due",
    needs,
    async run(under) {
      const { queue } = under;
      await put(under, entry("a", "a", { dueAt: later(under, HOUR) }));
      const leased = await leaseImage(queue, "a");
      await queue.settle(refs(leased).map((ref) => ({ ...ref, kind: "release", visibleAt: under.now() })));
      same(names(await lease(queue)), [], "an entry is handed out when it is visible and due, not before its dueAt");
      under.advance(HOUR);
      same(names(await lease(queue)), ["a"], "an entry is handed out from its dueAt on");
    },
  },
  {
    title: "an abandoned lease by image does not bring an entry forward",
    needs,
    async run(under) {
      await put(under, entry("a", "a", { dueAt: later(under, HOUR) }));
      await leaseImage(under.queue, "a");
      under.advance(10 * MINUTE);
      same(names(await lease(under.queue)), [], "when a lease has run out, the entry still waits for its dueAt");
      under.advance(50 * MINUTE);
      same(names(await lease(under.queue)), ["a"], "an entry is handed out from its dueAt on");
    },
  },
  {
    title: "two scrubbers at once never get the same entry",
    needs: ["add", "lease", "shared"],
    async run(under) {
      const second = required(under.second?.bind(under), "second", "the queue says that it is shared");
      await using other = await second();
      await put(under, ...Array.from({ length: 200 }, (_, i) => entry(`i${i}`)));
      const got: string[] = [];
      for (let round = 0; round < 10; round++) {
        const batches = await Promise.all([under.queue, other, under.queue, other].map((queue) => lease(queue, 7)));
        got.push(...batches.flatMap(names));
      }
      same(new Set(got).size, got.length, "an entry is leased to one scrubber at a time");
      same(got.length, 200, "between them, two scrubbers get every entry");
    },
  },
  {
    title: "what one scrubber adds, leases or settles is so for the other at once",
    needs: ["add", "lease", "shared"],
    async run(under) {
      const second = required(under.second?.bind(under), "second", "the queue says that it is shared");
      await using other = await second();
      await put(under, entry("a"));
      const leased = await leaseOne(other, "an entry that one scrubber added is handed out to the other");
      same((await list(under.queue))[0]?.state, "leased", "a lease is seen by the other");
      await other.settle([{ id: leased.id, token: leased.token, kind: "done" }]);
      same(await list(under.queue), [], "a settlement is seen by the other");
      await other.setNote("kit", { n: 1 });
      same((await under.queue.notes()).get("kit"), { n: 1 }, "notes are shared");
    },
  },
  {
    title: "a queue that hands nothing out refuses lease, renew, settle, revive and notes",
    without: "lease",
    async run(under) {
      const { queue } = under;
      const calls = {
        lease: () => queue.lease({ limit: 1, leaseMs: MINUTE }),
        renew: () => queue.renew([], MINUTE),
        settle: () => queue.settle([]),
        revive: () => queue.revive({}, under.now()),
        notes: () => queue.notes(),
        setNote: () => queue.setNote("kit", 1),
      };
      for (const [name, call] of Object.entries(calls)) {
        await refuses(call, ["SCRUBBER_UNSUPPORTED"], `supports.lease is false: ${name} is refused`);
      }
    },
  },
];
