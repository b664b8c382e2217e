import { messageOf } from "@scrubber/core";
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { isPlainObject, type Redactor } from "../redactor.ts";

/** How a reference to a secret is followed. */
export interface SecretSources {
  readonly env: NodeJS.ProcessEnv;
  /** What relative paths of `file:` are relative to. */
  readonly directory: string;
  /** Learns every secret that is found. */
  readonly redactor: Redactor;
  /** Called where a reference leads nowhere. */
  report(path: readonly (string | number)[], message: string, hint: string): void;
}

/**
 * A copy of `value` in which every string that starts with `env:`, or with `file:` not followed by `//`, is replaced by what it refers to;
 * `literal:` takes its own prefix off and nothing else. One line end at the end of a secret's file is no part of it.
 */
export function resolveSecrets(value: unknown, path: readonly (string | number)[], sources: SecretSources): unknown {
  if (typeof value === "string") return resolveSecret(value, path, sources);
  if (Array.isArray(value)) return value.map((item, index) => resolveSecrets(item, [...path, index], sources));
  if (!isPlainObject(value)) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [key, resolveSecrets(item, [...path, key], sources)]),
  );
}

function resolveSecret(text: string, path: readonly (string | number)[], sources: SecretSources): string {
  if (text.startsWith("literal:")) return text.slice("literal:".length);
  if (text.startsWith("env:")) {
    const name = text.slice("env:".length);
    const secret = sources.env[name];
    if (secret === undefined || secret === "") {
      const how = secret === undefined ? "is not set" : "is empty";
      sources.report(path, `the environment variable ${name} ${how}`, `Set it: export ${name}=...`);
      return "";
    }
    sources.redactor.add(secret);
    return secret;
  }
  if (text.startsWith("file:") && !text.startsWith("file://")) {
    const file = resolve(sources.directory, text.slice("file:".length));
    try {
      const secret = readFileSync(file, "utf8").replace(/\r?\n$/, "");
      sources.redactor.add(secret);
      return secret;
    } catch (error) {
      sources.report(
        path,
        `cannot read the secret's file ${file}: ${messageOf(error)}`,
        "Make the file, or correct its path; what is meant as it stands is written literal:file:...",
      );
      return "";
    }
  }
  return text;
}
