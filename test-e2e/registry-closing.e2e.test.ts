import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openRegistry } from "./registry/glance-rows.ts";
import type { DatabaseServer } from "./servers/database-server.ts";
import { startMariadb } from "./servers/mariadb.ts";
import { startPostgres } from "./servers/postgres.ts";
import { startSilentProxy } from "./servers/silent-proxy.ts";

describe.each([
  ["mariadb", startMariadb],
  ["postgres", startPostgres],
] as const)("closing registry-sql on %s", (_, start) => {
  let server: DatabaseServer;
  beforeAll(async () => {
    server = await start();
  });
  afterAll(async () => {
    await server?.[Symbol.asyncDispose]();
  });

  test("ends a claim that nobody gave up, and its connection; giving it up afterwards takes nothing from the next", async () => {
    await using database = await server.createDatabase("claimed");
    const registry = await openRegistry({ url: database.url });
    const claim = await registry.claim?.();
    expect(claim).toBeDefined();
    await registry[Symbol.asyncDispose]();
    await using next = await openRegistry({ url: database.url });
    // The server ends the lock a moment after the connection.
    await expect.poll(() => next.claim?.(), { timeout: 60_000 }).toBeDefined();
    await claim?.[Symbol.asyncDispose]();
    expect(await next.claim?.(), "the next one's claim").toBeUndefined();
  });

  test("comes to an end where the server hangs, with a claim and with idle connections, and leaves no connection open", async () => {
    await using database = await server.createDatabase("hanging");
    await using proxy = await startSilentProxy(server.port);
    const url = new URL(database.url);
    url.port = String(proxy.port);
    const registry = await openRegistry({ url: url.href });
    const claim = await registry.claim?.();
    expect(claim).toBeDefined();
    // No Glance's tables are here: what counts is that a connection stays idle.
    await expect(registry.images(["a"])).rejects.toThrow(/images/);
    expect(proxy.open).toBe(2);
    proxy.silence();
    await registry[Symbol.asyncDispose]();
    await expect.poll(() => proxy.open, { timeout: 60_000 }).toBe(0);
    await claim?.[Symbol.asyncDispose]();
  });
});
