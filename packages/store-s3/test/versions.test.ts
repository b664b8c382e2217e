import { afterEach, beforeEach, expect, test } from "vitest";
import { error, ModelServer } from "./model-server.ts";
import { at, inspect, kinds, openS3, remove } from "./opening.ts";

const before = new Date("2026-01-01T00:00:00Z");
const requestedAt = new Date("2026-01-02T00:00:00Z");
const after = new Date("2026-01-03T00:00:00Z");
let model: ModelServer;

beforeEach(async () => {
  model = await ModelServer.start();
  model.addBucket("versioned", { versioning: "Enabled" });
});
afterEach(async () => {
  await model[Symbol.asyncDispose]();
});

test("all versions and markers of just the key go, over all pages, and the bytes are those that were freed", async () => {
  for (let i = 0; i < 250; i++) model.put("versioned", "a", "12", before);
  for (const key of ["ab", "a/", "b"]) model.put("versioned", key, "x", before);
  await using marking = await openS3({ endpoint: model.endpoint, versions: "current" });
  expect(await remove(marking, [at("versioned", "a")])).toEqual([{ kind: "marker", asked: true }]);
  await using store = await openS3({ endpoint: model.endpoint });
  expect(await remove(store, [at("versioned", "a")])).toEqual([{ kind: "deleted", bytes: 500 }]);
  expect(model.contents("versioned")).toEqual(["a/", "ab", "b"]);
});

test("where asking is denied the answers tell: the marker that was left goes again, and what it hid is judged", async () => {
  model.put("versioned", "old", "x", before);
  model.put("versioned", "rewritten", "x", before);
  model.put("versioned", "rewritten", "newer", after);
  model.fault = ({ query }) => (query.has("versioning") ? error(403, "AccessDenied", "Access Denied") : undefined);
  await using store = await openS3({ endpoint: model.endpoint });
  expect(kinds(await remove(store, [at("versioned", "old"), at("versioned", "rewritten")], requestedAt))).toEqual([
    "deleted",
    "changed",
  ]);
  expect(model.contents("versioned")).toEqual(["rewritten"]);
  expect(model.current("versioned", "rewritten")?.size).toBe(5);
});

test("a newer version stays current, with the markers of its history, and the older ones go", async () => {
  model.put("versioned", "k", "old", before);
  model.put("versioned", "k", "newer", after);
  await using store = await openS3({ endpoint: model.endpoint });
  expect(kinds(await remove(store, [at("versioned", "k")], requestedAt))).toEqual(["changed"]);
  expect(model.contents("versioned")).toEqual(["k"]);
  expect(model.current("versioned", "k")?.size).toBe(5);
});

test("a version that cannot go keeps the marker in front of it: nothing comes back to life", async () => {
  model.addBucket("locked", { locked: true });
  model.put("locked", "k", "free", before);
  model.put("locked", "k", "held", before).retainUntil = new Date("2100-01-01T00:00:00Z");
  await using marking = await openS3({ endpoint: model.endpoint, versions: "current" });
  await remove(marking, [at("locked", "k")]);
  await using store = await openS3({ endpoint: model.endpoint });
  expect(await remove(store, [at("locked", "k")])).toEqual([
    { kind: "held", until: new Date("2100-01-01T00:00:00Z"), reason: "retention (governance)" },
  ]);
  expect(model.contents("locked")).toEqual(["k", "k (marker)"]);
  expect(model.current("locked", "k")).toBeUndefined();
});

test("held is told from denied without a request for each object where the bucket has no locks", async () => {
  for (let i = 0; i < 20; i++) model.put("versioned", `k${i}`, "x", before).legalHold = true;
  await using store = await openS3({ endpoint: model.endpoint });
  const outcomes = await remove(
    store,
    Array.from({ length: 20 }, (_, i) => at("versioned", `k${i}`)),
  );
  expect(new Set(kinds(outcomes))).toEqual(new Set(["denied"]));
  expect(model.requests.filter(({ query }) => query.has("legal-hold") || query.has("retention"))).toEqual([]);
});

test("the identity that is recorded is held against the version that was there at the time of the request", async () => {
  const { etag } = model.put("versioned", "same", "x", before);
  model.put("versioned", "other", "y", before);
  await using store = await openS3({ endpoint: model.endpoint });
  const locations = ["same", "other"].map((key) => ({ ...at("versioned", key), identity: { etag } }));
  expect(kinds(await remove(store, locations, requestedAt))).toEqual(["deleted", "changed"]);
  expect(model.contents("versioned")).toEqual(["other"]);
});

test("a listing of versions that fails touches nothing: denied is denied, an outage is an outage", async () => {
  model.put("versioned", "k", "x", before);
  await using store = await openS3({ endpoint: model.endpoint });
  model.fault = ({ query }) => (query.has("versions") ? error(403, "AccessDenied", "Access Denied") : undefined);
  expect(await remove(store, [at("versioned", "k")])).toEqual([
    { kind: "denied", reason: "listing its versions: AccessDenied" },
  ]);
  model.fault = ({ query }) => (query.has("versions") ? error(503, "ServiceUnavailable", "down") : undefined);
  await expect(remove(store, [at("versioned", "k")])).rejects.toMatchObject({ code: "SCRUBBER_STORE_UNAVAILABLE" });
  model.fault = ({ query }) =>
    query.has("versions")
      ? { status: 200, body: "<ListVersionsResult><IsTruncated>true</IsTruncated></ListVersionsResult>" }
      : undefined;
  await expect(remove(store, [at("versioned", "k")])).rejects.toMatchObject({ code: "SCRUBBER_STORE_UNAVAILABLE" });
  expect(model.contents("versioned")).toEqual(["k"]);
});

test("unfinished uploads that were begun before the request are aborted where the option says so", async () => {
  model.addBucket("plain");
  const uploads = model.buckets.get("plain")?.uploads ?? [];
  for (const key of ["k", "k2"]) uploads.push({ key, id: `${key}-before`, initiated: before });
  uploads.push({ key: "k", id: "k-after", initiated: after });
  await using plain = await openS3({ endpoint: model.endpoint });
  await remove(plain, [at("plain", "k")], requestedAt);
  expect(uploads).toHaveLength(3);
  await using store = await openS3({ endpoint: model.endpoint, abortUploads: true });
  await remove(store, [at("plain", "k")], requestedAt);
  expect(uploads.map(({ id }) => id)).toEqual(["k2-before", "k-after"]);
  model.fault = ({ query }) => (query.has("uploads") ? error(403, "AccessDenied", "Access Denied") : undefined);
  expect(kinds(await remove(store, [at("plain", "k")], requestedAt))).toEqual(["unknown"]);
});

test("looking changes nothing and sees holds, changes and what is missing", async () => {
  model.addBucket("locked", { locked: true });
  model.put("locked", "held", "x", before).legalHold = true;
  model.put("locked", "newer", "x", after);
  model.put("locked", "there", "xyz", before);
  await using store = await openS3({ endpoint: model.endpoint, identity: "check" });
  const found = await inspect(
    store,
    ["held", "newer", "there", "never"].map((key) => at("locked", key)),
    requestedAt,
  );
  expect(found).toMatchObject([
    { kind: "held" },
    { kind: "changed" },
    { kind: "present", bytes: 3, identity: { size: 3 } },
    { kind: "absent" },
  ]);
  expect(model.requests.every(({ method }) => method === "HEAD" || method === "GET")).toBe(true);
});

test("a missing object is absent only where the bucket is seen to be there, also if its versioning may not be asked", async () => {
  model.addBucket("plain");
  await using store = await openS3({ endpoint: model.endpoint, identity: "check" });
  const denied = error(403, "AccessDenied", "Access Denied");
  model.fault = ({ query }) => (query.has("versioning") ? denied : undefined);
  expect(await remove(store, [at("plain", "never")])).toEqual([{ kind: "absent" }]);
  model.fault = ({ method, query }) =>
    query.has("versioning") ? denied : method === "HEAD" ? { status: 404 } : undefined;
  await expect(remove(store, [at("plain", "never")])).rejects.toMatchObject({ code: "SCRUBBER_STORE_MISCONFIGURED" });
  await expect(inspect(store, [at("plain", "never")])).rejects.toMatchObject({ code: "SCRUBBER_STORE_MISCONFIGURED" });
});
