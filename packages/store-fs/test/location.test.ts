import { isScrubberError } from "@scrubber/core";
import { describe, expect, test } from "vitest";
import { pathOfFileUri } from "../src/location.ts";

const refused = (uri: string, percentEncoded: boolean): boolean => {
  try {
    pathOfFileUri(uri, percentEncoded);
    return false;
  } catch (error) {
    return isScrubberError(error, "SCRUBBER_LOCATION_INVALID");
  }
};

describe("a standard file URL", () => {
  test.each([
    ["file:///srv/a", "/srv/a"],
    ["file:/srv/a", "/srv/a"],
    ["file://localhost/srv/a", "/srv/a"],
    ["FILE://LOCALHOST/srv/a", "/srv/a"],
    ["filesystem:///srv/a", "/srv/a"],
    ["file:///srv//a", "/srv/a"],
    ["file:////srv/a", "/srv/a"],
    ["file:///srv/a%20b", "/srv/a b"],
    ["file:///srv/a b", "/srv/a b"],
    ["file:///srv/a+b", "/srv/a+b"],
    ["file:///srv/%3F%23%25", "/srv/?#%"],
    ["file:///srv/a%0Ab", "/srv/a\nb"],
    ["file:///srv/%C3%A4", "/srv/ä"],
    ["file:///srv/ä", "/srv/ä"],
    ["file:///srv/...", "/srv/..."],
    ["file:///srv/.a/..b", "/srv/.a/..b"],
    ["file:///srv/a:b@c", "/srv/a:b@c"],
  ])("%s names the file %s", (uri, path) => {
    expect(pathOfFileUri(uri, true)).toBe(path);
  });

  test.each([
    "file:///srv/a?b",
    "file:///srv/a#b",
    "file:///srv/a\\b",
    "file:///srv/a\tb",
    "file:///srv/a ",
    "file:///srv/a%2fb",
    "file:///srv/a%00",
    "file:///srv/a%2",
    "file:///srv/a%ff",
    "file:///srv/../a",
    "file:///srv/%2E%2e/a",
    "file:///srv/a/.",
    "file:///srv/a/",
    "file:///",
    "file://",
    "file://srv/a",
    "file:srv/a",
    "file:///srv/\udc00",
  ])("%j is refused: it has no one meaning", (uri) => {
    expect(refused(uri, true)).toBe(true);
  });
});

describe("Glance's undecoded form", () => {
  test.each([
    ["file:///srv/a%20b", "/srv/a%20b"],
    ["file:///srv/a b", "/srv/a b"],
    ["file:///srv/a?b#c", "/srv/a?b#c"],
    ["file:///srv/a%2Fb", "/srv/a%2Fb"],
    ["file:///srv/a%ff", "/srv/a%ff"],
    ["file:///srv/a\\b", "/srv/a\\b"],
    ["filesystem:///srv//a", "/srv/a"],
  ])("%s names the file %s, byte for byte", (uri, path) => {
    expect(pathOfFileUri(uri, false)).toBe(path);
  });

  test.each([
    "file:///srv/../a",
    "file:///srv/a\0",
    "file://srv/a",
    "file://localhost/a",
    "file:/srv/a",
    "file:///srv/",
  ])("%j is refused", (uri) => {
    expect(refused(uri, false)).toBe(true);
  });
});
