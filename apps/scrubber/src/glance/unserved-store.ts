import { defineStore, ScrubberError, type StandardSchemaV1, type Store, type StorePlugin } from "@scrubber/core";

/** The store types of Glance that there is no plugin for, by the schemes of their locations. What is `http` Glance itself can only read. */
const SCHEMES: Readonly<Record<string, readonly string[]>> = {
  cinder: ["cinder"],
  http: ["http", "https"],
  https: ["http", "https"],
  rbd: ["rbd"],
  swift: ["swift", "swift+http", "swift+https", "swift+config"],
  vmware: ["vsphere"],
  vsphere: ["vsphere"],
};

/** Whether it is a store type of Glance that there is no plugin for. */
export function isUnserved(type: string): boolean {
  return Object.hasOwn(SCHEMES, type);
}

export interface UnservedOptions {
  /** Glance's name of the store's type. */
  readonly type: string;
}

const options: StandardSchemaV1<UnservedOptions> = {
  "~standard": {
    version: 1,
    vendor: "scrubber",
    validate(value) {
      const { type, ...others } = (value ?? {}) as Readonly<Record<string, unknown>>;
      const unknown = Object.keys(others).map((key) => ({
        message: `The key "${key}" is not known here`,
        path: [key],
      }));
      if (unknown.length > 0) return { issues: unknown };
      if (typeof type === "string" && isUnserved(type)) return { value: { type } };
      return { issues: [{ message: `It must be one of ${Object.keys(SCHEMES).join(", ")}`, path: ["type"] }] };
    },
  },
};

/** Stands in for a store that Glance has enabled and nothing here can delete from: it takes its locations for its own and refuses each, so that they are set aside with the reason. */
const plugin: StorePlugin<UnservedOptions, UnservedOptions> = defineStore({
  name: "unserved",
  options,
  open: ({ type }) => Promise.resolve(unservedStore(type)),
});

export default plugin;

function unservedStore(type: string): Store {
  // One for all: whoever lists many locations of it must not pay for a stack trace of each.
  const refusal = new ScrubberError(
    "SCRUBBER_LOCATION_INVALID",
    `stores of type ${type} are not served by this scrubber; its image stays pending`,
    { hint: "Delete the data by other means: with Glance's own scrubber, where it can delete from that type." },
  );
  return {
    schemes: SCHEMES[type] ?? [],
    supports: { identity: false, holds: false, versions: false, bytes: false },
    limits: { batch: 1, concurrency: 1 },
    target() {
      throw refusal;
    },
    delete: () => Promise.reject(refusal),
    inspect: () => Promise.reject(refusal),
    probe: () =>
      Promise.resolve([
        {
          level: "warning",
          message: `stores of type ${type} are not served: locations are set aside, images stay pending`,
        },
      ]),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}
