import type { EntryFilter, NewEntry, Queue, QueueStats } from "../../queue.ts";
import type { QueueUnderTest } from "../harness.ts";
import { broken, promise, required, same } from "../promise.ts";
import {
  entry,
  HOUR,
  later,
  lease,
  leaseImage,
  list,
  MINUTE,
  names,
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

/** The figures, but for what only some queues have. */
async function figures(queue: Queue): Promise<QueueStats> {
  const { quarantined: _, ...stats } = await queue.stats();
  return stats;
}

export const readingCases: readonly QueueCase[] = [
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
      same(names(await list(queue, { state: "leased" })), [], "an entry whose lease ran out is waiting");
    },
  },
  {
    title: "100,000 entries are listed one after another, each once, in order, and the reader may stop",
    async run(under) {
      for (let from = 0; from < MANY; from += 10_000) {
        const rows = Array.from({ length: 10_000 }, (_, i): NewEntry => {
          const n = from + i;
          // A due time that does not follow the order of arrival: 7919 is prime to MANY.
          return entry(`i${n}`, `${n}`, { requestedAt: later(under, -((n * 7919) % MANY)) });
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
    title: "the figures tell how much waits and how old the oldest is",
    async run(under) {
      await put(under, entry("a", "a", { requestedAt: later(under, -HOUR) }), entry("b"));
      const { waiting, due, leased, setAside: aside, oldestDueAt } = await under.queue.stats();
      same(
        { waiting, due, leased, aside, oldestDueAt },
        { waiting: 2, due: 2, leased: 0, aside: 0, oldestDueAt: later(under, -HOUR) },
        "waiting and due count, and oldestDueAt is the earliest due time of what is due",
      );
    },
  },
  {
    title: "the figures count what waits, is due, is leased and is set aside",
    needs,
    async run(under) {
      const { queue } = under;
      same(
        await figures(queue),
        { waiting: 0, due: 0, leased: 0, setAside: 0 },
        "an empty queue counts nothing and has no oldest and no next",
      );
      await put(under, entry("s1"), entry("s2"));
      await setAside(queue, "cannot be");
      await put(under, entry("l"));
      await lease(queue);
      await put(under, entry("d", "d", { dueAt: later(under, -HOUR) }), entry("w", "w", { dueAt: later(under, HOUR) }));
      same(
        await figures(queue),
        {
          waiting: 2,
          due: 1,
          leased: 1,
          setAside: 2,
          oldestDueAt: later(under, -HOUR),
          nextDueAt: later(under, HOUR),
          leasedUntil: later(under, 10 * MINUTE),
        },
        "waiting includes due; oldestDueAt is the earliest due time of what is due; nextDueAt is the first of what is not due yet; leasedUntil is the end of the lease",
      );
      under.advance(10 * MINUTE);
      same(
        await figures(queue),
        {
          waiting: 3,
          due: 2,
          leased: 0,
          setAside: 2,
          oldestDueAt: later(under, -70 * MINUTE),
          nextDueAt: later(under, 50 * MINUTE),
        },
        "an entry whose lease ran out waits again and is due",
      );
    },
  },
  {
    title:
      "what waits is next due at the end of a retry's pause or at a due time, whichever comes first, and not when a lease ends",
    needs,
    async run(under) {
      const { queue } = under;
      await put(under, entry("a"), entry("b", "b", { dueAt: later(under, 3 * HOUR) }));
      same((await queue.stats()).nextDueAt, later(under, 3 * HOUR), "what can be leased now is no reason to wake up");
      const retry = { kind: "retry", visibleAt: later(under, HOUR), error: "no" } as const;
      await queue.settle(refs(await lease(queue)).map((ref) => ({ ...ref, ...retry })));
      const { nextDueAt, due, oldestDueAt } = await queue.stats();
      same(nextDueAt, later(under, HOUR), "the end of a retry's pause is a time to wake up");
      same([due, oldestDueAt], [1, under.now()], "an entry in a retry's pause is overdue all the same");
      under.advance(HOUR);
      await setAside(queue, "cannot be");
      same((await queue.stats()).nextDueAt, later(under, 2 * HOUR), "what is set aside is no reason to wake up");
      await leaseImage(queue, "b");
      same((await queue.stats()).nextDueAt, undefined, "what is leased does not wait, whenever its lease ends");
      under.advance(10 * MINUTE);
      same(
        (await queue.stats()).nextDueAt,
        later(under, 110 * MINUTE),
        "once its lease ran out it waits for its due time",
      );
    },
  },
  {
    title: "leasedUntil is when the first of what is leased can be had again, if its scrubber has died",
    needs,
    async run(under) {
      const { queue } = under;
      await put(under, entry("early", "early", { dueAt: later(under, HOUR) }));
      await leaseImage(queue, "early");
      same(
        (await queue.stats()).leasedUntil,
        later(under, HOUR),
        "not before its due time, though its lease ends before",
      );
      await put(under, entry("a"), entry("b"));
      const [first] = refs(await lease(queue, 1));
      under.advance(MINUTE);
      await lease(queue);
      same((await queue.stats()).leasedUntil, later(under, 9 * MINUTE), "the lease that ends first counts");
      await queue.renew([required(first, "an entry", "two were added")], HOUR);
      same((await queue.stats()).leasedUntil, later(under, 10 * MINUTE), "a renewed lease ends later");
      under.advance(10 * MINUTE);
      same((await queue.stats()).leasedUntil, later(under, 50 * MINUTE), "a lease that ran out ends no more");
      under.advance(HOUR);
      same((await queue.stats()).leasedUntil, undefined, "where nothing is leased there is none");
    },
  },
  {
    title: "the figures tell how many files were put away unread, and count no entry for them",
    hand: "dropUnreadable",
    async run(under) {
      const { quarantined: before = 0, ...rest } = await under.queue.stats();
      same(before, 0, "a new queue has put nothing away");
      await under.dropUnreadable?.();
      await under.dropUnreadable?.();
      const { quarantined, ...then } = await under.queue.stats();
      same(quarantined, 2, "quarantined counts each file that could not be read whole, once");
      same(then, rest, "a file that holds no entry changes no other figure");
    },
  },
  {
    title: "hasImages tells which images have any entry, in whatever state",
    async run(under) {
      await put(under, entry("a", "a1"), entry("a", "a2"), entry("b"));
      same(
        await under.queue.hasImages(["a", "c", "b", "A"]),
        new Set(["a", "b"]),
        "the images that have an entry, and no others",
      );
      same(await under.queue.hasImages([]), new Set(), "of no images, none");
    },
  },
  {
    title: "hasImages tells leased, paused and set-aside entries too, and forgets an image with its last one",
    needs,
    async run(under) {
      const { queue } = under;
      await put(under, entry("aside"));
      await setAside(queue, "cannot be");
      await put(under, entry("paused"));
      const retry = { kind: "retry", visibleAt: later(under, HOUR), error: "no" } as const;
      await queue.settle(refs(await lease(queue)).map((ref) => ({ ...ref, ...retry })));
      await put(under, entry("leased", "l1"), entry("leased", "l2"));
      const [first, second] = refs(await lease(queue));
      const all = ["aside", "paused", "leased"];
      same(await queue.hasImages(all), new Set(all), "an entry counts in every state");
      await queue.settle([{ ...required(first, "an entry", "two were added"), kind: "done" }]);
      same(await queue.hasImages(["leased"]), new Set(["leased"]), "an image is there until its last entry is done");
      await queue.settle([{ ...required(second, "an entry", "two were added"), kind: "done" }]);
      same(await queue.hasImages(all), new Set(["aside", "paused"]), "an image without an entry is not there");
    },
  },
  {
    title: "statesOf tells one location from another by image, URI and store, as add does",
    async run(under) {
      const { queue } = under;
      if (queue.statesOf === undefined) return;
      const inStore = entry("b", "b", { location: { uri: "file:///kit/b", store: "fast" } });
      await put(under, entry("a", "a1"), inStore);
      const named = entry("b", "b", { location: { uri: "file:///kit/b", metadata: { store: "fast" } } });
      const asked = [
        entry("b"),
        inStore,
        entry("a", "a2"),
        named,
        entry("a", "a1"),
        entry("A", "a1"),
        entry("a", "a1"),
      ];
      same(
        (await queue.statesOf(asked)).map((state) => state ?? "none"),
        ["none", "waiting", "none", "waiting", "waiting", "none", "waiting"],
        "one answer for each location, in order: the state of its entry, and nothing for what has none",
      );
      same(await queue.statesOf([]), [], "of no locations, none");
    },
  },
  {
    title: "statesOf tells each state, and forgets what is done",
    needs,
    async run(under) {
      const { queue } = under;
      if (queue.statesOf === undefined) return;
      const all = ["aside", "paused", "done", "leased", "waiting"].map((name) => entry(name));
      const [aside, paused, done, leased, waiting] = all.map((one) => [one] as const);
      await put(under, ...(aside ?? []));
      await setAside(queue, "cannot be");
      await put(under, ...(paused ?? []));
      const retry = { kind: "retry", visibleAt: later(under, HOUR), error: "no" } as const;
      await queue.settle(refs(await lease(queue)).map((ref) => ({ ...ref, ...retry })));
      await put(under, ...(done ?? []));
      await queue.settle(refs(await lease(queue)).map((ref) => ({ ...ref, kind: "done" })));
      await put(under, ...(leased ?? []));
      await lease(queue);
      await put(under, ...(waiting ?? []));
      const states = async (): Promise<readonly string[]> =>
        ((await queue.statesOf?.(all)) ?? []).map((state) => state ?? "none");
      same(
        await states(),
        ["setAside", "waiting", "none", "leased", "waiting"],
        "the state is the one that a listing shows; what is done has none",
      );
      under.advance(HOUR);
      same((await states())[3], "waiting", "an entry whose lease ran out is waiting");
    },
  },
  {
    title: "what cannot be read is listed with a reason, handed out, and can be set aside",
    needs: ["lease"],
    hand: "addUnreadable",
    async run(under) {
      const { queue } = under;
      await under.addUnreadable?.("dark");
      const [shown] = await list(queue);
      same(shown?.imageId, "dark", "an entry that cannot be read is listed under its image");
      same(shown?.location, undefined, "an entry that cannot be read shows no location");
      promise((shown?.unreadable ?? "") !== "", "an entry that cannot be read says why", shown);
      same(await queue.hasImages(["dark"]), new Set(["dark"]), "an entry that cannot be read counts as one");
      const [leased] = await lease(queue);
      promise((leased?.unreadable ?? "") !== "", "an entry that cannot be read is handed out, and says why", leased);
      const { id, token } = required(leased, "an entry", "it is due");
      same(
        await queue.settle([{ id, token, kind: "setAside", error: "unreadable" }]),
        ["settled"],
        "it can be settled",
      );
      same(names(await list(queue, { state: "setAside" })), ["unreadable"], "it can be set aside, and is kept");
      same((await leaseImage(queue, "dark")).length, 1, "it can be leased by image");
    },
  },
  {
    title: "notes are kept, replaced and removed",
    needs: ["lease"],
    async run({ queue }) {
      same(await queue.notes(), new Map(), "a new queue has no notes");
      await queue.setNote("sweep", { at: "2026-01-01T00:00:00Z", n: [1, null, true] });
      await queue.setNote("ü/paused", true);
      await queue.setNote("sweep", { at: "2026-01-02T00:00:00Z" });
      same(
        await queue.notes(),
        new Map<string, unknown>([
          ["sweep", { at: "2026-01-02T00:00:00Z" }],
          ["ü/paused", true],
        ]),
        "a note is any JSON value; writing it again replaces it",
      );
      await queue.setNote("sweep", undefined);
      same(await queue.notes(), new Map([["ü/paused", true]]), "undefined removes a note, and no other");
    },
  },
];
