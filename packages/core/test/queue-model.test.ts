import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { queueModel } from "../src/conformance/index.ts";
import { memoryQueueHarness } from "./harness/memory-queue.ts";
import { queueSabotages } from "./sabotage/queue.ts";

describe("the model of the queue", () => {
  test("agrees with the queue in memory, for two scrubbers and a clock that jumps", async () => {
    await queueModel(fc, memoryQueueHarness(), { seed: Number(process.env["PROPERTY_SEED"] ?? 1) });
  });

  const wrong = [
    "adding to a leased entry makes the running settlement stale, and the entry comes back",
    "a lease that ran out is handed on, and whoever held it can neither renew nor settle",
    "a retried entry waits until it is visible, counted, and shows the error",
    "a leased entry is not handed out again before its lease ends",
    "leases of different lengths end each at its own time, in whatever order they were given out",
    "renewing one lease prolongs no other",
    "what is settled to wait after its lease ran out waits as it was settled",
    "a lane is forgotten when an entry is set aside, and does not come back with it",
    "reviving one image's entries leaves the others, and entries that are not set aside",
  ];
  test.each(wrong)("finds by itself a queue that breaks: %s", async (title) => {
    const sound = memoryQueueHarness();
    const wrecked = {
      ...sound,
      open: async (options?: { readonly delayMs?: number }) => {
        const under = await sound.open(options);
        return queueSabotages[title]?.wreck(under) ?? under;
      },
    };
    await expect(queueModel(fc, wrecked, { seed: 1 })).rejects.toThrow(/Promise broken/);
  });
});
