import { expect, test } from "vitest";
import { createLocationReader } from "../src/location.ts";

test("a version says which object it is a version of, by the key that the object has as a whole", () => {
  const reader = createLocationReader({
    endpoint: "https://s3.example.com",
    hosts: [],
    buckets: undefined,
    glanceUris: false,
  });
  const requestedAt = new Date(0);
  const whole = reader.target({ location: { uri: "s3://bucket/what%3F" }, requestedAt });
  const version = reader.target({
    location: { uri: "s3://bucket/what%3F", identity: { versionId: "v" } },
    requestedAt,
  });
  expect(version?.within).toBe(whole?.key);
  expect(version?.key).not.toBe(whole?.key);
  expect(whole?.within).toBeUndefined();
});
