import { ScrubberError } from "@scrubber/core";
import fc from "fast-check";
import { expect, test } from "vitest";
import { createWorld, entriesOf, sumOf } from "./world.ts";

// Always the same cases, so that a red run means a change; PROPERTY_SEED tries others.
fc.configureGlobal({ seed: Number(process.env["PROPERTY_SEED"] ?? 1) });

test("whatever the stores answer, every entry gets one answer and the sum holds", { timeout: 120_000 }, async () => {
  const kinds = ["fine", "gone", "throttled", "denied", "held", "unknown", "poisonous", "invalid", "changed"] as const;
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.tuple(fc.constantFrom(...kinds), fc.nat(2), fc.nat(30)), { minLength: 1, maxLength: 60 }),
      fc.integer({ min: 1, max: 20 }),
      fc.boolean(),
      async (objects, batch, down) => {
        await using world = await createWorld({
          scrub: { batch: 7 },
          stores: { memory: { limits: { batch, concurrency: 2 } }, other: {} },
        });
        const store = world.stores["memory"]!;
        if (down) world.stores["other"]!.breakBackend(new ScrubberError("SCRUBBER_STORE_UNAVAILABLE", "down"));
        const uris = new Set<string>();
        for (const [kind, group, name] of objects) {
          const uri = `memory://g${group}/${kind === "invalid" ? "%ZZ" : ""}${kind}${name}`;
          uris.add(uri);
          if (kind === "invalid") continue;
          const key = `g${group}/${kind}${name}`;
          if (kind !== "gone") {
            const modifiedAt = new Date(world.clock.now().getTime() + (kind === "changed" ? 10_000 : 0));
            store.put(uri, { modifiedAt });
          }
          if (kind === "throttled") store.faults.throttled.add(key);
          if (kind === "denied") store.faults.denied.set(key, "no");
          if (kind === "held") store.faults.held.set(key, undefined);
          if (kind === "unknown") store.faults.unknown.set(key, "?");
          if (kind === "poisonous") store.faults.poisonous.add(key);
        }
        const entries = [...uris].map((uri) => ({ imageId: uri, location: { uri } }));
        const others = entriesOf(12, "other://group/o");
        await world.scrubber.add([...entries, ...others]);
        const answered = new Map<string, number>();
        world.scrubber.on((event) => {
          if (event.type === "entry.failed") answered.set(event.uri ?? "", (answered.get(event.uri ?? "") ?? 0) + 1);
        });
        const summary = await world.clock.until(world.scrubber.runOnce());
        expect(summary.leased).toBe(sumOf(summary));
        expect(summary.leased).toBeGreaterThanOrEqual(entries.length + others.length);
        for (const count of answered.values()) expect(count).toBe(1);
        const fine = [...uris].filter((uri) => /(fine|gone)\d+$/.test(uri) && !uri.includes("%"));
        expect(summary.deleted + summary.absent).toBe(fine.length + (down ? 0 : others.length));
        const stats = await world.queue.stats();
        expect(stats.leased).toBe(0);
        expect(stats.waiting + stats.setAside).toBe(
          entries.length + others.length - summary.deleted - summary.absent - summary.kept,
        );
      },
    ),
    { numRuns: 60 },
  );
});
