import { expect, test } from "vitest";
import type { Account } from "../src/account.ts";
import { recognise } from "../src/location.ts";

test("a version says which blob it is a version of, by the key that the blob has as a whole", () => {
  // Of `azure:` locations, nothing of the account is asked.
  const as = { account: {} as Account, containers: undefined };
  const requestedAt = new Date(0);
  const whole = recognise({ uri: "azure://images/a/b%20c" }, requestedAt, as);
  const version = recognise({ uri: "azure://images/a/b%20c?versionid=2026" }, requestedAt, as);
  expect(version?.within).toBe(whole?.key);
  expect(version?.key).not.toBe(whole?.key);
  expect(whole?.within).toBeUndefined();
  // The service compares names of parameters without case, and so do tools that write them.
  expect(recognise({ uri: "azure://images/a/b%20c?versionId=2026" }, requestedAt, as)?.key).toBe(version?.key);
});
