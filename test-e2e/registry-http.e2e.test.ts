import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { isScrubberError, type Registry } from "@scrubber/core";
import plugin, { type Options } from "@scrubber/registry-http";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { startKeystone, type Keystone } from "./servers/keystone.ts";

describe("registry-http logs in to a real Keystone", () => {
  let keystone: Keystone;
  /** The tokens that the registry was shown, in order. */
  let shown: string[];
  let url: string;
  /** A registry that asks Keystone who comes, as Glance's did, and shows one image to administrators. */
  const server = createServer((request, response) => {
    const token = String(request.headers["x-auth-token"]);
    shown.push(token);
    const answer = (status: number, body: object): void => void response.writeHead(status).end(JSON.stringify(body));
    keystone.validate(token).then(
      (who) => {
        if (who === undefined) return answer(401, {});
        if (!who.roles.includes("admin")) return answer(403, {});
        return answer(200, { image: { id: "a", status: "active", location_data: [] } });
      },
      () => answer(500, {}),
    );
  });

  beforeAll(async () => {
    keystone = await startKeystone();
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  beforeEach(() => {
    shown = [];
  });
  afterAll(async () => {
    server.close();
    server.closeAllConnections();
    await keystone?.[Symbol.asyncDispose]();
  });

  const silent = (): void => {};
  const open = (login: Partial<NonNullable<Options["keystone"]>> = {}, now = () => new Date()): Promise<Registry> =>
    plugin.open(
      { url, keystone: { authUrl: keystone.authUrl, ...keystone.login, ...login } },
      {
        id: "registry",
        log: { debug: silent, info: silent, warn: silent, error: silent },
        now,
        resolvePath: (path) => path,
        cipher: undefined,
      },
    );

  test("its token is one that Keystone knows, of the user and the project that were named", async () => {
    await using registry = await open();
    expect((await registry.images(["a"])).size).toBe(1);
    expect(await keystone.validate(shown[0] ?? "")).toMatchObject({ user: "admin", project: "admin" });
    await registry.images(["a"]);
    expect(new Set(shown).size).toBe(1);
  });

  test("a token that Keystone took back is replaced by a new login", async () => {
    await using registry = await open();
    await registry.images(["a"]);
    await keystone.revoke(shown[0] ?? "");
    expect((await registry.images(["a"])).size).toBe(1);
    expect(shown.length).toBe(3);
    expect(shown[1]).toBe(shown[0]);
    expect(shown[2]).not.toBe(shown[0]);
  });

  test("the login is renewed before its token ends", async () => {
    let time = Date.now();
    await using registry = await open({}, () => new Date(time));
    await registry.images(["a"]);
    // Keystone's tokens live for an hour.
    time += 50 * 60_000;
    await registry.images(["a"]);
    time += 8 * 60_000;
    await registry.images(["a"]);
    expect(shown[1]).toBe(shown[0]);
    expect(shown[2]).not.toBe(shown[0]);
  });

  test.each([
    ["password", { password: "hunter2" }],
    ["project", { project: "elsewhere" }],
    ["domain", { userDomain: "Elsewhere" }],
  ])("a wrong %s is refused, and the error holds no password", async (_, login) => {
    await using registry = await open(login);
    await expect(registry.images(["a"])).rejects.toSatisfy(
      (error) =>
        isScrubberError(error, "SCRUBBER_REGISTRY_DENIED") &&
        !/secret|hunter2/.test(JSON.stringify([error.message, error.hint, error.stack])),
    );
    expect(shown).toEqual([]);
  });
});
