import { createHmac, randomBytes } from "node:crypto";
import { expect, test } from "vitest";
import { hmacSha256 } from "../src/authority.ts";

test.each([0, 1, 32, 63, 64, 65, 200])("a signature with a key of %i bytes is what HMAC-SHA256 says", (length) => {
  const key = randomBytes(length);
  const sign = hmacSha256(key);
  for (const text of ["", "a", "ä€😀", "x".repeat(5000), "y".repeat(10)]) {
    expect(sign(text)).toBe(createHmac("sha256", key).update(text).digest("base64"));
  }
});
