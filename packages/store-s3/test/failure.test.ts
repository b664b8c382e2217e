import { expect, test } from "vitest";
import { failureOf, outage } from "../src/failure.ts";

test.each([
  ["SELF_SIGNED_CERT_IN_CHAIN", "in the option ca"],
  ["UNABLE_TO_VERIFY_LEAF_SIGNATURE", "in the option ca"],
  ["ERR_TLS_CERT_ALTNAME_INVALID", "names other hosts"],
  ["CERT_HAS_EXPIRED", "renew it"],
  ["CERT_NOT_YET_VALID", "clocks"],
])("a certificate that fails with %s is a misconfiguration, with what to do about just that", (code, hint) => {
  const error = outage(failureOf(Object.assign(new Error("the certificate is not right"), { code })), "bucket b");
  expect(error).toMatchObject({ code: "SCRUBBER_STORE_MISCONFIGURED", hint: expect.stringContaining(hint) });
  expect(error.message).toContain(code);
});
