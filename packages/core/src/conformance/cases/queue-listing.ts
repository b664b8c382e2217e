import type { EntryFilter, NewEntry } from "../../queue.ts";
import type { QueueUnderTest } from "../harness.ts";
import { broken, promise, same } from "../promise.ts";
import {
  entry,
  HOUR,
  later,
  lease,
  list,
  MINUTE,
  names,
  only,
  put,
  refs,
  setAside,
  type QueueCase,
} from "./queue-case.ts";

const needs = ["add", "lease"] as const;
const MANY = 100_000;

/** A queue that hands nothing out may list in any order. */
function inOrder(under: QueueUnderTest, seen: readonly string[]): readonly string[] {
  return under.queue.supports.lease ? seen : seen.toSorted().toReversed();
}

export const listingCases: readonly QueueCase[] = [
  {
    title: "a listing shows entries with their state and times, oldest due first",
    async run(under) {
      await put(under, ...[2, 3, 1].map((n) => entry(`image-${n}`, `${n}`, { requestedAt: later(under, -n * HOUR) })));
      const shown = await list(under.queue);
      same(inOrder(under, names(shown)), ["3", "2", "1"], "a listing goes from the oldest due to the youngest");
      const third = shown.find(({ imageId }) => imageId === "image-3");
      same(
        { state: third?.state, requestedAt: third?.requestedAt, dueAt: third?.dueAt, visibleAt: third?.visibleAt },
        {
          state: "waiting",
          requestedAt: later(under, -3 * HOUR),
          dueAt: later(under, -3 * HOUR),
          visibleAt: later(under, -3 * HOUR),
        },
        "a listing shows image id, state and times",
      );
      same([third?.attempts, third?.error], [0, undefined], "a new entry has no attempts and no error");
    },
  },
  {
    title: "a listing shows only what its filter asks for",
    async run(under) {
      await put(
        under,
        entry("a", "a1", { requestedAt: later(under, -3 * MINUTE) }),
        entry("a", "a2", { requestedAt: later(under, -MINUTE) }),
        entry("b", "b1", { requestedAt: later(under, -2 * MINUTE) }),
      );
      const { queue } = under;
      const dueBefore = later(under, -2 * MINUTE);
      const shown = async (filter: EntryFilter): Promise<readonly string[]> =>
        names(await list(queue, filter)).toSorted();
      same(await shown({ imageId: "a" }), ["a1", "a2"], "imageId: that image's entries and no others");
      same(await shown({ dueBefore }), ["a1", "b1"], "dueBefore: what is due at that instant or before");
      same(await shown({ dueBefore, imageId: "a" }), ["a1"], "filters hold together");
      same(await shown({ state: "setAside" }), [], "state: only entries in it");
      same(await shown({ state: "waiting" }), ["a1", "a2", "b1"], "state: all entries in it");
    },
  },
  {
    title: "a listing shows each state, and can be limited to it",
    needs,
    async run(under) {
      const { queue } = under;
      await put(under, entry("aside"));
      await setAside(queue, "cannot be");
      await put(under, entry("leased"));
      await lease(queue);
      await put(under, entry("waiting"));
      for (const state of ["waiting", "leased", "setAside"] as const) {
        const shown = await list(queue, { state });
        same(
          shown.map((e) => e.imageId),
          [state === "setAside" ? "aside" : state],
          `state: ${state} shows what is ${state}`,
        );
      }
      under.advance(10 * MINUTE);
      same(names(await list(queue, { state: "leased" })), [], "an entry whose lease ran out is not leased");
      same(names(await list(queue, { state: "waiting" })).toSorted(), ["leased", "waiting"], "but waiting");
      const [again] = await lease(queue, 1);
      await queue.settle(
        refs(only(again)).map((ref) => ({ ...ref, kind: "retry", visibleAt: later(under, HOUR), error: "no" })),
      );
      same(
        names(await list(queue, { state: "waiting" })).toSorted(),
        ["leased", "waiting"],
        "and one in a retry's pause is waiting, too",
      );
    },
  },
  {
    title: "100,000 entries are listed one after another, each once, in order, and the reader may stop",
    options: { delayMs: HOUR },
    async run(under) {
      for (let from = 0; from < MANY; from += 10_000) {
        const rows = Array.from({ length: 10_000 }, (_, i): NewEntry => {
          const n = from + i;
          // A due time that does not follow the order of arrival: 7919 is prime to MANY.
          const requestedAt = later(under, -((n * 7919) % MANY));
          // Some have it as their own, and others by the delay.
          const own = n % 3 === 0 ? { dueAt: new Date(requestedAt.getTime() + HOUR) } : {};
          return entry(`i${n}`, `${n}`, { requestedAt, ...own });
        });
        await put(under, ...rows);
      }
      const seen = new Set<string>();
      let last = -Infinity;
      for await (const { id, dueAt } of under.queue.entries()) {
        if (under.queue.supports.lease && dueAt.getTime() < last)
          broken("a listing goes from the oldest due to the youngest", `After ${seen.size}.`);
        last = dueAt.getTime();
        seen.add(id);
      }
      same(seen.size, MANY, "a listing shows every entry once");
      let first = 0;
      for await (const _ of under.queue.entries()) if (++first === 3) break;
      const { waiting } = await under.queue.stats();
      same(waiting, MANY, "a reader that stops early leaves the queue in order");
    },
  },
  {
    title: "a listing shows nothing twice while entries come and go",
    needs,
    async run(under) {
      const { queue } = under;
      await put(
        under,
        ...Array.from({ length: 3000 }, (_, i) => entry(`i${i}`, `${i}`, { dueAt: later(under, i - 5000) })),
      );
      const seen: string[] = [];
      for await (const { id } of queue.entries()) {
        seen.push(id);
        if (seen.length % 1000 !== 1) continue;
        const retry = { kind: "retry", visibleAt: later(under, HOUR), error: "no" } as const;
        await queue.settle(refs(await lease(queue, 50)).map((ref) => ({ ...ref, ...retry })));
        await put(under, entry(`new${seen.length}`, `new${seen.length}`, { dueAt: later(under, -4000) }));
      }
      same(new Set(seen).size, seen.length, "nothing shows twice in one listing");
      promise(seen.length >= 3000, "what was there all the time shows", seen.length);
    },
  },
  {
    title: "a listing of one image goes from the oldest due to the youngest, too",
    async run(under) {
      const ages = [2, 5, 1, 4, 3];
      await put(under, ...ages.map((n) => entry("a", `${n}`, { requestedAt: later(under, -n * MINUTE) })), entry("b"));
      const shown = names(await list(under.queue, { imageId: "a" }));
      same(inOrder(under, shown), ["5", "4", "3", "2", "1"], "whatever the order in which they came");
      await put(under, ...Array.from({ length: 1234 }, (_, i) => entry("many", `${i}`)));
      same((await list(under.queue, { imageId: "many" })).length, 1234, "all of them, however many they are");
    },
  },
];
