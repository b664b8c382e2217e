import type { PluginHarness } from "../../src/conformance/index.ts";
import { defineStore } from "../../src/index.ts";
import { createMemoryStore } from "../../src/memory/index.ts";
import { delegate } from "../harness/delegate.ts";

/** A plugin that is sound, with something to set up. */
export function soundPlugin(): PluginHarness & { readonly plugin: ReturnType<typeof defineStore<unknown, unknown>> } {
  let isSetUp = false;
  const plugin = defineStore<unknown, unknown>({
    name: "sound",
    options: {
      "~standard": {
        version: 1,
        vendor: "kit",
        validate(value) {
          if (value === null || typeof value !== "object") return { issues: [{ message: "must be an object" }] };
          const unknown = Object.keys(value).filter((name) => name !== "root");
          if (unknown.length > 0) return { issues: unknown.map((name) => ({ message: "unknown", path: [name] })) };
          return typeof Reflect.get(value, "root") === "string"
            ? { value }
            : { issues: [{ message: "must be a text", path: ["root"] }] };
        },
      },
    },
    open: () => Promise.resolve(createMemoryStore()),
    setUp() {
      const made = isSetUp ? [] : ["a root"];
      isSetUp = true;
      return Promise.resolve(made);
    },
  });
  return {
    name: "sound",
    plugin,
    options: () => Promise.resolve({ root: "here" }),
    refused: [{ options: { root: 1 }, names: "root" }],
  };
}

function methods(replaced: Partial<ReturnType<typeof soundPlugin>["plugin"]>): () => PluginHarness {
  return () => {
    const sound = soundPlugin();
    return { ...sound, plugin: { ...sound.plugin, ...replaced } };
  };
}

function validating(
  validate: (value: unknown) => { readonly value: unknown } | { readonly issues: [] },
): () => PluginHarness {
  return methods({ options: { "~standard": { version: 1, vendor: "kit", validate } } });
}

/** For each case of the kit, a plugin that is broken in just that way. */
export const pluginSabotages: Readonly<Record<string, () => PluginHarness>> = {
  "it says which kind it is, for which contract, and its short name": methods({ name: "Not In Kebab Case" }),
  "its options are a Standard Schema, version 1": methods({
    options: { "~standard": { version: 1, vendor: "", validate: (value) => ({ value }) } },
  }),
  "good options are accepted": validating(() => ({ issues: [] })),
  "an unknown option is refused, and the answer names it": validating((value) => ({ value })),
  "bad options are refused, and the answer names what is wrong": validating((value) => ({ value })),
  "it opens, has all that its contract asks for, says what it supports, and closes": methods({
    open: () =>
      Promise.resolve(delegate(createMemoryStore(), { supports: JSON.parse('{"identity": true, "bytes": "yes"}') })),
  }),
  "it can be opened again after it was closed": () => {
    const sound = soundPlugin();
    const store = createMemoryStore();
    let opened = 0;
    const open = async (): Promise<typeof store> => {
      if (++opened > 1) throw new TypeError("it is open already");
      return Promise.resolve(store);
    };
    return { ...sound, plugin: { ...sound.plugin, open } };
  },
  "set-up can be repeated, and then has nothing left to make": methods({ setUp: () => Promise.resolve(["a root"]) }),
};
