import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { queueModel, testPlugin, testQueue } from "@scrubber/core/conformance";
import fc from "fast-check";
import { describe, test } from "vitest";
import plugin from "../src/index.ts";
import { fileQueueHarness } from "./queue-harness.ts";

testQueue({ describe, test }, fileQueueHarness);

test("it agrees with the model of a queue, for two scrubbers and a clock that jumps", async () => {
  await queueModel(fc, fileQueueHarness, { runs: 25, steps: 40 });
});

testPlugin(
  { describe, test },
  {
    name: "queue-file",
    plugin,
    options: () => Promise.resolve({ directory: join(mkdtempSync(join(tmpdir(), "scrubber-queue-file-")), "queue") }),
    refused: [
      { options: {}, names: "directory" },
      { options: { directory: "" }, names: "directory" },
      { options: { directory: 1 }, names: "directory" },
      { options: { directory: "/tmp/x", incomingGroup: -1 }, names: "incomingGroup" },
    ],
  },
);
