import { EventEmitter } from "node:events";
import type { Claim } from "@scrubber/core";
import { describe, expect, test } from "vitest";
import { Sockets } from "../src/closing.ts";
import { Database, type Driver } from "../src/database.ts";
import { fakeDriver } from "./fake-driver.ts";

/** A driver that gives out one claim after the other, and writes down what happens. */
function claiming(): { readonly driver: Driver; readonly log: string[] } {
  const log: string[] = [];
  let claims = 0;
  const claim = async (): Promise<Claim> => {
    const name = `claim ${(claims += 1)}`;
    return { [Symbol.asyncDispose]: async () => void log.push(name) };
  };
  return { log, driver: fakeDriver({ claim, close: async () => void log.push("closed") }) };
}

class FakeSocket extends EventEmitter {
  isDestroyed = false;
  destroy(): void {
    this.isDestroyed = true;
    this.emit("close");
  }
}

describe("closing a registry", () => {
  test("gives up each claim that is left, before the connections are closed, and each one once", async () => {
    const { driver, log } = claiming();
    const database = new Database(driver);
    const first = await database.claim();
    await first?.[Symbol.asyncDispose]();
    const second = await database.claim();
    await database[Symbol.asyncDispose]();
    await second?.[Symbol.asyncDispose]();
    expect(log).toEqual(["claim 1", "claim 2", "closed"]);
  });

  test.each([
    ["never ends", () => new Promise<void>(() => {})],
    ["fails", () => Promise.reject(new Error("lost"))],
    ["ends and leaves connections", () => Promise.resolve()],
  ])("cuts the connections that are left where a farewell %s", async (_, farewell) => {
    const sockets = new Sockets();
    const [left, closed] = [new FakeSocket(), new FakeSocket()];
    sockets.add(left);
    sockets.add(closed);
    closed.emit("close");
    await sockets.close(farewell, 1);
    expect([left.isDestroyed, closed.isDestroyed]).toEqual([true, false]);
  });
});
