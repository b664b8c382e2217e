import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { QueueHarness } from "@scrubber/core/conformance";
import { QueuePlace } from "./queue-place.ts";

/** The queue on a fresh directory, for the test kit. */
export const fileQueueHarness: QueueHarness = {
  name: "queue-file",
  async open({ delayMs = 0 } = {}) {
    const place = new QueuePlace();
    let dropped = 0;
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
      async dropUnreadable() {
        writeFileSync(join(place.directory, "incoming", `image.${dropped++}`), "no location");
      },
      [Symbol.asyncDispose]: () => place[Symbol.asyncDispose](),
    };
  },
};
