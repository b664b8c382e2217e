/**
 * The registry seen as a queue: what waits for deletion there, to be read and not to be added to.
 *
 * @packageDocumentation
 */
import { defineQueue, ScrubberError, type QueuePlugin } from "@scrubber/core";
import * as v from "valibot";
import { RegistryQueue } from "./queue.ts";

/** There are none: the registry is the one that the scrubber is configured with. */
export type Options = Record<string, never>;

/** The queue plugin. */
const plugin: QueuePlugin<Options | undefined, Options> = defineQueue<Options | undefined, Options>({
  name: "registry",
  options: v.optional(v.strictObject({}), {}),
  async open(_options, context) {
    const { registry, delayMs } = context;
    if (registry === undefined) {
      throw new ScrubberError("SCRUBBER_CONFIG_INVALID", "queue-registry shows a registry, and none is configured", {
        hint: 'Configure a registry: registry: { use: "@scrubber/registry-sql", with: { url: ... } }.',
      });
    }
    return new RegistryQueue(registry, delayMs, () => context.now());
  },
});

export default plugin;
