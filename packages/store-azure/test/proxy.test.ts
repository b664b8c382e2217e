import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { openStore, remove } from "./opening.ts";

let asked: string[];
const proxy = createServer((request, response) => {
  asked.push(`${request.method} ${new URL(request.url ?? "").host}`);
  response.writeHead(503).end();
});

beforeEach(async () => {
  asked = [];
  proxy.listen(0, "127.0.0.1");
  await once(proxy, "listening");
  for (const name of ["NO_PROXY", "no_proxy"]) vi.stubEnv(name, "");
  vi.stubEnv("HTTP_PROXY", `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`);
});

afterEach(async () => {
  vi.unstubAllEnvs();
  proxy.closeAllConnections();
  proxy.close();
  await once(proxy, "close");
});

test("requests go by the proxy that the environment names", async () => {
  await using store = await openStore({
    account: "images",
    accountKey: "c2VjcmV0",
    endpoint: "http://images.example.invalid",
  });
  await expect(remove(store, { uri: "azure://container/a" })).rejects.toMatchObject({
    code: "SCRUBBER_STORE_THROTTLED",
  });
  expect(asked).toEqual(["GET images.example.invalid"]);
});
