import { expect, test } from "vitest";
import { Digester } from "../src/digest.ts";

const digester = new Digester("a secret");
const hex = (imageId: string, uri: string, store?: string): string =>
  digester.ofEntry(imageId, store === undefined ? { uri } : { uri, store }).toString("hex");

test("a digest depends on image, URI and store, on where one ends and the next begins, and on the secret", () => {
  const digests = [
    hex("a", "b"),
    hex("a", "c"),
    hex("b", "b"),
    hex("a", "b", "s"),
    hex("a", "b", ""),
    hex("ab", ""),
    hex("a", "", "b"),
    hex("a", "bs"),
    new Digester("another").ofEntry("a", { uri: "b" }).toString("hex"),
  ];
  expect(new Set(digests).size).toBe(digests.length);
  expect(hex("a", "b")).toBe(hex("a", "b"));
});

test("the store counts wherever the location names it", () => {
  const inMetadata = digester.ofEntry("a", { uri: "b", metadata: { store: "s" } }).toString("hex");
  expect(inMetadata).toBe(hex("a", "b", "s"));
});

test("all digests of an image start alike, and those of 100,000 images in order hardly ever meet and spread evenly", () => {
  const prefix = digester.ofImage("image-1").toString("hex");
  expect(hex("image-1", "x").startsWith(prefix)).toBe(true);
  expect(hex("image-1", "y").startsWith(prefix)).toBe(true);
  const prefixes = Array.from({ length: 100_000 }, (_, i) =>
    digester.ofImage(`6f1c2a34-0000-4000-8000-${String(i).padStart(12, "0")}`),
  );
  expect(new Set(prefixes.map((one) => one.toString("hex"))).size).toBeGreaterThan(99_990);
  const counts = Array.from({ length: 16 }, () => 0);
  for (const one of prefixes) {
    const digit = (one[0] ?? 0) >> 4;
    counts[digit] = (counts[digit] ?? 0) + 1;
  }
  expect(Math.min(...counts)).toBeGreaterThan(5000);
  expect(Math.max(...counts)).toBeLessThan(7500);
});
