import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { testPlugin, testQueue } from "@scrubber/core/conformance";
import { describe, test } from "vitest";
import plugin from "../src/index.ts";
import { QueuePlace } from "./queue-place.ts";

testQueue(
  { describe, test },
  {
    name: "queue-file",
    async open({ delayMs = 0 } = {}) {
      const place = new QueuePlace();
      let queue = await place.open({ delayMs });
      return {
        get queue() {
          return queue;
        },
        advance: (ms) => place.clock.advance(ms),
        now: () => place.clock.now(),
        async reopen(options = {}) {
          await queue[Symbol.asyncDispose]();
          queue = await place.open({ delayMs, ...options });
          return queue;
        },
        second: () => place.open({ delayMs }),
        async addUnreadable(imageId) {
          await queue.add([{ imageId, location: { uri: "file:///sealed" } }]);
          place.sql("UPDATE entries SET uri = x'0102' WHERE image_id = ?", imageId);
        },
        [Symbol.asyncDispose]: () => place[Symbol.asyncDispose](),
      };
    },
  },
);

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
