import { defineStore, ScrubberError, type Store, type StorePlugin } from "@scrubber/core";
import { createMemoryQueue, createMemoryStore, memoryQueue } from "@scrubber/core/memory";
import { expect, test } from "vitest";
import { createScrubber, type Scrubber } from "../src/index.ts";
import { Router } from "../src/routing.ts";

/** A store as a plugin in JavaScript may have it, in whose author's way no compiler stands. */
function storeWithout(...missing: readonly string[]): unknown {
  const store = createMemoryStore();
  const names = ["schemes", "supports", "limits", "target", "delete", "inspect", "probe", Symbol.asyncDispose] as const;
  return Object.fromEntries(
    names
      .filter((name) => !missing.includes(String(name)))
      .map((name) => {
        const part: unknown = store[name];
        return [
          name,
          typeof part === "function" ? (...args: unknown[]): unknown => Reflect.apply(part, store, args) : part,
        ];
      }),
  );
}

function scrubberWith(opened: unknown): Promise<Scrubber> {
  return scrubberOpening(() => Promise.resolve(opened as Store));
}

function scrubberOpening(open: () => Promise<Store>): Promise<Scrubber> {
  const plugin: StorePlugin = defineStore({
    name: "home-made",
    options: { "~standard": { version: 1, vendor: "test", validate: (value) => ({ value }) } },
    open,
  });
  return createScrubber({
    queue: { use: memoryQueue, with: { instance: createMemoryQueue() } },
    stores: [{ id: "mine", use: plugin }],
  });
}

test("what a store plugin opened is looked at before anything is leased: the error names store, plugin and all that is missing", async () => {
  await expect(scrubberWith(storeWithout("schemes", "probe"))).rejects.toMatchObject({
    code: "SCRUBBER_PLUGIN_INVALID",
    message: `the store "mine": what the plugin "home-made" opened is no store: it lacks probe(), schemes (in lower case, without the colon)`,
  });
  await expect(scrubberWith(storeWithout("limits"))).rejects.toMatchObject({ code: "SCRUBBER_PLUGIN_INVALID" });
  await expect(scrubberWith(storeWithout("Symbol(Symbol.asyncDispose)"))).rejects.toMatchObject({
    code: "SCRUBBER_PLUGIN_INVALID",
  });
  for (const place of ["", 7, null]) {
    await expect(scrubberWith(Object.assign(Object(storeWithout()), { place }))).rejects.toMatchObject({
      code: "SCRUBBER_PLUGIN_INVALID",
      message: expect.stringContaining("it lacks a place that is a text (or none)"),
    });
  }
  await expect(scrubberWith(undefined)).rejects.toMatchObject({ code: "SCRUBBER_PLUGIN_INVALID" });
  await using whole = await scrubberWith(storeWithout());
  expect(await whole.runOnce()).toMatchObject({ leased: 0 });
});

test("a plugin that fails while it is opened is named, with the store that it is of and what it threw, but not its words: they may hold a secret", async () => {
  const refused = Object.assign(new Error("connect s3cret"), { code: "ECONNREFUSED" });
  const failed = await scrubberOpening(() => Promise.reject(refused)).catch((error: unknown) => error);
  expect(failed).toMatchObject({
    code: "SCRUBBER_PLUGIN_FAILED",
    message: 'the store "mine": the store plugin "home-made" failed while it was opened (Error, ECONNREFUSED)',
    hint: expect.stringContaining("--debug"),
    cause: refused,
  });
  await expect(
    scrubberOpening(() => {
      throw new TypeError("s3cret");
    }),
  ).rejects.toMatchObject({ message: expect.stringMatching(/\(TypeError\)$/) });
});

test("what a store says of itself when it cannot be opened is passed on, with its id before it", async () => {
  const own = new ScrubberError("SCRUBBER_STORE_MISCONFIGURED", "no root", { hint: "Make one." });
  await expect(scrubberOpening(() => Promise.reject(own))).rejects.toMatchObject({
    code: "SCRUBBER_STORE_MISCONFIGURED",
    message: 'the store "mine": no root',
    hint: "Make one.",
  });
});

test("a store that makes a target without key or group of a location takes none: the entry is set aside, naming it", () => {
  const store: Store = Object.assign(createMemoryStore(), { target: () => ({ key: "a" }) as never });
  const router = new Router([{ id: "mine", store, limits: store.limits }]);
  expect(router.route({ uri: "memory://group/a" }, new Date())).toEqual({
    reason: `store "mine" made a target without key and group of it`,
  });
});
