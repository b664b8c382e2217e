import type { LocationRef, Reference } from "@scrubber/core";
import { createMemoryRegistry } from "@scrubber/core/memory";
import { expect, test } from "vitest";
import { References } from "../src/references.ts";
import { withReferences } from "./admission-world.ts";

test("the index of references is extended at the same small cost while rows at the end are recorded as deleted, and still finds a late row", async () => {
  const rows = new Map<LocationRef, Reference>();
  const add = (ref: LocationRef): void => {
    rows.set(ref, { ref, imageId: `i${ref}`, location: { uri: `s:${ref}` } });
  };
  for (let ref = 1; ref <= 20_000; ref++) if (ref !== 19_500) add(ref);
  let read = 0;
  const references = new References({
    registry: withReferences(createMemoryRegistry(), async function* list(after) {
      const found = [...rows.values()].filter(({ ref }) => ref > (after ?? 0)).toSorted((a, b) => a.ref - b.ref);
      read += found.length;
      await Promise.resolve();
      yield found;
    }),
    addressesOf: ({ uri }) => [{ place: "s", key: uri.slice(2) }],
    monotonic: () => 0,
    emit: () => {},
  });
  await references.ready();
  read = 0;
  for (let ref = 20_000; ref > 19_990; ref--) {
    rows.delete(ref);
    await references.current();
  }
  expect(read).toBeLessThanOrEqual(10 * 1001);
  add(19_500);
  expect((await references.current()).find("s", "19500")).toEqual([19_500]);
  // All at the end is purged, and a database that was started anew gives its ids out again.
  for (let ref = 20_000; ref > 10_000; ref--) rows.delete(ref);
  add(10_001);
  expect((await references.current()).find("s", "10001")).toEqual([10_001]);
});
