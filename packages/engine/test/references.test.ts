import type { Location, LocationRef, Reference } from "@scrubber/core";
import { createMemoryQueue, createMemoryRegistry, type MemoryQueue } from "@scrubber/core/memory";
import { describe, expect, test } from "vitest";
import { References } from "../src/references.ts";
import { withReferences } from "./admission-world.ts";

const DAY = 24 * 3_600_000;

/** Rows of a registry that a test shows and hides as it likes. The key of `s:KEY` is KEY. */
class Listing {
  readonly rows: Map<LocationRef, Reference> = new Map();
  readonly asked: (LocationRef | undefined)[] = [];
  /** How many rows were handed out. */
  read = 0;
  blockSize = 1000;
  elapsed = 0;
  readonly warnings: string[] = [];
  readonly references: References;

  constructor(notes?: MemoryQueue) {
    this.references = new References({
      registry: withReferences(createMemoryRegistry(), (after) => this.#list(after)),
      addressesOf: ({ uri, store = "s" }: Location) =>
        uri.startsWith("s:") ? [{ place: store, key: uri.slice(2) }] : [],
      monotonic: () => this.elapsed,
      emit: (event) => this.warnings.push(event.type === "warning" ? event.message : event.type),
      notes,
    });
  }

  add(ref: LocationRef, uri = `s:${ref}`): void {
    this.rows.set(ref, { ref, imageId: `i${ref}`, location: { uri } });
  }

  addMany(from: LocationRef, to: LocationRef): void {
    for (let ref = from; ref <= to; ref++) this.add(ref);
  }

  async find(key: string): Promise<readonly LocationRef[]> {
    return (await this.references.current()).find("s", key);
  }

  async *#list(after?: LocationRef): AsyncGenerator<readonly Reference[]> {
    this.asked.push(after);
    const rows = [...this.rows.values()].filter(({ ref }) => ref > (after ?? 0)).toSorted((a, b) => a.ref - b.ref);
    for (let at = 0; at < rows.length; at += this.blockSize) {
      const block = rows.slice(at, at + this.blockSize);
      this.read += block.length;
      yield block;
    }
  }
}

describe("the index of references", () => {
  test("is built in one scan when it is first needed", async () => {
    const listing = new Listing();
    listing.addMany(1, 5000);
    await listing.references.ready();
    await listing.references.ready();
    expect(listing.asked).toEqual([undefined]);
    expect(listing.read).toBe(5000);
    expect(await listing.find("1")).toEqual([1]);
    expect(await listing.find("5000")).toEqual([5000]);
    expect(await listing.find("5001")).toEqual([]);
  });

  test("is extended from some way back on every call, and not built again", async () => {
    const listing = new Listing();
    listing.addMany(1, 5000);
    await listing.references.ready();
    listing.add(5001);
    expect(await listing.find("5001")).toEqual([5001]);
    expect(listing.asked).toEqual([undefined, 4000]);
    for (let ref = 5002; ref < 5100; ref++) listing.add(ref);
    expect(await listing.find("5099")).toEqual([5099]);
    expect(listing.read).toBeLessThan(5000 + 3 * 1200);
  });

  test("takes in a row that moved to another store under the same URI", async () => {
    const listing = new Listing();
    listing.addMany(1, 10);
    await listing.references.ready();
    listing.rows.set(3, { ref: 3, imageId: "i3", location: { uri: "s:3", metadata: { store: "t" }, store: "t" } });
    expect((await listing.references.current()).find("t", "3")).toEqual([3]);
  });

  test("takes in a row that becomes visible behind others that were read already", async () => {
    const listing = new Listing();
    listing.addMany(1, 5000);
    listing.rows.delete(4200);
    listing.rows.delete(5000);
    expect(await listing.find("4200")).toEqual([]);
    listing.add(4200);
    expect(await listing.find("4200")).toEqual([4200]);
    // Thousands of rows come after a transaction that is still open; it commits minutes later.
    for (let step = 0; step < 10; step++) {
      listing.elapsed += 20_000;
      listing.addMany(5001 + step * 1000, 6000 + step * 1000);
      await listing.references.current();
    }
    listing.add(5000);
    expect(await listing.find("5000")).toEqual([5000]);
  });

  test("takes in a row among the last thousand, however late it becomes visible", async () => {
    const listing = new Listing();
    listing.addMany(1, 3000);
    listing.rows.delete(2500);
    for (let minutes = 0; minutes < 60; minutes += 6) {
      expect(await listing.find("2500")).toEqual([]);
      listing.elapsed += 6 * 60_000;
    }
    listing.add(2500);
    expect(await listing.find("2500")).toEqual([2500]);
  });

  test("reads no more than what came in the last minutes, however long it has been extended", async () => {
    const listing = new Listing();
    listing.addMany(1, 20_000);
    await listing.references.ready();
    for (let step = 0; step < 200; step++) {
      listing.elapsed += 60_000;
      listing.addMany(20_001 + step * 100, 20_100 + step * 100);
      await listing.references.current();
    }
    listing.read = 0;
    await listing.references.current();
    expect(listing.read).toBeLessThanOrEqual(1200);
  });

  test("answers with what was visible when it was asked, though another asked just before", async () => {
    const listing = new Listing();
    listing.addMany(1, 10);
    await listing.references.ready();
    const first = listing.references.current();
    await Promise.resolve();
    await Promise.resolve();
    listing.add(11);
    expect(await listing.find("11")).toEqual([11]);
    await first;
    listing.add(12);
    const found = await Promise.all(Array.from({ length: 20 }, () => listing.find("12")));
    expect(found).toEqual(Array.from({ length: 20 }, () => [12]));
    expect(listing.asked.length).toBeLessThanOrEqual(4);
  });

  test("takes in another location under a ref that was used before", async () => {
    const listing = new Listing();
    listing.addMany(1, 10);
    expect(await listing.find("10")).toEqual([10]);
    listing.add(10, "s:other");
    expect(await listing.find("other")).toEqual([10]);
  });

  test("is built anew when the rows that it goes on from are gone: their refs may be given out again", async () => {
    const listing = new Listing();
    listing.addMany(1, 3000);
    await listing.references.current();
    listing.rows.clear();
    await listing.references.current();
    listing.add(5, "s:new");
    expect(await listing.find("new")).toEqual([5]);
  });

  test("is built anew after a day, and so finds what the overlap missed", async () => {
    const listing = new Listing();
    listing.addMany(2, 5000);
    await listing.references.ready();
    listing.add(1);
    expect(await listing.find("1")).toEqual([]);
    listing.elapsed += DAY;
    await listing.references.ready();
    expect(await listing.find("1")).toEqual([1]);
  });

  test("is built anew by the next call when building or extending failed, and never answers half", async () => {
    const listing = new Listing();
    listing.addMany(1, 3000);
    listing.rows.set(2500, { ref: 2500, imageId: "i" } as unknown as Reference);
    await expect(listing.find("1")).rejects.toMatchObject({ code: "SCRUBBER_REGISTRY_ANSWER_INVALID" });
    listing.add(2500);
    expect(await listing.find("2500")).toEqual([2500]);
    listing.rows.set(3001, { ref: 3001, imageId: 5, location: { uri: "s:x" } } as unknown as Reference);
    await expect(listing.find("1")).rejects.toMatchObject({ code: "SCRUBBER_REGISTRY_ANSWER_INVALID" });
    listing.add(3001);
    expect(await listing.find("3001")).toEqual([3001]);
  });

  test("refuses a listing that is not in order", async () => {
    const listing = new Listing();
    listing.add(1);
    listing.rows.set(2, { ref: 1, imageId: "i", location: { uri: "s:x" } });
    await expect(listing.find("1")).rejects.toMatchObject({ code: "SCRUBBER_REGISTRY_ANSWER_INVALID" });
  });

  test("warns once of what cannot be compared, and again when it has become more", async () => {
    const listing = new Listing();
    listing.addMany(1, 10);
    listing.rows.set(11, { ref: 11, imageId: "i", unreadable: "sealed" });
    listing.add(12, "swift://elsewhere");
    for (let n = 0; n < 3; n++) await listing.references.current();
    expect(listing.warnings).toEqual([expect.stringContaining("2 locations")]);
    expect(listing.references.note).toBe("references: 2 locations could not be compared");
    listing.add(13, "swift://elsewhere");
    await listing.references.current();
    expect(listing.warnings).toHaveLength(2);
    expect(listing.references.note).toContain("3 locations");
  });

  test("says what cannot be compared once for all that share a queue, and again when the number changes, as after it was none", async () => {
    const notes = createMemoryQueue();
    const listing = new Listing(notes);
    const warningsWith = async (...refs: readonly number[]): Promise<number> => {
      listing.rows.clear();
      for (const ref of refs) listing.add(ref, "swift://elsewhere");
      listing.warnings.length = 0;
      listing.references.forget();
      await listing.references.ready();
      return listing.warnings.length;
    };
    expect(await warningsWith(1)).toBe(1);
    expect(listing.warnings[0]).toMatch(/^1 location in the registry cannot/);
    expect(await warningsWith(1)).toBe(0);
    expect(await warningsWith(1, 2)).toBe(1);
    expect(await warningsWith(2)).toBe(1);
    expect(await warningsWith()).toBe(0);
    expect(await warningsWith(2)).toBe(1);
    notes.notes = () => Promise.reject(new Error("down"));
    expect(await warningsWith(2)).toBe(1);
  });

  test("reads rows afresh, a block for each that stands alone, and leaves out those that are gone", async () => {
    const listing = new Listing();
    listing.addMany(1, 10_000);
    listing.rows.delete(7);
    listing.blockSize = 10;
    const found = await listing.references.rows([9000, 10_001, 7, 5, 8]);
    expect([...found.keys()].toSorted((a, b) => a - b)).toEqual([5, 8, 9000]);
    expect(found.get(8)).toMatchObject({ imageId: "i8", location: { uri: "s:8" } });
    expect(listing.read).toBe(20);
    expect(await listing.references.rows([])).toEqual(new Map());
  });

  test("gives others their turn while it is built", async () => {
    const listing = new Listing();
    listing.addMany(1, 300_000);
    let turns = 0;
    const timer = setInterval(() => turns++, 1);
    await listing.references.ready();
    clearInterval(timer);
    expect(turns).toBeGreaterThan(3);
  });
});
