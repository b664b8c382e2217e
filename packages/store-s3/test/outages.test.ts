import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { error, ModelServer, type ModelRequest } from "./model-server.ts";
import { UNCHECKED, at, inspect, kinds, manyKeys, openS3, remove, takesOnly } from "./opening.ts";

let model: ModelServer;

beforeEach(async () => {
  model = await ModelServer.start();
  model.addBucket("b");
});
afterEach(async () => {
  await model[Symbol.asyncDispose]();
});

const deletions = (): readonly ModelRequest[] => model.requests.filter(({ query }) => query.has("delete"));

describe("failures of the whole request", () => {
  const cases: readonly (readonly [string, ReturnType<ModelServer["fault"]>, string])[] = [
    [
      "a missing bucket",
      error(404, "NoSuchBucket", "The specified bucket does not exist"),
      "SCRUBBER_STORE_MISCONFIGURED",
    ],
    ["an unknown access key", error(403, "InvalidAccessKeyId", "unknown"), "SCRUBBER_STORE_MISCONFIGURED"],
    ["a wrong secret", error(403, "SignatureDoesNotMatch", "wrong"), "SCRUBBER_STORE_MISCONFIGURED"],
    ["an expired token", error(400, "ExpiredToken", "expired"), "SCRUBBER_STORE_MISCONFIGURED"],
    ["a denied request", error(403, "AccessDenied", "Access Denied"), "SCRUBBER_STORE_MISCONFIGURED"],
    ["a redirect to another region", { status: 301 }, "SCRUBBER_STORE_MISCONFIGURED"],
    ["an internal error", error(500, "InternalError", "oops"), "SCRUBBER_STORE_UNAVAILABLE"],
    [
      "a bad gateway's page",
      { status: 502, body: "<html>Bad Gateway</html>", headers: { "content-type": "text/html" } },
      "SCRUBBER_STORE_UNAVAILABLE",
    ],
    ["a server that is unavailable", error(503, "ServiceUnavailable", "down"), "SCRUBBER_STORE_UNAVAILABLE"],
    ["a connection that is cut", "cut", "SCRUBBER_STORE_UNAVAILABLE"],
    ["an answer that never comes", "hang", "SCRUBBER_STORE_UNAVAILABLE"],
    ["a server that asks for patience", error(503, "SlowDown", "Reduce your request rate"), "SCRUBBER_STORE_THROTTLED"],
    ["too many requests", { status: 429 }, "SCRUBBER_STORE_THROTTLED"],
    [
      "an error in the place of a result",
      { ...error(200, "InternalError", "oops"), status: 200 },
      "SCRUBBER_STORE_UNAVAILABLE",
    ],
    [
      "patience asked for in the place of a result",
      { ...error(200, "SlowDown", "oops"), status: 200 },
      "SCRUBBER_STORE_THROTTLED",
    ],
    ["a page that is no result", { status: 200, body: "<html>Sign in</html>" }, "SCRUBBER_STORE_UNAVAILABLE"],
    [
      "a result that is cut short",
      { status: 200, body: "<DeleteResult><Deleted><Key>k</Key></Deleted>" },
      "SCRUBBER_STORE_UNAVAILABLE",
    ],
    ["nothing at all", { status: 200, body: "" }, "SCRUBBER_STORE_UNAVAILABLE"],
  ];

  test.each(cases)("%s is an outage, and no entry is to blame", async (_, fault, code) => {
    await using store = await openS3({ endpoint: model.endpoint, timeout: "400ms", secretAccessKey: "very-secret" });
    await remove(store, [at("b", "before")]);
    model.fault = ({ query }) => (query.has("delete") ? fault : undefined);
    for (const locations of [[at("b", "k")], manyKeys(10).map((key) => at("b", key))]) {
      const failed = await remove(store, locations).then(
        () => expect.unreachable("it resolved"),
        (reason: unknown) => reason,
      );
      expect(failed).toMatchObject({ code });
      expect(String(Reflect.get(Object(failed), "hint"))).not.toBe("");
      expect(String(failed)).not.toContain("very-secret");
    }
  });

  test("a connection that is cut makes the next request no smaller", async () => {
    await using store = await openS3({ endpoint: model.endpoint });
    model.fault = ({ query }) => (query.has("delete") ? "cut" : undefined);
    const locations = manyKeys(1000).map((key) => at("b", key));
    await expect(remove(store, locations)).rejects.toMatchObject({ code: "SCRUBBER_STORE_UNAVAILABLE" });
    model.fault = () => undefined;
    await remove(store, locations);
    expect(new Set(deletions().map(({ keys }) => keys.length))).toEqual(new Set([1000]));
  });

  test("a deletion that finds its kept connection closed is no outage: it goes once more", async () => {
    for (const acts of [false, true]) {
      await using store = await openS3({ endpoint: model.endpoint });
      model.put("b", "k");
      let sent = 0;
      const cut = acts ? (): "cut" => "cut" : "cut";
      model.fault = ({ query }) => (query.has("delete") && ++sent === 1 ? cut : undefined);
      expect(await remove(store, [at("b", "k")])).toEqual([UNCHECKED]);
      expect(sent).toBe(2);
      expect(model.contents("b")).toEqual([]);
    }
  });

  test("a 404 that may be of somebody who stands before the server says nothing of an object that goes alone", async () => {
    for (const versioning of [undefined, "Enabled"] as const) {
      model.addBucket("b", { ...(versioning && { versioning }) });
      model.put("b", "odd\n");
      await using store = await openS3({ endpoint: model.endpoint });
      await remove(store, [at("b", "before")]);
      let deletes = 0;
      model.fault = ({ method }) => {
        if (method === "DELETE") deletes++;
        return deletes > 0 ? { status: 404, body: "<html>default backend - 404</html>" } : undefined;
      };
      await expect(remove(store, [at("b", "odd\n")])).rejects.toMatchObject({ code: "SCRUBBER_STORE_MISCONFIGURED" });
      expect(deletes).toBe(1);
      // Where the bucket can be seen meanwhile, it is the object that is not there.
      model.fault = ({ method }) => (method === "DELETE" ? { status: 404 } : undefined);
      expect(kinds(await remove(store, [at("b", "gone\n")]))).toEqual(["absent"]);
      model.fault = () => undefined;
    }
  });

  test("a refused connection and a name that does not resolve are outages", async () => {
    const gone = await ModelServer.start();
    const { endpoint } = gone;
    await gone[Symbol.asyncDispose]();
    for (const dead of [endpoint, "http://no-such-host.invalid:1"]) {
      await using store = await openS3({ endpoint: dead });
      await expect(remove(store, [at("b", "k")])).rejects.toMatchObject({ code: "SCRUBBER_STORE_UNAVAILABLE" });
      await expect(inspect(store, [at("b", "k")])).rejects.toMatchObject({ code: "SCRUBBER_STORE_UNAVAILABLE" });
    }
  });

  test("what was answered before the server failed stands; what was not sent is handed back, what may have been done is unknown", async () => {
    const keys = manyKeys(300);
    await using store = await openS3({ endpoint: model.endpoint });
    model.fault = takesOnly(100);
    for (let time = 0; time < 4; time++)
      await remove(
        store,
        keys.map((key) => at("b", key)),
      );
    let sent = 0;
    model.fault = ({ query }) => (query.has("delete") && ++sent > 1 ? "cut" : undefined);
    const outcomes = kinds(
      await remove(
        store,
        keys.map((key) => at("b", key)),
      ),
    );
    expect(
      [outcomes.slice(0, 100), outcomes.slice(100, 200), outcomes.slice(200)].map((part) => [...new Set(part)]),
    ).toEqual([["deleted"], ["unknown"], ["throttled"]]);
  });

  test("an aborted call resolves soon with unknown for what is unanswered", async () => {
    await using store = await openS3({ endpoint: model.endpoint });
    await remove(store, [at("b", "before")]);
    model.fault = () => "hang";
    const controller = new AbortController();
    const outcomes = remove(store, [at("b", "a"), at("b", "new\nline")], undefined, controller.signal);
    await expect.poll(() => model.requests.length, { timeout: 30_000 }).toBeGreaterThan(2);
    controller.abort();
    expect(kinds(await outcomes)).toEqual(["unknown", "unknown"]);
  });

  test("a server that demands Content-MD5 gets it from then on", async () => {
    model.fault = ({ query, headers }) =>
      query.has("delete") && headers["content-md5"] === undefined
        ? error(400, "InvalidRequest", "Missing required header for this request: Content-MD5")
        : undefined;
    model.put("b", "k");
    await using store = await openS3({ endpoint: model.endpoint });
    for (let time = 0; time < 2; time++) expect(await remove(store, [at("b", "k")])).toEqual([UNCHECKED]);
    expect(deletions()).toHaveLength(3);
    expect(model.contents("b")).toEqual([]);
  });
});
