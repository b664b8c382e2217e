import { once } from "node:events";
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, test } from "vitest";
import { createHttpClient } from "../src/http.ts";

test.each([
  ["never answers", (): void => {}],
  ["begins to answer and never ends", (response: ServerResponse): void => void response.writeHead(200).write("[")],
])("a server that %s is given up when the time is up", async (_, answer) => {
  const server = createServer((_request, response) => answer(response)).listen(0, "127.0.0.1");
  await once(server, "listening");
  using client = createHttpClient();
  const url = new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
  await expect(client.ask({ method: "GET", url, headers: {} }, 200)).rejects.toThrow("no whole answer within 0.2 s");
  server.close();
  server.closeAllConnections();
});
