import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { error, ModelServer, type ModelRequest } from "./model-server.ts";
import { at, inspect, kinds, openS3, remove } from "./opening.ts";

const UNCHECKED = { kind: "deleted", note: "identity: unchecked" };
let model: ModelServer;

beforeEach(async () => {
  model = await ModelServer.start();
  model.addBucket("b");
});
afterEach(async () => {
  await model[Symbol.asyncDispose]();
});

const deletions = (): readonly ModelRequest[] => model.requests.filter(({ query }) => query.has("delete"));

function manyKeys(count: number): readonly string[] {
  return Array.from({ length: count }, (_, i) => `key-${i}`);
}

/** Takes so many keys and no more. */
function takesOnly(limit: number): (request: ModelRequest) => ReturnType<typeof error> | undefined {
  return ({ keys }) =>
    keys.length > limit ? error(400, "MalformedXML", "The XML you provided was not well-formed") : undefined;
}

describe("a healthy bucket", () => {
  test("a thousand keys are one request, and no other is spent but the one question whether the bucket keeps versions", async () => {
    const keys = manyKeys(1000);
    for (const key of keys) model.put("b", key);
    model.put("b", "stays");
    await using store = await openS3({ endpoint: model.endpoint });
    const outcomes = await remove(
      store,
      keys.map((key) => at("b", key)),
    );
    expect(outcomes).toEqual(keys.map(() => UNCHECKED));
    await remove(store, [at("b", "one more")]);
    expect(model.contents("b")).toEqual(["stays"]);
    expect(model.requests.map(({ method, keys: asked }) => [method, asked.length])).toEqual([
      ["GET", 0],
      ["POST", 1000],
      ["POST", 1],
    ]);
  });

  test("the same object twice in a batch is one deletion and two answers", async () => {
    model.put("b", "k");
    await using store = await openS3({ endpoint: model.endpoint });
    expect(await remove(store, [at("b", "k"), at("b", "other"), { uri: "s3://b/%6b" }])).toEqual([
      UNCHECKED,
      UNCHECKED,
      UNCHECKED,
    ]);
    expect(deletions().map(({ keys }) => keys)).toEqual([["k", "other"]]);
  });

  test("keys that do not survive XML go one by one, beside their batch", async () => {
    const odd = ["new\nline", "carriage\rreturn", "tab\tkey", "control\u0001", " leading", "trailing ", "\ufffe"];
    const plain = ["a&b<c>\"d'", "a b", "a+b", "日本", "emoji😀", "]]>"];
    for (const key of [...odd, ...plain, "stays"]) model.put("b", key);
    await using store = await openS3({ endpoint: model.endpoint });
    expect(
      kinds(
        await remove(
          store,
          [...odd, ...plain].map((key) => at("b", key)),
        ),
      ),
    ).toEqual([...odd, ...plain].map(() => "deleted"));
    expect(model.contents("b")).toEqual(["stays"]);
    expect(deletions().map(({ keys }) => keys)).toEqual([plain]);
  });

  test("looking costs a request for each object only where it is asked for or recorded", async () => {
    for (const key of ["a", "b"]) model.put("b", key);
    await using store = await openS3({ endpoint: model.endpoint });
    const { etag } = model.put("b", "recorded", "xy");
    expect(
      await remove(store, [at("b", "a"), { ...at("b", "recorded"), metadata: { etag: `"${etag}"`, size: 2 } }]),
    ).toEqual([UNCHECKED, { kind: "deleted", bytes: 2 }]);
    expect(model.requests.filter(({ method }) => method === "HEAD").map(({ key }) => key)).toEqual(["recorded"]);
  });
});

describe("the number of keys in a request", () => {
  test("10,000 keys against a server that takes 100 cost at most 110 requests, also eight calls at a time", async () => {
    for (const width of [1, 8]) {
      await using server = await ModelServer.start();
      server.addBucket("b");
      server.fault = takesOnly(100);
      await using store = await openS3({ endpoint: server.endpoint });
      const calls = Array.from({ length: 10 }, (_, i) => manyKeys(1000).map((key) => at("b", `${i}/${key}`)));
      const worker = async (): Promise<void> => {
        for (let call = calls.pop(); call !== undefined; call = calls.pop())
          expect(new Set(kinds(await remove(store, call)))).toEqual(new Set(["deleted"]));
      };
      await Promise.all(Array.from({ length: width }, worker));
      const sent = server.requests.filter(({ query }) => query.has("delete"));
      expect(sent.length).toBeLessThanOrEqual(110);
    }
  });

  test("a server that takes one key at a time gets one at a time, without a batch of one", async () => {
    model.fault = takesOnly(1);
    const keys = manyKeys(20);
    for (const key of keys) model.put("b", key);
    await using store = await openS3({ endpoint: model.endpoint });
    expect(
      kinds(
        await remove(
          store,
          keys.map((key) => at("b", key)),
        ),
      ),
    ).toEqual(keys.map(() => "deleted"));
    expect(model.contents("b")).toEqual([]);
  });

  test("a server that knows no DeleteObjects gets single deletions, and is not asked again", async () => {
    model.fault = ({ query }) =>
      query.has("delete")
        ? error(501, "NotImplemented", "A header you provided implies functionality that is not implemented")
        : undefined;
    for (const key of manyKeys(5)) model.put("b", key);
    await using store = await openS3({ endpoint: model.endpoint });
    for (let time = 0; time < 2; time++)
      expect(
        kinds(
          await remove(
            store,
            manyKeys(5).map((key) => at("b", key)),
          ),
        ),
      ).toEqual(manyKeys(5).map(() => "deleted"));
    expect(model.contents("b")).toEqual([]);
    expect(deletions()).toHaveLength(1);
  });

  test("a single key that makes the server refuse its request is found, and shrinks nobody else's requests", async () => {
    model.fault = ({ keys }) => (keys.includes("key-700") ? error(400, "InvalidArgument", "bad key") : undefined);
    const keys = manyKeys(1000);
    for (const key of keys) model.put("b", key);
    await using store = await openS3({ endpoint: model.endpoint });
    const outcomes = await remove(
      store,
      keys.map((key) => at("b", key)),
    );
    expect(outcomes[700]).toEqual({ kind: "unknown", reason: "InvalidArgument: bad key" });
    expect(kinds(outcomes.toSpliced(700, 1))).toEqual(Array(999).fill("deleted"));
    expect(model.contents("b")).toEqual(["key-700"]);
    const before = deletions().length;
    await remove(
      store,
      keys.toSpliced(700, 1).map((key) => at("b", key)),
    );
    expect(deletions().length - before).toBe(1);
  });

  test("a server that refuses every request costs few of them, and is misconfigured", async () => {
    model.fault = ({ query }) => (query.has("delete") ? error(400, "InvalidRequest", "no") : undefined);
    await using store = await openS3({ endpoint: model.endpoint });
    await expect(
      remove(
        store,
        manyKeys(1000).map((key) => at("b", key)),
      ),
    ).rejects.toMatchObject({ code: "SCRUBBER_STORE_MISCONFIGURED" });
    expect(deletions().length).toBeLessThan(20);
  });

  test("a request that is not answered in time is sent again with half of its keys, and that is remembered", async () => {
    model.fault = ({ keys }) => (keys.length > 500 ? "hang" : undefined);
    const keys = manyKeys(1000);
    await using store = await openS3({ endpoint: model.endpoint, timeout: "300ms" });
    await remove(store, [at("b", "first")]);
    expect(
      new Set(
        kinds(
          await remove(
            store,
            keys.map((key) => at("b", key)),
          ),
        ),
      ),
    ).toEqual(new Set(["deleted"]));
    expect(deletions().map((request) => request.keys.length)).toEqual([1, 1000, 500, 500]);
  });
});

describe("answers for single keys", () => {
  /** Puts elements in the place of those of some keys. */
  function answering(elements: Readonly<Record<string, string>>): void {
    model.fault = ({ query }) =>
      query.has("delete")
        ? (answer) => {
            if (typeof answer !== "object") return answer;
            const body = Object.entries(elements).reduce(
              (xml, [key, instead]) => xml.replace(`<Deleted><Key>${key}</Key></Deleted>`, instead),
              answer.body ?? "",
            );
            return { ...answer, body };
          }
        : undefined;
  }
  const refused = (key: string, code: string, message = "said the server"): string =>
    `<Error><Key>${key}</Key><Code>${code}</Code><Message>${message}</Message></Error>`;

  test("each is told by itself: throttled, denied, unknown, absent, invalid, and not mentioned", async () => {
    const codes = {
      slow: "SlowDown",
      denied: "AccessDenied",
      broken: "InternalError",
      gone: "NoSuchKey",
      long: "KeyTooLongError",
    };
    answering({
      ...Object.fromEntries(Object.entries(codes).map(([key, code]) => [key, refused(key, code)])),
      silent: "",
    });
    await using store = await openS3({ endpoint: model.endpoint });
    expect(
      await remove(
        store,
        ["fine", ...Object.keys(codes), "silent"].map((key) => at("b", key)),
      ),
    ).toEqual([
      UNCHECKED,
      { kind: "throttled" },
      { kind: "denied", reason: "AccessDenied: said the server" },
      { kind: "unknown", reason: "InternalError: said the server" },
      { kind: "absent" },
      { kind: "invalid", reason: "KeyTooLongError: said the server" },
      { kind: "unknown", reason: "the server's answer does not mention it" },
    ]);
  });

  test("equal causes get equal reasons, though the server names the object in its message", async () => {
    answering({
      one: refused("one", "AccessDenied", "not allowed on arn:aws:s3:::b/one"),
      two: refused("two", "AccessDenied", "not allowed on arn:aws:s3:::b/two"),
    });
    await using store = await openS3({ endpoint: model.endpoint });
    expect(await remove(store, [at("b", "one"), at("b", "two")])).toEqual(
      Array(2).fill({ kind: "denied", reason: "AccessDenied" }),
    );
  });

  test("an object that is called both deleted and not is not called deleted", async () => {
    answering({ k: `${refused("k", "InternalError")}<Deleted><Key>k</Key></Deleted>` });
    await using store = await openS3({ endpoint: model.endpoint });
    expect(kinds(await remove(store, [at("b", "k"), at("b", "other")]))).toEqual(["unknown", "deleted"]);
  });

  test("answers in another order, and for keys that nobody asked for, are held against the right objects", async () => {
    answering({
      a: "",
      b: `<Deleted><Key>x</Key></Deleted><Error><Key>b</Key><Code>AccessDenied</Code></Error><Deleted><Key>a</Key></Deleted>`,
    });
    await using store = await openS3({ endpoint: model.endpoint });
    expect(kinds(await remove(store, [at("b", "a"), at("b", "b"), at("b", "c")]))).toEqual([
      "deleted",
      "denied",
      "deleted",
    ]);
  });
});

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
