import { appendFileSync, existsSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import { defineStore, type Outcome } from "@scrubber/core";

/**
 * A store without data, for watching a process in the middle of a deletion: it writes the keys of each call into the file `calls`, and answers when
 * there is a file `gate`, or when the call is aborted. Both files are in the configuration's folder.
 */
export default defineStore({
  name: "gated",
  options: { "~standard": { version: 1, vendor: "scrubber", validate: () => ({ value: {} }) } },
  open(_options, context) {
    const calls = context.resolvePath("calls");
    const gate = context.resolvePath("gate");
    return Promise.resolve({
      schemes: ["gated"],
      supports: { identity: false, holds: false, versions: false, bytes: false },
      limits: { batch: 2, concurrency: 1 },
      target: ({ location }) => ({ key: location.uri, group: "all" }),
      async delete(targets, { signal }) {
        appendFileSync(calls, targets.map(({ key }) => `${key}\n`).join(""));
        while (!existsSync(gate) && !signal.aborted) await delay(20);
        const outcome: Outcome = signal.aborted ? { kind: "unknown", reason: "aborted" } : { kind: "deleted" };
        return targets.map(() => outcome);
      },
      inspect: (targets) => Promise.resolve(targets.map(() => ({ kind: "present" as const }))),
      probe: () => Promise.resolve([{ level: "ok" as const, message: "the store answers" }]),
      [Symbol.asyncDispose]: () => Promise.resolve(),
    });
  },
});
