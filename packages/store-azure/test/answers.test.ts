import type { Location, Outcome, Store } from "@scrubber/core";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { AzureOptionsInput } from "../src/options.ts";
import { answerPlainly, answerXml, type ModelServer, startModelServer, type SubAnswer } from "./model-server.ts";
import { calmly, openStore, remove, targetOf } from "./opening.ts";

let server: ModelServer;
let store: Store;

beforeEach(async () => {
  server = await startModelServer();
  store = await open();
});

afterEach(async () => {
  await store[Symbol.asyncDispose]();
  await server[Symbol.asyncDispose]();
});

const open = (options: AzureOptionsInput = {}): Promise<Store> =>
  openStore({ account: "images", accountKey: "c2VjcmV0", endpoint: server.endpoint, ...options });

const blob = (name: string): Location => ({ uri: `azure://container/${name}` });

async function said(...answers: readonly SubAnswer[]): Promise<readonly Outcome[]> {
  server.answer = (_, index) => answers[index];
  return remove(store, ...answers.map((_, index) => blob(`blob${index}`)));
}

test("every answer for one blob has its own outcome, and no neighbour is touched by it", async () => {
  const outcomes = await said(
    { status: 202, headers: ["x-ms-delete-type-permanent: true"] },
    { status: 202, headers: ["x-ms-delete-type-permanent: false"] },
    { status: 404, code: "BlobNotFound" },
    { status: 409, code: "BlobImmutableDueToPolicy" },
    { status: 412, code: "LeaseIdMissing" },
    { status: 412, code: "ConditionNotMet" },
    { status: 403, code: "AuthorizationPermissionMismatch" },
    { status: 503, code: "ServerBusy", headers: ["Retry-After: 7"] },
    { status: 429 },
    { status: 500, code: "InternalError" },
    { status: 404, code: "ContainerNotFound" },
    { status: 400, code: "InvalidUri" },
  );
  expect(outcomes).toEqual([
    { kind: "deleted" },
    { kind: "deleted", note: "retained by the account's soft delete for its time" },
    { kind: "absent" },
    { kind: "held", reason: "a retention policy or legal hold (BlobImmutableDueToPolicy)" },
    { kind: "held", reason: "a lease (LeaseIdMissing)" },
    { kind: "changed", reason: "it is not the blob that was meant (ConditionNotMet)" },
    { kind: "denied", reason: "AuthorizationPermissionMismatch" },
    { kind: "throttled", retryAfterMs: 7000 },
    { kind: "throttled" },
    { kind: "unknown", reason: "the service answered InternalError" },
    { kind: "unknown", reason: "the service answered ContainerNotFound" },
    { kind: "invalid", reason: "the service takes no such name (InvalidUri)" },
  ]);
});

test("a missing, unreadable, cut, doubled or surplus part is no answer, and nobody else's", async () => {
  const part = (id: string, head: string): string => `--b\r\nContent-ID: ${id}\r\n\r\n${head}`;
  const outcomes = await said(
    { status: 202 },
    undefined,
    part("2", "garbage\r\n\r\n"),
    part("3", "HTTP/1.1 abc Oops\r\n\r\n"),
    part("4", "HTTP/1.1 202 Accepted\r\nx-ms-request-id: 1"),
    `${part("5", "HTTP/1.1 202 Accepted\r\n\r\n")}${part("5", "HTTP/1.1 404 Not Found\r\n\r\n")}`,
    part("99", "HTTP/1.1 202 Accepted\r\n\r\n"),
    { status: 202 },
  );
  const unread = { kind: "unknown", reason: "the service gave no readable answer for this blob" };
  expect(outcomes).toEqual([{ kind: "deleted" }, ...Array(6).fill(unread), { kind: "deleted" }]);
});

test("parts out of order go to the blobs that they name", async () => {
  const part = (id: number, status: string): string => `--b\r\nContent-ID: ${id}\r\n\r\nHTTP/1.1 ${status}\r\n\r\n`;
  const outcomes = await said(part(2, "202 Accepted"), part(0, "503 Busy"), part(1, "202 Accepted"));
  expect(outcomes.map(({ kind }) => kind)).toEqual(["throttled", "deleted", "deleted"]);
});

test.each([
  [503, "ServerBusy", "SCRUBBER_STORE_THROTTLED"],
  [429, "TooManyRequests", "SCRUBBER_STORE_THROTTLED"],
  [500, "InternalError", "SCRUBBER_STORE_UNAVAILABLE"],
  [502, "", "SCRUBBER_STORE_UNAVAILABLE"],
  [403, "AuthenticationFailed", "SCRUBBER_STORE_MISCONFIGURED"],
  [403, "AuthorizationFailure", "SCRUBBER_STORE_MISCONFIGURED"],
  [404, "ContainerNotFound", "SCRUBBER_STORE_MISCONFIGURED"],
  [400, "InvalidInput", "SCRUBBER_BATCH_REJECTED"],
  [413, "RequestBodyTooLarge", "SCRUBBER_BATCH_REJECTED"],
])("a whole request that is answered %i %s rejects with the right code", async (status, code, expected) => {
  server.whole = (response) => response.writeHead(status, code === "" ? {} : { "x-ms-error-code": code }).end();
  await expect(remove(store, blob("a"))).rejects.toMatchObject({ code: expected });
});

test("a single part that names no blob is the service's word on the whole batch", async () => {
  server.whole = (response) =>
    response
      .writeHead(202, { "content-type": "multipart/mixed; boundary=b" })
      .end("--b\r\n\r\nHTTP/1.1 400 Bad\r\nx-ms-error-code: InvalidInput\r\n\r\n--b--\r\n");
  await expect(remove(store, blob("a"), blob("b"))).rejects.toMatchObject({ code: "SCRUBBER_BATCH_REJECTED" });
});

test("wrong credentials told for each blob are one outage", async () => {
  const denied = { status: 403, code: "AuthenticationFailed" };
  await expect(said(denied, denied)).rejects.toMatchObject({ code: "SCRUBBER_STORE_MISCONFIGURED" });
});

test("a connection that is cut before, in or after the answer says nothing about a blob", async () => {
  const head = { "content-type": "multipart/mixed; boundary=b", "content-length": "1000" };
  for (const whole of [
    (response: Parameters<NonNullable<ModelServer["whole"]>>[0]) => void response.destroy(),
    (response: Parameters<NonNullable<ModelServer["whole"]>>[0]) => {
      response.writeHead(202, head).write("--b\r\nContent-ID: 0\r\n\r\nHTTP/1.1 202 Acc", () => response.destroy());
    },
  ]) {
    server.whole = whole;
    await expect(remove(store, blob("a"))).rejects.toMatchObject({ code: "SCRUBBER_STORE_UNAVAILABLE" });
  }
});

test("an answer that never comes ends with the store's own timeout, or with the call's signal", async () => {
  server.whole = () => undefined;
  await using hasty = await open({ timeout: "50ms" });
  await expect(remove(hasty, blob("a"))).rejects.toMatchObject({ code: "SCRUBBER_STORE_UNAVAILABLE" });
  const giveUp = new AbortController();
  const call = store.delete([targetOf(store, blob("a"))], { signal: giveUp.signal });
  giveUp.abort();
  expect((await call).map(({ kind }) => kind)).toEqual(["unknown"]);
});

test("an answer that begins and never ends is not waited for longer than the timeout", async () => {
  server.whole = (response) => {
    response.writeHead(202, { "content-type": "multipart/mixed; boundary=b", "content-length": "1000" });
    response.write("--b\r\nContent-ID: 0\r\n\r\nHTTP/1.1 202 Accepted\r\n\r\n");
  };
  await using hasty = await open({ timeout: "50ms" });
  await expect(remove(hasty, blob("a"))).rejects.toMatchObject({ code: "SCRUBBER_STORE_UNAVAILABLE" });
});

test("a request is made once, whatever is answered: the pace is not the SDK's", async () => {
  server.whole = (response) => response.writeHead(503).end();
  await remove(store, blob("a")).catch(() => undefined);
  expect(server.batches).toHaveLength(1);
});

/** The next batch goes over a connection that was kept, and finds it closed. */
function closeKeptConnection(): void {
  server.whole = (response) => {
    server.whole = undefined;
    response.destroy();
  };
}

test("a deletion that finds its kept connection closed is no outage: it goes once more, on the same conditions", async () => {
  closeKeptConnection();
  const meant = { ...blob("a"), identity: { etag: "0x8D" } };
  expect(await remove(store, meant)).toEqual([{ kind: "deleted" }]);
  expect(server.batches.map(([request]) => [request?.path, request?.headers.get("if-match")])).toEqual(
    Array(2).fill(["/container/a", '"0x8D"']),
  );
});

test.each([
  [404, "BlobNotFound"],
  [412, "ConditionNotMet"],
])("what went between the look at it and the answer is absent, and not changed (%i)", async (status, code) => {
  server.other = (asked, response) => {
    if (asked.what === "blob" && server.batches.length > 0)
      response.writeHead(404, { "x-ms-error-code": "BlobNotFound" });
    else if (asked.what === "blob") response.writeHead(200, { etag: '"0x8D"', "content-length": "4" });
    answerPlainly(asked, response);
  };
  server.answer = () => ({ status, code });
  expect(await remove(store, { ...blob("a"), identity: { size: 4 } })).toEqual([{ kind: "absent" }]);
});

test("what is no blob service is an outage, and nothing is deleted there", async () => {
  const login = (response: Parameters<NonNullable<ModelServer["whole"]>>[0]): void =>
    void response.writeHead(200, { "content-type": "text/html" }).end("<html>Sign in</html>");
  server.whole = login;
  await expect(remove(store, blob("a"))).rejects.toMatchObject({ code: "SCRUBBER_STORE_UNAVAILABLE" });
  server.other = (_, response) => login(response);
  await using fresh = await open();
  await expect(remove(fresh, blob("a"))).rejects.toMatchObject({ code: "SCRUBBER_STORE_UNAVAILABLE" });
  server.other = (_, response) => response.end();
  await expect(remove(fresh, blob("a"))).rejects.toThrow("none that can be read");
  expect(server.batches).toHaveLength(1);
});

test("a redirection leads to no other blob: it is an outage", async () => {
  server.other = (asked, response) => {
    if (asked.what === "blob" && asked.path !== "/container/b")
      response.writeHead(302, { location: "/container/b" }).end();
    else answerPlainly(asked, response);
  };
  const target = targetOf(store, blob("a%2F%2Fb"));
  await expect(store.inspect([target], calmly)).rejects.toThrow("redirection");
  server.whole = (response) => response.writeHead(307, { location: "/other?comp=batch" }).end();
  await expect(store.delete([target], calmly)).rejects.toMatchObject({ code: "SCRUBBER_STORE_UNAVAILABLE" });
});

test("absent is not believed where the container is missing", async () => {
  server.other = (asked, response) => {
    if (asked.what === "container") response.writeHead(404, { "x-ms-error-code": "ContainerNotFound" }).end();
    else answerPlainly(asked, response);
  };
  await expect(said({ status: 404, code: "BlobNotFound" })).rejects.toMatchObject({
    code: "SCRUBBER_STORE_MISCONFIGURED",
  });
});

test("each deletion carries its conditions, and snapshots are included", async () => {
  const requestedAt = new Date("2026-01-01T00:00:00Z");
  const location = { ...blob("a"), identity: { etag: "0x8D" } };
  await store.delete([targetOf(store, location, requestedAt), targetOf(store, blob("b"), requestedAt)], calmly);
  const [first, second] = server.batches[0] ?? [];
  expect(first?.headers.get("if-match")).toBe('"0x8D"');
  expect(second?.headers.get("if-match")).toBeUndefined();
  expect(second?.headers.get("if-unmodified-since")).toBe("Thu, 01 Jan 2026 00:00:02 GMT");
  expect(second?.headers.get("x-ms-delete-snapshots")).toBe("include");
  expect(second?.headers.get("authorization")).toMatch(/^SharedKey images:/);
});

test("an etag that would add a header of its own is refused", () => {
  for (const etag of ["a\r\nx-ms-lease-id: 1", 'a"b', "ä", " "]) {
    expect(() => targetOf(store, { ...blob("a"), identity: { etag } })).toThrow("etag");
  }
});

test("until when a retention policy holds is learnt", async () => {
  server.other = (asked, response) => {
    if (asked.what === "blob" && asked.path.endsWith("/blob0"))
      response.setHeader("x-ms-immutability-policy-until-date", "Fri, 01 Jan 2100 00:00:00 GMT");
    answerPlainly(asked, response);
  };
  expect(await said({ status: 409, code: "BlobImmutableDueToPolicy" })).toEqual([
    { kind: "held", reason: "a retention policy", until: new Date("2100-01-01T00:00:00Z") },
  ]);
});
test("an absence is not told before the container was seen, even if the call is aborted then", async () => {
  const giveUp = new AbortController();
  server.other = (asked, response) => {
    if (asked.what === "container") giveUp.abort();
    else answerPlainly(asked, response);
  };
  server.answer = () => ({ status: 404, code: "BlobNotFound" });
  const outcomes = await store.delete([targetOf(store, blob("a"))], { signal: giveUp.signal });
  expect(outcomes.map(({ kind }) => kind)).toEqual(["unknown"]);
});

test("a probe reports what the account retains by soft delete", async () => {
  const policy = "<DeleteRetentionPolicy><Enabled>true</Enabled><Days>7</Days></DeleteRetentionPolicy>";
  server.other = (_, response) => answerXml(response, `<StorageServiceProperties>${policy}</StorageServiceProperties>`);
  expect(await store.probe({ ...calmly, write: false })).toMatchObject([
    { level: "warning", message: expect.stringContaining("for 7 days") as string },
  ]);
});
