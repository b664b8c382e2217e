import type { StoreHarness, StoreUnderTest } from "../../src/conformance/index.ts";
import type { StoreSupports } from "../../src/index.ts";
import { createMemoryStore } from "../../src/memory/index.ts";

/** A memory store that may touch the groups `kit` and `other`. */
export function memoryStoreHarness(supports: Partial<StoreSupports> = {}): StoreHarness {
  return {
    name: "in memory",
    open(): Promise<StoreUnderTest> {
      const store = createMemoryStore({ groups: ["kit", "other"], supports });
      const locate = (name: string): { readonly uri: string } => ({ uri: `memory://kit/${name}` });
      return Promise.resolve({
        store,
        locate,
        create: (name, content) => Promise.resolve(store.put(locate(name).uri, { size: content.length })),
        replace: ({ uri }) => Promise.resolve(void store.put(uri, { size: 3 })),
        exists: ({ uri }) => Promise.resolve(store.has(uri)),
        identify: ({ uri }) => Promise.resolve(store.identify(uri) ?? {}),
        hold: ({ uri }) => Promise.resolve(void store.faults.held.set(keyOf(uri), undefined)),
        second: () => Promise.resolve(createMemoryStore({ sharing: store })),
        count: () => Promise.resolve(store.objects.size),
        spellings: ({ uri }) => [
          { uri: uri.replace("memory://kit/", "MEMORY://KIT/") },
          { uri: uri.replace("memory://", "memory://someone:passphrase@") },
          { uri: uri.replace("object", "%6fbject") },
          { uri: `${uri}?sig=signature` },
        ],
        foreign: [{ uri: "file:///kit/object" }],
        refused: [
          { uri: "memory://kit" },
          { uri: "memory://kit/" },
          { uri: "memory://elsewhere/object" },
          { uri: "memory://someone:passphrase@elsewhere/object?sig=signature" },
          { uri: "memory://kit/%zz" },
        ],
        breakBackend: () => {
          const mend = store.breakBackend();
          return Promise.resolve(() => Promise.resolve(mend()));
        },
        [Symbol.asyncDispose]: () => store[Symbol.asyncDispose](),
      });
    },
  };
}

function keyOf(uri: string): string {
  return uri.slice("memory://".length);
}
