import { sentence } from "../src/config-problems.ts";
import { defineStore, type StorePlugin } from "@scrubber/core";
import { createMemoryStore, memoryQueue, memoryRegistry, memoryStore } from "@scrubber/core/memory";
import * as v from "valibot";
import { describe, expect, test } from "vitest";
import { checkConfig, createScrubber, UNRESOLVED, type Config, type ConfigProblem } from "../src/index.ts";

const GOOD: Config = { queue: { use: memoryQueue }, stores: [{ use: memoryStore }] };

async function problemsOf(value: unknown): Promise<readonly ConfigProblem[]> {
  const result = await checkConfig(value);
  for (const problem of result.problems ?? []) {
    expect(problem.message).not.toBe("");
    expect(problem.hint).not.toBe("");
  }
  return result.problems ?? [];
}

async function shown(value: unknown): Promise<string[]> {
  return (await problemsOf(value)).map(({ path, code, message }) => `${path} ${code} ${message}`).toSorted();
}

const fussy: StorePlugin<{ root: string }, { root: string }> = defineStore({
  name: "fussy",
  options: v.strictObject({ root: v.string(), depth: v.optional(v.object({ most: v.number() })) }) as never,
  open: () => Promise.resolve(createMemoryStore()),
});

describe("a configuration", () => {
  test("with nothing but plugins has every default", async () => {
    const { config } = await checkConfig(GOOD);
    expect(config?.scrub).toEqual({
      delayMs: 0,
      wakeupMs: 300_000,
      batch: 1000,
      maxAttempts: 10,
      unknownImage: "setAside",
      drainMs: 30_000,
    });
    expect(config?.stores.map(({ id }) => id)).toEqual(["memory"]);
    expect(config?.sweep).toBeUndefined();
    expect(config?.cipher).toBeUndefined();
    expect(config?.receipts).toBeUndefined();
  });

  test("sweeps every day where there is a registry, unless it says otherwise", async () => {
    const registry = { use: memoryRegistry };
    expect((await checkConfig({ ...GOOD, registry })).config?.sweep?.everyMs).toBe(86_400_000);
    expect((await checkConfig({ ...GOOD, registry, sweep: { every: "0s" } })).config?.sweep?.everyMs).toBe(0);
    expect((await checkConfig({ ...GOOD, registry, sweep: false })).config).toMatchObject({ sweep: undefined });
    expect(await shown({ ...GOOD, sweep: { every: "1h" } })).toEqual([
      "sweep SCRUBBER_CONFIG_INVALID there is nothing to sweep: no registry is configured",
    ]);
  });

  test("that is wrong in many places names them all at once", async () => {
    expect(
      await shown({
        queue: { use: memoryStore },
        stores: [
          { use: memoryStore },
          { use: memoryStore },
          { id: "a b", use: fussy, with: { root: 5, depth: { most: "x" }, extra: 1 }, limits: { batch: 0, speed: 1 } },
          { id: "c" },
        ],
        scrub: { delay: 5, wakeup: "soon", batch: 20_000, unknownImage: "drop", retries: 1 },
        encryption: { keys: ["short"] },
        receipts: {},
        registries: {},
      }),
    ).toEqual([
      "encryption.keys[0] SCRUBBER_KEY_INVALID it has 5 bytes",
      'queue.use SCRUBBER_PLUGIN_KIND "memory" is a store plugin; a queue plugin belongs here',
      "receipts.directory SCRUBBER_CONFIG_INVALID it is missing",
      'registries SCRUBBER_CONFIG_UNKNOWN_KEY the key "registries" is not known here',
      "scrub.batch SCRUBBER_CONFIG_INVALID expected <=10000",
      "scrub.delay SCRUBBER_DURATION_INVALID 5 is no duration",
      'scrub.retries SCRUBBER_CONFIG_UNKNOWN_KEY the key "retries" is not known here',
      'scrub.unknownImage SCRUBBER_CONFIG_INVALID expected ("setAside" | "delete")',
      'scrub.wakeup SCRUBBER_DURATION_INVALID "soon" is no duration',
      'stores[1].id SCRUBBER_CONFIG_INVALID stores[0] has the id "memory" already',
      'stores[2].id SCRUBBER_CONFIG_INVALID "a b" cannot be a store\'s id',
      "stores[2].limits.batch SCRUBBER_CONFIG_INVALID expected >=1",
      'stores[2].limits.speed SCRUBBER_CONFIG_UNKNOWN_KEY the key "speed" is not known here',
      "stores[2].with.depth.most SCRUBBER_PLUGIN_OPTIONS expected number",
      'stores[2].with.extra SCRUBBER_PLUGIN_OPTIONS the key "extra" is not known here',
      "stores[2].with.root SCRUBBER_PLUGIN_OPTIONS expected string",
      "stores[3].use SCRUBBER_CONFIG_INVALID no store plugin is named",
    ]);
  });

  test("that is a list where there must be a mapping says so, and what belongs there", async () => {
    const list = "SCRUBBER_CONFIG_INVALID it is a list, and must be a mapping";
    expect(await problemsOf([{ queue: GOOD.queue }, { stores: GOOD.stores }])).toEqual([
      {
        path: "",
        code: "SCRUBBER_CONFIG_INVALID",
        message: "it is a list, and must be a mapping",
        hint: expect.stringMatching(/without a dash in front of them\. Known here: queue, registry, sweep, stores,/),
      },
    ]);
    expect(await shown({ ...GOOD, queue: [GOOD.queue], encryption: [{ keys: [] }], stores: [[GOOD.queue]] })).toEqual([
      `encryption ${list}`,
      `queue ${list}`,
      `stores[0] ${list}`,
    ]);
  });

  test("with several keys that are no keys names each of them", async () => {
    expect(await shown({ ...GOOD, encryption: { keys: ["", "0123456789abcdef", "short"] } })).toEqual([
      "encryption.keys[0] SCRUBBER_KEY_INVALID it has 0 bytes",
      "encryption.keys[2] SCRUBBER_KEY_INVALID it has 5 bytes",
    ]);
  });

  test("names the known keys where one is not known", async () => {
    const [problem] = await problemsOf({ ...GOOD, stores: [{ use: memoryStore, options: {} }] });
    expect(problem).toMatchObject({ path: "stores[0].options", hint: "Known here: use, with, id, limits." });
  });

  test("of no shape at all is one that lacks everything", async () => {
    for (const value of [undefined, null, 5, "x", [], {}]) expect((await problemsOf(value)).length).toBeGreaterThan(0);
    expect(await shown({})).toEqual([
      "queue SCRUBBER_CONFIG_INVALID it is missing",
      "queue.use SCRUBBER_CONFIG_INVALID no queue plugin is named",
      "stores SCRUBBER_CONFIG_INVALID it is missing",
    ]);
  });

  test("refuses what is no plugin, and plugins of another contract", async () => {
    expect(await shown({ ...GOOD, queue: { use: "@scrubber/queue-file" } })).toEqual([
      'queue.use SCRUBBER_PLUGIN_INVALID "@scrubber/queue-file" is a name, not a plugin',
    ]);
    expect(await shown({ ...GOOD, queue: { use: {} } })).toEqual([
      "queue.use SCRUBBER_PLUGIN_INVALID this is no plugin",
    ]);
    expect(await shown({ ...GOOD, queue: { use: { ...memoryQueue, contract: 2 } } })).toEqual([
      'queue.use SCRUBBER_PLUGIN_CONTRACT the plugin "memory" was written for contract 2; this Scrubber speaks contract 1',
    ]);
    expect(await shown({ ...GOOD, queue: { use: { ...memoryQueue, options: undefined } } })).toEqual([
      'queue.use SCRUBBER_PLUGIN_INVALID the plugin "memory" has no options schema',
    ]);
  });

  test("says nothing of a plugin that its loader has complained about, but of all the rest", async () => {
    const result = await checkConfig({ ...GOOD, queue: { use: UNRESOLVED, with: 5 }, scrub: { batch: 0 } });
    expect(result.problems?.map(({ path }) => path)).toEqual(["scrub.batch"]);
    expect((await checkConfig({ ...GOOD, queue: { use: UNRESOLVED } })).problems).toEqual([]);
    expect((await checkConfig({ ...GOOD, stores: [{ use: UNRESOLVED }] })).problems).toEqual([]);
  });

  test("that is wrong is refused by createScrubber with all problems in one error", async () => {
    const wrong = { ...GOOD, scrub: { delay: "1", wakeup: "2" } };
    await expect(createScrubber(wrong)).rejects.toMatchObject({
      code: "SCRUBBER_CONFIG_INVALID",
      message: expect.stringMatching(/scrub\.delay: .*\n.*scrub\.wakeup: /),
    });
  });
});

test("a message never repeats the value that was refused: it may be a secret", () => {
  expect(sentence("Invalid integer: Received 71234567")).toBe("invalid integer");
  expect(sentence("Invalid type: Expected string but received 71234567")).toBe("expected string");
  expect(sentence('Invalid url: Received "https://user:secret@host"')).toBe("invalid url");
  expect(sentence('Invalid key: Expected "directory" but received undefined')).toBe("it is missing");
});
