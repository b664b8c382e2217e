import type { NewEntry } from "../../queue.ts";
import { same } from "../promise.ts";
import {
  entry,
  HOUR,
  later,
  lease,
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
const MANY = 12_000;

export const revivingCases: readonly QueueCase[] = [
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
  {
    title: "all that is set aside is revived, however much it is, and however much waits beside it",
    needs,
    async run(under) {
      const { queue } = under;
      const many = (name: string): readonly NewEntry[] =>
        Array.from({ length: MANY }, (_, i) => entry(`${name}${i}`, `${name}${i}`));
      await put(under, ...many("aside"));
      const leased = refs(await lease(queue, MANY));
      await queue.settle(leased.map((ref) => ({ ...ref, kind: "setAside", error: "no" })));
      await put(under, ...many("waiting"));
      same(await queue.revive({}, under.now()), MANY, "revive resolves with how many it brought back: all of them");
      const { waiting, setAside: aside } = await queue.stats();
      same([waiting, aside], [2 * MANY, 0], "nothing is set aside any more");
    },
  },
];
