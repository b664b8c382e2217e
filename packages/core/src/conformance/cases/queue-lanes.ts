import { same } from "../promise.ts";
import { entry, HOUR, later, lease, MINUTE, names, put, refs, setAside, type QueueCase } from "./queue-case.ts";

const needs = ["add", "lease"] as const;

export const laneCases: readonly QueueCase[] = [
  {
    title: "entries that were released with a lane are left out by its name, and handed out without it",
    needs,
    async run(under) {
      const { queue } = under;
      const [x, y] = [
        entry("x", "x", { dueAt: later(under, -HOUR) }),
        entry("y", "y", { dueAt: later(under, -MINUTE) }),
      ];
      await put(under, x, y, entry("z"));
      for (const { id, token, imageId } of await lease(queue)) {
        if (imageId === "z") await queue.settle([{ id, token, kind: "release", visibleAt: under.now() }]);
        else await queue.settle([{ id, token, kind: "release", visibleAt: under.now(), lane: imageId }]);
      }
      const request = { limit: 1, leaseMs: MINUTE };
      same(
        names(await queue.lease({ ...request, exceptLanes: new Set(["x", "unheard of"]) })),
        ["y"],
        "lanes that are left out do not stand in front of the others, and other lanes are handed out",
      );
      same(
        names(await queue.lease({ limit: 9, leaseMs: MINUTE, exceptLanes: new Set(["x"]) })),
        ["z"],
        "an entry without a lane is never left out",
      );
      same(names(await queue.lease(request)), ["x"], "a lane that is not left out any more is handed out");
    },
  },
  {
    title: "a lane is forgotten with the next settlement",
    needs,
    async run(under) {
      const { queue } = under;
      await put(under, entry("a"));
      const first = refs(await lease(queue));
      await queue.settle(first.map((ref) => ({ ...ref, kind: "release", visibleAt: under.now(), lane: "x" })));
      const second = refs(await lease(queue));
      await queue.settle(second.map((ref) => ({ ...ref, kind: "retry", visibleAt: under.now(), error: "no" })));
      same(
        names(await queue.lease({ limit: 9, leaseMs: MINUTE, exceptLanes: new Set(["x"]) })),
        ["a"],
        "exceptLanes leaves out what was last released with that lane, not what once was",
      );
    },
  },
  {
    title: "a lane is forgotten when an entry is set aside, and does not come back with it",
    needs,
    async run(under) {
      const { queue } = under;
      await put(under, entry("a"));
      const first = refs(await lease(queue));
      await queue.settle(first.map((ref) => ({ ...ref, kind: "release", visibleAt: under.now(), lane: "x" })));
      await setAside(queue, "cannot be");
      await queue.revive({}, under.now());
      const others = { limit: 9, leaseMs: MINUTE, exceptLanes: new Set(["x"]) };
      same(names(await queue.lease(others)), ["a"], "a revived entry was last set aside, not released with a lane");
    },
  },
  {
    title: "lanes are told apart byte for byte",
    needs,
    async run(under) {
      const { queue } = under;
      const lanes = ["x", "x\t", "x ", "x/y", "X", "ü"];
      await put(under, ...lanes.map((_, i) => entry(`${i}`, `${i}`, { dueAt: later(under, i - 100) })));
      for (const { id, token, imageId } of await lease(queue)) {
        const lane = lanes[Number(imageId)] ?? "";
        await queue.settle([{ id, token, kind: "release", visibleAt: under.now(), lane }]);
      }
      const others = { limit: 9, leaseMs: MINUTE, exceptLanes: new Set(["x", "ü"]) };
      same(names(await queue.lease(others)), ["1", "2", "3", "4"], "exceptLanes leaves out these lanes and no others");
      same(names(await lease(queue)), ["0", "5"], "the others are handed out when they are not left out any more");
    },
  },
];
