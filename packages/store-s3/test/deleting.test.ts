import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { error, ModelServer, type ModelRequest } from "./model-server.ts";
import { UNCHECKED, at, kinds, manyKeys, openS3, remove, takesOnly } from "./opening.ts";

let model: ModelServer;

beforeEach(async () => {
  model = await ModelServer.start();
  model.addBucket("b");
});
afterEach(async () => {
  await model[Symbol.asyncDispose]();
});

const deletions = (): readonly ModelRequest[] => model.requests.filter(({ query }) => query.has("delete"));

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
