import type { Context, Location, Outcome, Store, Target } from "@scrubber/core";
import plugin from "../src/index.ts";
import type { AzureOptionsInput } from "../src/options.ts";

const silent = (): void => {};

export const context: Context = {
  id: "azure",
  log: { debug: silent, info: silent, warn: silent, error: silent },
  now: () => new Date(),
  resolvePath: (path) => path,
  cipher: undefined,
};

export const calmly: { readonly signal: AbortSignal } = { signal: new AbortController().signal };

export async function openStore(options: AzureOptionsInput): Promise<Store> {
  const checked = await plugin.options["~standard"].validate(options);
  if (checked.issues !== undefined) throw new Error(checked.issues.map(({ message }) => message).join("; "));
  return plugin.open(checked.value, context);
}

export function targetOf(
  store: Store,
  location: Location,
  requestedAt: Date = new Date(Date.now() + 3_600_000),
): Target {
  const target = store.target({ location, requestedAt });
  if (target === undefined) throw new Error(`not taken: ${location.uri}`);
  return target;
}

export function remove(store: Store, ...locations: readonly Location[]): Promise<readonly Outcome[]> {
  return store.delete(
    locations.map((location) => targetOf(store, location)),
    calmly,
  );
}
