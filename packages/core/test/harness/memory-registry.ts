import type { RegistryHarness, RegistryUnderTest } from "../../src/conformance/index.ts";
import type { RegistrySupports } from "../../src/index.ts";
import { createClock, createMemoryRegistry } from "../../src/memory/index.ts";

export function memoryRegistryHarness(supports: Partial<RegistrySupports> = {}): RegistryHarness {
  return {
    name: "in memory",
    open(): Promise<RegistryUnderTest> {
      const clock = createClock();
      const registry = createMemoryRegistry({ ...clock, supports });
      return Promise.resolve({
        registry,
        ...clock,
        seed: (image) => Promise.resolve(registry.seed(image)),
        setStatus: (imageId, status) => Promise.resolve(registry.setStatus(imageId, status)),
        loseClaim: () => Promise.resolve(registry.loseClaim()),
        breakBackend: () => {
          const mend = registry.breakBackend();
          return Promise.resolve(() => Promise.resolve(mend()));
        },
        [Symbol.asyncDispose]: () => registry[Symbol.asyncDispose](),
      });
    },
  };
}
