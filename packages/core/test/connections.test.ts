import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { type Agent, createServer, get, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type Connections, openConnections } from "../src/index.ts";

/** How many requests came over each connection, in order of the connections. */
let requests: number[];
/** What the server does with a request: the `nth` on its connection. */
let answer: (request: IncomingMessage, nth: number) => "answer" | "close" | "reset";
let server: Server;
let connections: Connections;

beforeEach(async () => {
  requests = [];
  answer = () => "answer";
  const places = new Map<Socket, number>();
  server = createServer((request, response) => {
    const { socket } = request;
    const place = places.get(socket) ?? places.size;
    places.set(socket, place);
    const nth = (requests[place] = (requests[place] ?? 0) + 1);
    const does = answer(request, nth);
    if (does === "answer") response.end("well");
    else if (does === "close") socket.destroy();
    else socket.resetAndDestroy();
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  connections = openConnections("http:", { maxSockets: 4 });
});

afterEach(async () => {
  connections[Symbol.dispose]();
  server.closeAllConnections();
  server.close();
  await once(server, "close");
});

async function ask(agent: Agent): Promise<string> {
  const request = get({ port: (server.address() as AddressInfo).port, host: "127.0.0.1", agent });
  const [response] = (await once(request, "response")) as [IncomingMessage];
  return (await response.toArray()).join("");
}

test("a connection is kept for the next request", async () => {
  expect(await connections.send(ask)).toBe("well");
  expect(await connections.send(ask)).toBe("well");
  expect(requests).toEqual([2]);
});

test.each(["close", "reset"] as const)(
  "a request that finds its kept connection gone (%s) goes once more, over a new one",
  async (gone) => {
    answer = (_, nth) => (nth === 1 ? "answer" : gone);
    for (let i = 0; i < 3; i++) expect(await connections.send(ask)).toBe("well");
    // What follows a new connection, which is not kept, opens a new one to keep.
    expect(requests).toEqual([2, 1, 1]);
  },
);

test.each(["close", "reset"] as const)(
  "a server that ends (%s) the new connection, too, is tried no third time",
  async (gone) => {
    expect(await connections.send(ask)).toBe("well");
    answer = () => gone;
    await expect(connections.send(ask)).rejects.toMatchObject({ code: "ECONNRESET" });
    expect(requests).toEqual([2, 1]);
  },
);

test.each(["close", "reset"] as const)(
  "a first request on a connection that is ended (%s) is not repeated",
  async (gone) => {
    answer = () => gone;
    await expect(connections.send(ask)).rejects.toMatchObject({ code: "ECONNRESET" });
    expect(requests).toEqual([1]);
  },
);

test("an answer that breaks off is not asked for again", async () => {
  expect(await connections.send(ask)).toBe("well");
  server.removeAllListeners("request");
  let asked = 0;
  server.on("request", (request, response) => {
    asked++;
    response.writeHead(200, { "content-length": "100" });
    response.write("wel", () => request.socket.resetAndDestroy());
  });
  await expect(connections.send(ask)).rejects.toMatchObject({ code: "ECONNRESET" });
  expect(asked).toBe(1);
});

test("whatever else fails is not repeated", async () => {
  let times = 0;
  const failing = connections.send(async () => {
    times++;
    throw Object.assign(new Error("of its own"), { code: "ECONNRESET" });
  });
  await expect(failing).rejects.toThrow("of its own");
  expect(times).toBe(1);
});

test("the package is loaded without HTTP and TLS, which only backends over a network need", () => {
  const index = new URL("../src/index.ts", import.meta.url).href;
  const loaded = execFileSync(
    process.execPath,
    [
      "--input-type=module",
      "--eval",
      `await import(${JSON.stringify(index)}); console.log(process.moduleLoadList.join())`,
    ],
    { encoding: "utf8" },
  );
  expect(loaded).toContain("NativeModule crypto");
  expect(loaded).not.toMatch(/NativeModule (http|https|tls)\b/);
});
