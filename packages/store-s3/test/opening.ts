import { error, type ModelRequest } from "./model-server.ts";
import type { Location, Outcome, Presence, Store } from "@scrubber/core";
import type { S3Target } from "../src/index.ts";
import plugin, { type S3OptionsInput } from "../src/index.ts";

/** A store with these options beside credentials that no server looks at. */
export async function openS3(options: S3OptionsInput): Promise<Store<S3Target>> {
  const checked = await plugin.options["~standard"].validate({
    accessKeyId: "access",
    secretAccessKey: "secret",
    ...options,
  });
  if (checked.issues !== undefined) throw new Error(checked.issues.map(({ message }) => message).join("; "));
  const silent = (): void => {};
  const opened = await plugin.open(checked.value, {
    id: "s3",
    log: { debug: silent, info: silent, warn: silent, error: silent },
    now: () => new Date(),
    resolvePath: (path) => path,
    cipher: undefined,
  });
  return opened as Store<S3Target>;
}

export function at(bucket: string, key: string): Location {
  return { uri: `s3://${bucket}/${encodeURIComponent(key)}` };
}

/** After all that a test writes. */
function later(): Date {
  return new Date(Date.now() + 3_600_000);
}

export function targetsOf(store: Store, locations: readonly Location[], requestedAt: Date = later()): S3Target[] {
  return locations.map((location) => {
    const target = store.target({ location, requestedAt });
    if (target === undefined) throw new Error(`the store does not take ${location.uri}`);
    return target as S3Target;
  });
}

export function remove(
  store: Store,
  locations: readonly Location[],
  requestedAt?: Date,
  signal: AbortSignal = new AbortController().signal,
): Promise<readonly Outcome[]> {
  return store.delete(targetsOf(store, locations, requestedAt), { signal });
}

export function inspect(
  store: Store,
  locations: readonly Location[],
  requestedAt?: Date,
): Promise<readonly Presence[]> {
  return store.inspect(targetsOf(store, locations, requestedAt), { signal: new AbortController().signal });
}

export function kinds(answers: readonly { readonly kind: string }[]): readonly string[] {
  return answers.map(({ kind }) => kind);
}

/** The end of an object that was to be deleted by its name alone. */
export const UNCHECKED = { kind: "deleted", note: "identity: unchecked" } as const;

export function manyKeys(count: number): readonly string[] {
  return Array.from({ length: count }, (_, i) => `key-${i}`);
}

/** A server that takes so many keys in a request and no more. */
export function takesOnly(limit: number): (request: ModelRequest) => ReturnType<typeof error> | undefined {
  return ({ keys }) =>
    keys.length > limit ? error(400, "MalformedXML", "The XML you provided was not well-formed") : undefined;
}
