import { promise, required, same } from "../promise.ts";
import {
  entry,
  HOUR,
  later,
  lease,
  leaseImage,
  list,
  names,
  put,
  refs,
  setAside,
  type QueueCase,
} from "./queue-case.ts";

const needs = ["add", "lease"] as const;

export const readingCases: readonly QueueCase[] = [
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
