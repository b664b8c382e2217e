import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { isScrubberError } from "@scrubber/core";
import { describe, expect, test } from "vitest";
import { openPlace, type Place } from "./place.ts";

interface Keystone extends AsyncDisposable {
  readonly authUrl: string;
  readonly logins: unknown[];
  /** The next login is answered with this status. */
  status: number;
  lifeMs: number;
}

/** An Identity API that hands out the tokens `token-1`, `token-2`, ... */
async function startKeystone(): Promise<Keystone> {
  const logins: unknown[] = [];
  const server = createServer((request, response) => {
    void Array.fromAsync(request as AsyncIterable<Buffer>).then((body) => {
      if (request.method !== "POST" || request.url !== "/v3/auth/tokens") return response.writeHead(404).end();
      logins.push(JSON.parse(Buffer.concat(body).toString()));
      // Keystone's clock is wrong by years, which must not matter.
      const issued = Date.parse("1999-01-01T00:00:00Z");
      response.writeHead(keystone.status, { "x-subject-token": `token-${logins.length}` });
      return response.end(
        JSON.stringify({
          token: {
            issued_at: new Date(issued).toISOString(),
            expires_at: new Date(issued + keystone.lifeMs).toISOString(),
          },
        }),
      );
    });
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const keystone: Keystone = {
    authUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    logins,
    status: 201,
    lifeMs: 3_600_000,
    async [Symbol.asyncDispose]() {
      const closed = once(server, "close");
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
  return keystone;
}

function onlyToken(place: Place, token: () => string): void {
  place.server.allows = ({ headers }) => headers["x-auth-token"] === token();
}

const login = { username: "scrubber", password: "hunter2", project: "service" };

describe("authentication", () => {
  test("a token is sent as it is, and one that ended is said to be refused", async () => {
    await using place = await openPlace({ token: "tok" });
    onlyToken(place, () => "tok");
    place.addImage("a", "active");
    expect((await place.registry.images(["a"])).size).toBe(1);
    onlyToken(place, () => "another");
    await expect(place.registry.images(["a"])).rejects.toSatisfy(
      (error) =>
        isScrubberError(error, "SCRUBBER_REGISTRY_DENIED") &&
        !JSON.stringify([error.message, error.hint]).includes('tok"'),
    );
    expect(place.server.requests.length).toBe(2);
  });

  test("trusted headers are sent as they are", async () => {
    const headers = { "X-User-Id": "u", "X-Tenant-Id": "t", "X-Roles": "admin", "X-Identity-Status": "Confirmed" };
    await using place = await openPlace({ headers });
    place.server.allows = (request) =>
      Object.entries(headers).every(([name, value]) => request.headers[name.toLowerCase()] === value);
    place.addImage("a", "active");
    expect((await place.registry.images(["a"])).size).toBe(1);
  });

  test("Keystone is logged in to once, by password and project, however many requests wait for it", async () => {
    await using keystone = await startKeystone();
    await using place = await openPlace({
      keystone: { ...login, authUrl: `${keystone.authUrl}/v3/`, userDomain: "People", projectDomain: "Things" },
    });
    onlyToken(place, () => "token-1");
    const ids = Array.from({ length: 50 }, (_, n) => `image-${n}`);
    for (const id of ids) place.addImage(id, "active");
    expect((await place.registry.images(ids)).size).toBe(50);
    expect(keystone.logins).toEqual([
      {
        auth: {
          identity: {
            methods: ["password"],
            password: { user: { name: "scrubber", domain: { name: "People" }, password: "hunter2" } },
          },
          scope: { project: { name: "service", domain: { name: "Things" } } },
        },
      },
    ]);
  });

  test("the login is renewed before the token ends, whatever Keystone's clock says", async () => {
    await using keystone = await startKeystone();
    await using place = await openPlace({ keystone: { ...login, authUrl: keystone.authUrl } });
    place.addImage("a", "active");
    const tokens: unknown[] = [];
    place.server.allows = ({ headers }) => tokens.push(headers["x-auth-token"]) > 0;
    const afterMinutes = async (minutes: number): Promise<void> => {
      place.now = new Date(place.now.getTime() + minutes * 60_000);
      await place.registry.images(["a"]);
    };
    await afterMinutes(0);
    await afterMinutes(50);
    await afterMinutes(5);
    await afterMinutes(5);
    expect(tokens).toEqual(["token-1", "token-1", "token-2", "token-2"]);
  });

  test("a token that the registry refuses is replaced once by all who were refused", async () => {
    await using keystone = await startKeystone();
    await using place = await openPlace({ keystone: { ...login, authUrl: keystone.authUrl } });
    const ids = Array.from({ length: 50 }, (_, n) => `image-${n}`);
    for (const id of ids) place.addImage(id, "active");
    onlyToken(place, () => "token-1");
    await place.registry.images(ids);
    // One of those who are refused hears of it only when another has a new token already.
    const renewed = Promise.withResolvers<void>();
    let old = 0;
    place.server.allows = async ({ headers }) => {
      if (headers["x-auth-token"] === "token-2") renewed.resolve();
      else if (++old === 1) await renewed.promise;
      return headers["x-auth-token"] === "token-2";
    };
    expect((await place.registry.images(ids)).size).toBe(50);
    expect(old).toBeGreaterThan(1);
    expect(keystone.logins.length).toBe(2);
  });

  test("a registry that refuses every token is an error after one new login, not a loop", async () => {
    await using keystone = await startKeystone();
    await using place = await openPlace({ keystone: { ...login, authUrl: keystone.authUrl } });
    onlyToken(place, () => "none");
    await expect(place.registry.images(["a"])).rejects.toSatisfy((error) =>
      isScrubberError(error, "SCRUBBER_REGISTRY_DENIED"),
    );
    expect(keystone.logins.length).toBe(2);
  });

  test("a login that fails is told without the password, and tried again by the next request", async () => {
    await using keystone = await startKeystone();
    await using place = await openPlace({ keystone: { ...login, authUrl: keystone.authUrl } });
    place.addImage("a", "active");
    for (const [status, code] of [
      [401, "SCRUBBER_REGISTRY_DENIED"],
      [503, "SCRUBBER_REGISTRY_UNAVAILABLE"],
      [300, "SCRUBBER_REGISTRY_UNAVAILABLE"],
    ] as const) {
      keystone.status = status;
      await expect(place.registry.images(["a"])).rejects.toSatisfy(
        (error) =>
          isScrubberError(error, code) && !JSON.stringify([error.message, error.hint, error.stack]).includes("hunter2"),
      );
    }
    keystone.status = 201;
    expect((await place.registry.images(["a"])).size).toBe(1);
  });

  test("a token without a life is asked for every time", async () => {
    await using keystone = await startKeystone();
    keystone.lifeMs = 0;
    await using place = await openPlace({ keystone: { ...login, authUrl: keystone.authUrl } });
    for (let time = 0; time < 2; time++) await place.registry.pendingLocations({ limit: 1 });
    expect(keystone.logins.length).toBe(2);
  });
});
