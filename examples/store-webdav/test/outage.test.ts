import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { isScrubberError } from "@scrubber/core";
import { expect, onTestFinished, test } from "vitest";
import { WebdavStore } from "../src/store.ts";

/** A store on a server that answers as `statusOf` says, and the paths that it was asked for. */
async function open(
  statusOf: (path: string) => number,
): Promise<{ deleteAll: (names: readonly string[]) => Promise<readonly unknown[]>; asked: string[] }> {
  const asked: string[] = [];
  const server = createServer(({ url = "" }, response) => {
    asked.push(url);
    response.writeHead(statusOf(url)).end();
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const base = `http://127.0.0.1:${(server.address() as AddressInfo).port}/images/`;
  const store = new WebdavStore(base);
  return {
    asked,
    deleteAll: (names) => {
      const targets = names.map((name) =>
        store.target({ location: { uri: `${base}${name}` }, requestedAt: new Date() }),
      );
      return store.delete(
        targets.filter((target) => target !== undefined),
        { signal: new AbortController().signal },
      );
    },
  };
}

const names = Array.from({ length: 100 }, (_, index) => `object-${index}`);
const unanswered = { kind: "unknown", reason: "the server did not answer for it" };

test("a server that fails half way keeps what it answered, and is asked for nothing more", async () => {
  const { deleteAll, asked } = await open((path) => (path.endsWith("-0") ? 204 : 503));
  expect(await deleteAll(names)).toEqual([{ kind: "deleted" }, ...names.slice(1).map(() => unanswered)]);
  const sent = asked.length;
  expect(sent).toBeLessThan(names.length);
  // Whatever were still waiting for its turn would be sent before this.
  await deleteAll(["last"]).catch(() => undefined);
  expect(asked.slice(sent)).toEqual(["/images/last"]);
});

test("a server that fails for all of a batch is an outage", async () => {
  const { deleteAll } = await open(() => 503);
  await expect(deleteAll(names)).rejects.toSatisfy((error) => isScrubberError(error, "SCRUBBER_STORE_UNAVAILABLE"));
});

test("what is not there is absent only where the folder is; what was deleted beside it is told", async () => {
  const { deleteAll } = await open((path) => (path.endsWith("-0") ? 204 : 404));
  expect(await deleteAll(names.slice(0, 2))).toEqual([{ kind: "deleted" }, unanswered]);
  await expect(deleteAll(names.slice(1, 3))).rejects.toSatisfy((error) =>
    isScrubberError(error, "SCRUBBER_STORE_MISCONFIGURED"),
  );
});
