import { isAbsolute } from "node:path";
import { CONTRACT } from "../plugin.ts";
import type { AnyPlugin, QueueContext } from "../plugin.ts";
import type { SchemaIssue } from "../standard-schema.ts";
import type { PluginHarness, Runner } from "./harness.ts";
import { broken, promise, same } from "./promise.ts";

/** One promise of a plugin, as data. */
export interface PluginCase {
  readonly title: string;
  readonly run: (harness: PluginHarness) => Promise<void>;
}

/** Registers a test for every promise of a plugin: what it says of itself, its options, and that it opens and closes. */
export function testPlugin(runner: Runner, harness: PluginHarness): void {
  runner.describe(`the plugin ${harness.name} keeps its promises`, () => {
    for (const one of pluginCases) runner.test(one.title, () => one.run(harness));
  });
}

const SUPPORTS = {
  queue: ["add", "durable", "lease", "shared"],
  registry: ["locationStatus", "manage", "references", "restore"],
  store: ["bytes", "holds", "identity", "versions"],
} as const;

/** What every plugin promises, as data. */
export const pluginCases: readonly PluginCase[] = [
  {
    title: "it says which kind it is, for which contract, and its short name",
    async run({ plugin }) {
      promise(Object.hasOwn(SUPPORTS, plugin.kind), "kind is queue, registry or store", plugin.kind);
      same(plugin.contract, CONTRACT, "contract is the version that this kit tests (defineStore and its like set it)");
      promise(/^[a-z][a-z0-9]*(-[a-z0-9]+)*$/.test(plugin.name), "name is a short word in kebab case", plugin.name);
    },
  },
  {
    title: "its options are a Standard Schema, version 1",
    async run({ plugin }) {
      const schema = plugin.options["~standard"];
      same(schema.version, 1, "options is a Standard Schema of version 1");
      promise(schema.vendor !== "", "options names its vendor");
    },
  },
  {
    title: "good options are accepted",
    async run(harness) {
      await accepted(harness);
    },
  },
  {
    title: "an unknown option is refused, and the answer names it",
    async run(harness) {
      const options = await harness.options();
      const wrong = { ...(typeof options === "object" ? options : {}), noSuchOption: 1 };
      await refused(
        harness.plugin,
        wrong,
        "noSuchOption",
        "an option that does not exist is refused, so that a misspelt one is found",
      );
    },
  },
  {
    title: "bad options are refused, and the answer names what is wrong",
    async run({ plugin, refused: bad }) {
      for (const { options, names } of bad) {
        await refused(plugin, options, names, "bad options are refused with an issue for each");
      }
    },
  },
  {
    title: "it opens, has all that its contract asks for, says what it supports, and closes",
    async run(harness) {
      const { plugin } = harness;
      const opened = await open(harness);
      try {
        const supports: Readonly<Record<string, unknown>> = { ...opened.supports };
        same(Object.keys(supports).toSorted(), SUPPORTS[plugin.kind], `supports has every flag of a ${plugin.kind}`);
        for (const [flag, value] of Object.entries(supports)) {
          same(typeof value, "boolean", `supports.${flag} is true or false`);
        }
        for (const method of METHODS[plugin.kind]) {
          same(typeof Reflect.get(opened, method), "function", `a ${plugin.kind} has ${method}`);
        }
        if ("limits" in opened) {
          const { batch, concurrency } = opened.limits;
          promise(isCount(batch) && isCount(concurrency), "limits are whole numbers from 1 on", opened.limits);
          const wellFormed = opened.schemes.every((scheme) => /^[a-z][a-z0-9+.-]*$/.test(scheme));
          promise(opened.schemes.length > 0 && wellFormed, "schemes are in lower case, without colon", opened.schemes);
        }
      } finally {
        await opened[Symbol.asyncDispose]();
      }
    },
  },
  {
    title: "it can be opened again after it was closed",
    async run(harness) {
      const options = await accepted(harness);
      for (let time = 0; time < 2; time++) {
        try {
          const opened = await harness.plugin.open(options, contextOf(harness.plugin));
          await opened[Symbol.asyncDispose]();
        } catch (error) {
          broken("what was closed can be opened again, with the same options", `Opening it threw: ${String(error)}`);
        }
      }
    },
  },
  {
    title: "set-up can be repeated, and then has nothing left to make",
    async run(harness) {
      const { plugin } = harness;
      if (plugin.setUp === undefined) return;
      const options = await accepted(harness);
      await plugin.setUp(options, contextOf(plugin));
      same(await plugin.setUp(options, contextOf(plugin)), [], "a second setUp touches nothing that is there");
    },
  },
];

const METHODS = {
  queue: ["add", "lease", "renew", "settle", "revive", "hasImages", "entries", "stats", "notes", "setNote"],
  registry: ["images", "pendingLocations", "references", "recordDeleted", "restore", "addImage", "requestDeletion"],
  store: ["target", "delete", "inspect", "probe"],
} as const;

async function open(harness: PluginHarness): Promise<Awaited<ReturnType<AnyPlugin["open"]>>> {
  const { plugin } = harness;
  return plugin.open(await accepted(harness), contextOf(plugin));
}

async function accepted(harness: PluginHarness): Promise<unknown> {
  const result = await harness.plugin.options["~standard"].validate(await harness.options());
  if (result.issues !== undefined)
    broken("good options are accepted", `Issues: ${result.issues.map(asText).join("; ")}`);
  return result.value;
}

async function refused(plugin: AnyPlugin, options: unknown, names: string, sentence: string): Promise<void> {
  const { issues } = await plugin.options["~standard"].validate(options);
  if (issues === undefined) broken(sentence, `No issue for ${names}.`);
  promise(
    issues.some((issue) => asText(issue).includes(names)),
    `an issue names what is wrong by path or message: ${names}`,
    issues.map(asText),
  );
}

function asText({ path = [], message }: SchemaIssue): string {
  const steps = path.map((step) => String(typeof step === "object" ? step.key : step));
  return `${steps.join(".")}: ${message}`;
}

function isCount(n: number): boolean {
  return Number.isSafeInteger(n) && n >= 1;
}

function contextOf(plugin: AnyPlugin): QueueContext {
  const silent = (): void => {};
  return {
    id: plugin.kind === "store" ? plugin.name : plugin.kind,
    log: { debug: silent, info: silent, warn: silent, error: silent },
    now: () => new Date(),
    resolvePath(path) {
      if (isAbsolute(path)) return path;
      return broken("the options of the harness have absolute paths", `A relative path was to be resolved: ${path}`);
    },
    cipher: undefined,
    registry: undefined,
    delayMs: 0,
  };
}
