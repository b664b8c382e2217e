import { defineQueue, defineStore, ScrubberError } from "@scrubber/core";
import {
  createMemoryQueue,
  createMemoryRegistry,
  createMemoryStore,
  memoryQueue,
  memoryRegistry,
  memoryStore,
} from "@scrubber/core/memory";
import { describe, expect, test } from "vitest";
import { createScrubber } from "../src/index.ts";

describe("opening", () => {
  const order: string[] = [];
  const track = <T extends AsyncDisposable>(name: string, thing: T): T => {
    order.push(`open ${name}`);
    const close = thing[Symbol.asyncDispose].bind(thing);
    thing[Symbol.asyncDispose] = async () => {
      order.push(`close ${name}`);
      await close();
    };
    return thing;
  };
  const options = memoryStore.options as never;
  const queue = defineQueue({
    name: "q",
    options,
    open: () => Promise.resolve(track("queue", createMemoryQueue())),
  });
  const store = defineStore({
    name: "s",
    options,
    open: (_, { id }) =>
      id === "broken"
        ? Promise.reject(new ScrubberError("SCRUBBER_STORE_MISCONFIGURED", "no root"))
        : Promise.resolve(track(id, createMemoryStore())),
  });
  const registry = {
    ...memoryRegistry,
    open: () => Promise.resolve(track("registry", createMemoryRegistry())),
  };

  test("goes registry, queue, stores; closing goes in reverse", async () => {
    order.length = 0;
    const scrubber = await createScrubber({
      queue: { use: queue },
      registry: { use: registry },
      stores: [
        { id: "one", use: store },
        { id: "two", use: store },
      ],
    });
    await scrubber[Symbol.asyncDispose]();
    expect(order).toEqual([
      "open registry",
      "open queue",
      "open one",
      "open two",
      "close two",
      "close one",
      "close queue",
      "close registry",
    ]);
  });

  test("that fails halfway closes what is open", async () => {
    order.length = 0;
    const opening = createScrubber({
      queue: { use: queue },
      stores: [
        { id: "one", use: store },
        { id: "broken", use: store },
      ],
    });
    await expect(opening).rejects.toMatchObject({ code: "SCRUBBER_STORE_MISCONFIGURED" });
    expect(order).toEqual(["open queue", "open one", "close one", "close queue"]);
  });

  test("refuses a queue that can only be read, and says where it belongs", async () => {
    const opening = createScrubber({
      queue: { use: memoryQueue, with: { supports: { lease: false } } },
      stores: [{ use: memoryStore }],
    });
    await expect(opening).rejects.toMatchObject({
      code: "SCRUBBER_CONFIG_INVALID",
      hint: expect.stringContaining("sweep.from"),
    });
  });
});
