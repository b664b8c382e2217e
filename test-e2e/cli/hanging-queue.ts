import { existsSync } from "node:fs";
import { defineQueue, type Queue } from "@scrubber/core";
import fileQueue from "@scrubber/queue-file";

/** The queue of files, of which no settlement comes back as long as there is a file `hang` in the configuration's folder. */
export default defineQueue({
  name: "hanging",
  options: { "~standard": { version: 1, vendor: "scrubber", validate: () => ({ value: {} }) } },
  async open(_options, context) {
    const queue = await fileQueue.open({ directory: "queue" }, context);
    return new Proxy(queue, {
      get(target, name) {
        if (name === "settle" && existsSync(context.resolvePath("hang"))) return () => new Promise(() => {});
        const value: unknown = Reflect.get(target, name);
        return typeof value === "function" ? (value.bind(target) as unknown) : value;
      },
    }) satisfies Queue;
  },
});
