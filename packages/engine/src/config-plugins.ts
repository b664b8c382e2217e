import { CONTRACT, isScrubberError, type AnyPlugin, type PluginKind, type StandardSchemaV1 } from "@scrubber/core";
import { sentence, shownPath, type ConfigProblem } from "./config-problems.ts";

/** A plugin with options that it has accepted. */
export interface CheckedPlugin<P> {
  readonly plugin: P;
  readonly options: unknown;
}

/** Stands for a plugin that could not be loaded: whoever tried has said so already. No problem is reported for it, and its options are not looked at. */
export const UNRESOLVED: unique symbol = Symbol("scrubber.unresolved");

/** Looks whether `at.use` is a plugin of that kind, and has it check `at.with`. Problems are added to `problems`. */
export async function checkPlugin(
  kind: PluginKind,
  path: string,
  at: Readonly<Record<string, unknown>>,
  problems: ConfigProblem[],
): Promise<CheckedPlugin<AnyPlugin> | undefined> {
  const plugin = at["use"];
  // A list is told of where the shape is looked at.
  if (plugin === UNRESOLVED || Array.isArray(at)) return undefined;
  const problem = pluginProblem(kind, plugin);
  if (problem !== undefined) {
    problems.push({ path: `${path}.use`, ...problem });
    return undefined;
  }
  const checked = plugin as AnyPlugin;
  const schemaOf = checked.options as StandardSchemaV1;
  try {
    const result = await schemaOf["~standard"].validate(at["with"] ?? {});
    if (result.issues === undefined) return { plugin: checked, options: result.value };
    for (const issue of result.issues) {
      const below = (issue.path ?? []).map((step) => (typeof step === "object" ? step.key : step));
      problems.push({
        path: shownPath(below.map(String), `${path}.with`),
        code: "SCRUBBER_PLUGIN_OPTIONS",
        message: /Expected never/.test(issue.message)
          ? `the key "${String(below.at(-1))}" is not known here`
          : sentence(issue.message),
        hint: `These are the options of the ${kind} plugin "${checked.name}"; its README lists them.`,
      });
    }
  } catch (error) {
    problems.push({
      path: `${path}.with`,
      code: "SCRUBBER_PLUGIN_FAILED",
      message: `the plugin "${checked.name}" failed while it checked its options${isScrubberError(error) ? `: ${error.message}` : ""}`,
      hint: "This is a defect of the plugin: tell its author.",
    });
  }
  return undefined;
}

function pluginProblem(kind: PluginKind, plugin: unknown): Omit<ConfigProblem, "path"> | undefined {
  if (plugin === undefined) {
    return {
      code: "SCRUBBER_CONFIG_INVALID",
      message: `no ${kind} plugin is named`,
      hint: `Set \`use\` to a ${kind} plugin.`,
    };
  }
  const at = record(plugin);
  if (typeof at["kind"] !== "string" || typeof at["open"] !== "function" || typeof at["name"] !== "string") {
    return {
      code: "SCRUBBER_PLUGIN_INVALID",
      message: typeof plugin === "string" ? `"${plugin}" is a name, not a plugin` : "this is no plugin",
      hint: "In code, `use` is the plugin itself: import it from its package. Packages are resolved by name in configuration files only.",
    };
  }
  if (at["kind"] !== kind) {
    return {
      code: "SCRUBBER_PLUGIN_KIND",
      message: `"${at["name"]}" is a ${at["kind"]} plugin; a ${kind} plugin belongs here`,
      hint: `Put it where ${at["kind"]} plugins belong, and a ${kind} plugin here.`,
    };
  }
  if (at["contract"] !== CONTRACT) {
    return {
      code: "SCRUBBER_PLUGIN_CONTRACT",
      message: `the plugin "${at["name"]}" was written for contract ${String(at["contract"])}; this Scrubber speaks contract ${CONTRACT}`,
      hint: "Install versions of the plugin and of Scrubber that belong together.",
    };
  }
  if (typeof record(record(at["options"])["~standard"])["validate"] !== "function") {
    return {
      code: "SCRUBBER_PLUGIN_INVALID",
      message: `the plugin "${at["name"]}" has no options schema`,
      hint: "Its `options` must be a Standard Schema (zod, valibot, arktype): tell its author.",
    };
  }
  return undefined;
}

/** The fields of a value, if it has any. */
export function record(value: unknown): Readonly<Record<string, unknown>> {
  return (typeof value === "object" && value !== null) || typeof value === "function"
    ? (value as Readonly<Record<string, unknown>>)
    : {};
}
