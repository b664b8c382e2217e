import { describe, expect, test } from "vitest";
import { imageIdProblem, schemeOf, storeIdOf } from "../src/index.ts";

describe("imageIdProblem", () => {
  test.each([
    "a",
    "71c675ab-d94f-49cd-a114-e12490b328d9",
    "with space/and:more",
    "x".repeat(255),
    "ü".repeat(127),
    "\u{1f5d1}",
  ])("takes an image id of 1 to 255 bytes without control characters: %s", (id) => {
    expect(imageIdProblem(id)).toBeUndefined();
  });

  test.each([
    ["", "empty"],
    ["x".repeat(256), "longer than 255 bytes"],
    ["ü".repeat(128), "longer than 255 bytes"],
    ["a\nb", "control character"],
    ["a\u0000", "control character"],
    ["a\u007f", "control character"],
    ["a\u0085", "control character"],
    ["\ud800", "not valid Unicode"],
  ])("says why an image id cannot be used: %j", (id, why) => {
    expect(imageIdProblem(id)).toContain(why);
  });
});

describe("storeIdOf", () => {
  const uri = "s3://bucket/key";
  test.each([
    [{ uri }, undefined],
    [{ uri, store: "fast" }, "fast"],
    [{ uri, store: "fast", metadata: { store: "slow" } }, "fast"],
    [{ uri, metadata: { store: "slow", backend: "old" } }, "slow"],
    [{ uri, metadata: { backend: "old" } }, "old"],
    [{ uri, metadata: { store: "" } }, undefined],
    [{ uri, metadata: { store: 7 } }, undefined],
  ])("finds the store that a location names: %j", (location, id) => {
    expect(storeIdOf(location)).toBe(id);
  });
});

describe("schemeOf", () => {
  test.each([
    ["s3+HTTPS://host/b/k", "s3+https"],
    ["file:/a", "file"],
    ["/a/b:c", undefined],
    ["1a://b", undefined],
    ["a1-b.c+d:x", "a1-b.c+d"],
    ["-a:b", undefined],
    ["a_b://c", undefined],
    ["ä://b", undefined],
    [":", undefined],
    ["", undefined],
  ])("reads the scheme of %j", (uri, scheme) => {
    expect(schemeOf(uri)).toBe(scheme);
  });
});
