import { join } from "node:path";
import { isScrubberError } from "@scrubber/core";
import { expect, test } from "vitest";
import plugin from "../src/index.ts";
import { tlsHint } from "../src/tls.ts";

const silent = (): void => {};

test.each([
  "mysql://u:hunter2@h/d?ssl_ca=missing.pem",
  "mysql://u:hunter2@h/d?ssl_cert=missing.pem",
  "postgres://u:hunter2@h/d?sslmode=verify-full&sslrootcert=missing.pem",
  "postgres://u:hunter2@h/d?sslmode=require&sslkey=missing.pem",
])("%s: a file that is not there is named by its path beside the configuration, with what to do", async (url) => {
  const opening = plugin.open(
    { url },
    {
      id: "registry",
      log: { debug: silent, info: silent, warn: silent, error: silent },
      now: () => new Date(),
      resolvePath: (path) => join("/configuration", path),
      cipher: undefined,
    },
  );
  const error: unknown = await Promise.resolve(opening).catch((reason: unknown) => reason);
  if (!isScrubberError(error, "SCRUBBER_REGISTRY_UNAVAILABLE")) throw error;
  expect(error.message).toContain(join("/configuration", "missing.pem"));
  expect(error.hint).toContain("registry.with.url");
  expect(`${error.message} ${error.hint}`).not.toContain("hunter2");
});

test.each([
  ["self-signed certificate in certificate chain", "certificate authority"],
  ["unable to verify the first certificate; if the root CA is installed locally, try ...", "certificate authority"],
  ["Hostname/IP does not match certificate's altnames: Host: h. is not in the cert's altnames: DNS:i", "other hosts"],
  ["certificate has expired", "renew"],
  ["certificate is not yet valid", "clocks"],
  ["The server does not support SSL connections", "speaks no TLS"],
  ["Server does not support secure connection", "speaks no TLS"],
])("what Node and the drivers say, %j, comes with what to do", (message, hint) => {
  expect(tlsHint(message)).toContain(hint);
});

test("what is no matter of trust has no such hint", () => {
  expect(tlsHint("connect ECONNREFUSED 127.0.0.1:3306")).toBeUndefined();
});
