import { messageOf } from "@scrubber/core";
import { existsSync, readFileSync } from "node:fs";
import { createRequire, findPackageJSON } from "node:module";
import { dirname, join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import type { ErrorCode, PluginKind } from "@scrubber/core";

/** Why a plugin cannot be used: message and hint as in a `Problem`. */
export interface PluginFault {
  readonly code: ErrorCode;
  readonly message: string;
  readonly hint: string;
  readonly cause?: unknown;
}

/** Loads what `use` names, or says why it cannot; whether it is a plugin of that kind is judged by the engine. `directory` is the configuration file's folder. */
export async function loadPlugin(
  use: string,
  kind: PluginKind,
  directory: string,
): Promise<{ readonly plugin: unknown } | { readonly fault: PluginFault }> {
  const found = /^[./]/.test(use) ? resolvePath(use, directory) : resolvePackage(use, directory);
  if ("fault" in found) return found;
  let module: { readonly default?: unknown };
  try {
    module = await import(pathToFileURL(found.file).href);
  } catch (error) {
    return { fault: loadingFault(use, directory, error) };
  }
  if (module.default === undefined) return { fault: noDefaultExport(use, kind) };
  return isPlugin(module.default) ? { plugin: module.default } : { fault: noPlugin(use) };
}

type Found = { readonly file: string } | { readonly fault: PluginFault };

function resolvePath(use: string, directory: string): Found {
  const wanted = resolve(directory, use);
  try {
    return { file: createRequire(join(directory, "scrubber.yaml")).resolve(wanted) };
  } catch {
    return {
      fault: {
        code: "SCRUBBER_PLUGIN_NOT_FOUND",
        message: `cannot find ${wanted}`,
        hint: "A path in `use` is relative to the configuration file's folder.",
      },
    };
  }
}

function resolvePackage(use: string, directory: string): Found {
  for (const from of [join(directory, "scrubber.yaml"), import.meta.filename]) {
    const file = resolveFrom(use, from);
    if (file !== undefined) return { file };
  }
  return {
    fault: {
      code: "SCRUBBER_PLUGIN_NOT_FOUND",
      message: `cannot find the package "${use}"`,
      hint: `Run: npm install --prefix ${directory} ${use}`,
    },
  };
}

function resolveFrom(use: string, from: string): string | undefined {
  try {
    return createRequire(from).resolve(use);
  } catch {
    return importOnlyEntry(use, from);
  }
}

/** The entry of an installed package whose `exports` only know `import`, which `require.resolve` does not see. */
function importOnlyEntry(use: string, from: string): string | undefined {
  try {
    const manifest = findPackageJSON(use, from);
    if (manifest === undefined) return undefined;
    const { exports } = JSON.parse(readFileSync(manifest, "utf8")) as { exports?: Record<string, unknown> };
    const main = (exports?.["."] ?? exports) as { import?: unknown } | undefined;
    const entry = typeof main?.import === "object" ? (main.import as { default?: unknown })?.default : main?.import;
    const file = typeof entry === "string" ? join(dirname(manifest), entry) : undefined;
    return file !== undefined && existsSync(file) ? file : undefined;
  } catch {
    return undefined;
  }
}

function loadingFault(use: string, directory: string, error: unknown): PluginFault {
  const missing = missingPackage(error);
  if (missing !== undefined) {
    return {
      code: "SCRUBBER_PLUGIN_DEPENDENCY_MISSING",
      message: `"${use}" needs the package "${missing}", which is not installed`,
      hint: `Run: npm install --prefix ${directory} ${missing}`,
      cause: error,
    };
  }
  return {
    code: "SCRUBBER_PLUGIN_FAILED",
    message: `"${use}" fails while it is loaded: ${messageOf(error)}`,
    hint: "That is a fault of the plugin; --debug shows where.",
    cause: error,
  };
}

function missingPackage(error: unknown): string | undefined {
  if (!(error instanceof Error) || !("code" in error)) return undefined;
  if (error.code !== "ERR_MODULE_NOT_FOUND" && error.code !== "MODULE_NOT_FOUND") return undefined;
  return /^Cannot find (?:package|module) '((?:@[\w.~-]+\/)?[\w~-][\w.~-]*)/.exec(error.message)?.[1];
}

/** Whether it looks like one at all; whether it is one of the right kind and contract is for the engine to say, which knows plugins in code too. */
function isPlugin(value: unknown): boolean {
  return typeof value === "object" && value !== null && "open" in value && typeof value.open === "function";
}

function noPlugin(use: string): PluginFault {
  return {
    code: "SCRUBBER_PLUGIN_INVALID",
    message: `the default export of "${use}" is no plugin`,
    hint: "It must be what defineStore, defineQueue or defineRegistry of @scrubber/core returns.",
  };
}

function noDefaultExport(use: string, kind: PluginKind): PluginFault {
  const define = { queue: "defineQueue", registry: "defineRegistry", store: "defineStore" }[kind];
  return {
    code: "SCRUBBER_PLUGIN_INVALID",
    message: `"${use}" has no default export`,
    hint: `A plugin's module says: export default ${define}({ ... });`,
  };
}
