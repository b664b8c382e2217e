import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { queueModel, testPlugin, testQueue } from "@scrubber/core/conformance";
import fc from "fast-check";
import { afterAll, describe, test } from "vitest";
import plugin from "../src/index.ts";
import { fileQueueHarness } from "./queue-harness.ts";

testQueue({ describe, test }, fileQueueHarness);

test("it agrees with the model of a queue, for two scrubbers and a clock that jumps", async () => {
  // Always the same histories, so that a red run means a change; PROPERTY_SEED and MODEL_RUNS try others.
  const { PROPERTY_SEED = "1", MODEL_RUNS = "40" } = process.env;
  await queueModel(fc, fileQueueHarness, { runs: Number(MODEL_RUNS), steps: 40, seed: Number(PROPERTY_SEED) });
});

const folder = mkdtempSync(join(tmpdir(), "scrubber-queue-file-"));
afterAll(() => rmSync(folder, { recursive: true }));

testPlugin(
  { describe, test },
  {
    name: "queue-file",
    plugin,
    options: () => Promise.resolve({ directory: join(mkdtempSync(join(folder, "place-")), "queue") }),
    refused: [
      { options: {}, names: "directory" },
      { options: { directory: "" }, names: "directory" },
      { options: { directory: 1 }, names: "directory" },
      { options: { directory: "/tmp/x", incomingGroup: -1 }, names: "incomingGroup" },
    ],
  },
);
