import { inspect } from "node:util";
import type { Location } from "@scrubber/core";
import { describe, expect, test } from "vitest";
import { awsRegionOf, placeOf } from "../src/addressing.ts";
import { createLocationReader, type S3Target } from "../src/location.ts";
import type { S3Options } from "../src/options.ts";

const requestedAt = new Date("2026-11-24T15:00:00Z");

function read(location: string | Location, options: Partial<S3Options> = {}): S3Target | undefined {
  const reader = createLocationReader({
    endpoint: "https://s3.example.com",
    hosts: [],
    buckets: undefined,
    glanceUris: false,
    ...options,
  });
  return reader.target({ location: typeof location === "string" ? { uri: location } : location, requestedAt });
}

describe("s3://bucket/key", () => {
  test("is percent-decoded, and its key is shown so that no two objects share one", () => {
    expect(read("s3://bucket/dir/a%20b")).toMatchObject({ key: "bucket/dir/a b", group: "bucket", name: "dir/a b" });
    expect(read("s3://bucket/a b")?.key).toBe("bucket/a b");
    expect(read("s3://bucket/pct%252Fkey")).toMatchObject({ key: "bucket/pct%252Fkey", name: "pct%2Fkey" });
    expect(read("s3://bucket/what%3F")).toMatchObject({ key: "bucket/what%3F", name: "what?" });
    expect(read("s3://bucket/new%0Aline")?.key).toBe("bucket/new%0Aline");
    expect(read("s3://bucket//slash")?.name).toBe("/slash");
    expect(read("s3://bucket/a+b")?.name).toBe("a+b");
  });

  test("a recorded version is part of the key and cannot be taken for one of another name", () => {
    const version = { uri: "s3://bucket/k", identity: { versionId: "a/b?c" } };
    expect(read(version)?.key).toBe("bucket/k?versionId=a%2Fb%3Fc");
    expect(read("s3://bucket/k%3FversionId=a%252Fb%253Fc")?.key).not.toBe(read(version)?.key);
    expect(read({ uri: "s3://bucket/k", metadata: { versionId: "v", etag: 'W/"e"', size: 3 } })?.identity).toEqual({
      versionId: "v",
      etag: "e",
      size: 3,
    });
    expect(read({ uri: "s3://bucket/k", metadata: { store: "fast", size: "3" } })?.identity).toBeUndefined();
  });

  test.each([
    "s3://bucket",
    "s3://bucket/",
    "s3:///key",
    "s3:bucket/key",
    "s3://bu%2Fcket/key",
    "s3://-/key",
    "s3://bucket/k?versionId=1",
    "s3://bucket/k#x",
    "s3://bucket/100%",
    "s3://bucket/%ff",
    `s3://bucket/${"k".repeat(1025)}`,
    "s3://bucket/\ud800",
  ])("%s is refused", (uri) =>
    expect(() => read(uri)).toThrow(expect.objectContaining({ code: "SCRUBBER_LOCATION_INVALID" })),
  );

  test("with buckets named, all others are somebody else's", () => {
    expect(read("s3://mine/k", { buckets: ["mine"] })?.group).toBe("mine");
    expect(read("s3://other/k", { buckets: ["mine"] })).toBeUndefined();
  });
});

describe("s3+http(s)://host/bucket/key", () => {
  test("every spelling of one object has one key", () => {
    const spellings = [
      "s3://bucket/dir/key",
      "S3+HTTPS://s3.example.com/bucket/dir/key",
      "s3+https://S3.Example.COM/bucket/dir/key",
      "s3+https://s3.example.com:443/bucket/dir/key",
      "s3+http://s3.example.com/bucket/dir/key",
      "s3+http://s3.example.com:80/bucket/dir/key",
      "s3+https://s3.example.com./bucket/dir/key",
      "s3+https://s3.example.com.:443/bucket/dir/key",
      "s3+https://bucket.s3.example.com/dir/key",
      "s3+https://s3.example.com/bucket/%64ir/key",
      "s3+https://old-name:8443/bucket/dir/key",
    ];
    const keys = spellings.map((uri) => read(uri, { hosts: ["old-name:8443"] })?.key);
    expect(keys).toEqual(spellings.map(() => "bucket/dir/key"));
  });

  test.each([
    "s3+https://s3.example.org/bucket/key",
    "s3+https://s3.example.com:8443/bucket/key",
    "s3+https://evils3.example.com/bucket/key",
    "s3+https://old-name/bucket/key",
    "https://s3.example.com/bucket/key",
  ])("%s is another server's", (uri) => expect(read(uri, { hosts: ["old-name:8443"] })).toBeUndefined());

  test("an endpoint with a path has its buckets under it, and nothing beside it is its", () => {
    const options = { endpoint: "https://example.com/s3/" };
    expect(read("s3+https://example.com/s3/bucket/key", options)?.key).toBe("bucket/key");
    expect(read("s3+https://example.com/other/bucket/key", options)).toBeUndefined();
  });

  test("without an endpoint the hosts are those of AWS", () => {
    for (const host of [
      "s3.amazonaws.com",
      "s3.eu-west-1.amazonaws.com",
      "s3-eu-west-1.amazonaws.com",
      "s3.dualstack.eu-west-1.amazonaws.com",
      "s3-fips.dualstack.us-gov-west-1.amazonaws.com",
      "s3-accelerate.amazonaws.com",
      "s3-accelerate.dualstack.amazonaws.com",
      "s3.cn-north-1.amazonaws.com.cn",
    ]) {
      expect(read(`s3+https://${host}/bucket/key`, { endpoint: undefined })?.key).toBe("bucket/key");
      expect(read(`s3+https://bucket.${host}/key`, { endpoint: undefined })?.key).toBe("bucket/key");
    }
    expect(read("s3+https://s3.example.com/bucket/key", { endpoint: undefined })).toBeUndefined();
  });
});

describe("a name that a server with a file system may resolve", () => {
  test.each(["a//b", "/a/b", "//a/b", "./a/b", "a/./b", "x/../a/b", "../a/b", "/x//../a/b"])(
    "%s is within the object that it resolves to",
    (name) => {
      const uri = `s3://bucket/${encodeURIComponent(name)}`;
      expect(read(uri)).toMatchObject({ key: `bucket/${name}`, within: "bucket/a/b", name });
      // AWS keeps them apart.
      expect(read(uri, { endpoint: undefined })?.within).toBeUndefined();
      expect(read({ uri, identity: { versionId: "v" } })?.within).toBe(`bucket/${name}`);
    },
  );

  test("and others are within nothing: a slash at the end is part of the name", () => {
    for (const name of ["a/b", "a/b/", ".a/..b", "a/...", "a.", "/", "..", "./"])
      expect(read(`s3://bucket/${encodeURIComponent(name)}`)?.within).toBeUndefined();
    expect(read("s3://bucket//a/")?.within).toBe("bucket/a/");
  });
});

describe("an endpoint of AWS", () => {
  test("has all of AWS's hosts in its partition: a bucket has one name in all of its regions", () => {
    const world = { endpoint: "https://s3.eu-west-1.amazonaws.com" };
    const china = { endpoint: "https://s3.cn-north-1.amazonaws.com.cn" };
    expect(read("s3+https://s3.amazonaws.com/bucket/key", world)?.key).toBe("bucket/key");
    expect(read("s3+https://bucket.s3.dualstack.eu-west-1.amazonaws.com/key", world)?.key).toBe("bucket/key");
    expect(read("s3+https://bucket.s3.cn-northwest-1.amazonaws.com.cn/key", china)?.key).toBe("bucket/key");
    expect(read("s3+https://s3.cn-north-1.amazonaws.com.cn/bucket/key", world)).toBeUndefined();
    expect(read("s3+https://s3.eu-west-1.amazonaws.com/bucket/key", china)).toBeUndefined();
    expect(read("s3+https://s3.eu-west-1.amazonaws.com:8443/bucket/key", world)).toBeUndefined();
  });

  test.each([
    ["https://s3.cn-north-1.amazonaws.com.cn", "cn-north-1"],
    ["https://s3-us-gov-west-1.amazonaws.com", "us-gov-west-1"],
    ["https://s3.dualstack.eu-central-1.amazonaws.com", "eu-central-1"],
    ["https://S3-FIPS.us-east-2.amazonaws.com", "us-east-2"],
    ["https://s3.amazonaws.com", undefined],
    ["https://s3-accelerate.amazonaws.com", undefined],
    ["https://s3.eu-west-1.example.com", undefined],
  ])("%s says which region it is in: %s", (endpoint, region) => expect(awsRegionOf(endpoint)).toBe(region));
});

describe("the place that buckets are in", () => {
  test.each([
    "https://s3.example.com",
    "https://s3.example.com:443/",
    "http://S3.example.COM:7480",
    "https://s3.example.com.:8443",
  ])("%s is one server by its host, whatever port and protocol it is asked on", (endpoint) =>
    expect(placeOf(endpoint)).toBe("s3:s3.example.com"),
  );

  test.each([
    undefined,
    "https://s3.amazonaws.com",
    "https://s3.cn-north-1.amazonaws.com.cn",
    "https://s3-accelerate.dualstack.amazonaws.com",
    "https://bucket.vpce-1a2b3c4d-5e6f.s3.us-east-1.vpce.amazonaws.com",
  ])("%s is AWS, which is one", (endpoint) => expect(placeOf(endpoint)).toBe("s3:aws"));

  test.each(["http://localhost:9000", "http://127.0.0.1:7480", "http://127.1", "https://[::1]:8443"])(
    "%s is this machine",
    (endpoint) => expect(placeOf(endpoint)).toBe("s3:localhost"),
  );

  test("other hosts are other servers", () => {
    expect(placeOf("https://s3.example.org")).not.toBe(placeOf("https://s3.example.com"));
    expect(placeOf("https://amazonaws.com.example.org")).not.toBe(placeOf(undefined));
    expect(placeOf("https://notamazonaws.com")).not.toBe(placeOf(undefined));
  });
});

describe("Glance's locations", () => {
  const glance = { glanceUris: true };
  const secret = "wJalr/XUtn/FEMI+K7";

  test("the secret may contain slashes; credentials are kept, and are in no key, group, JSON or inspection", () => {
    for (const uri of [
      `s3://AKID:${secret}@s3.example.com/bucket/key`,
      `s3+https://AKID:${secret}@s3.example.com:443/bucket/key`,
      `s3://AKID:${secret}@https://s3.example.com/bucket/key`,
    ]) {
      const target = read(uri, glance);
      expect(target).toMatchObject({ key: "bucket/key", group: "bucket" });
      expect(target?.credentials?.reveal()).toEqual({ accessKeyId: "AKID", secretAccessKey: secret });
      for (const shown of [
        JSON.stringify(target),
        inspect(target, { depth: 9, showHidden: true }),
        inspect(target?.credentials, { showHidden: true }),
      ]) {
        expect(shown).not.toContain("AKID");
        expect(shown).not.toContain(secret);
      }
    }
    expect(read("s3://s3.example.com/bucket/key", glance)).toMatchObject({ key: "bucket/key", credentials: undefined });
    expect(read("s3://test:tester:testing@s3.example.com/bucket/key", glance)?.credentials?.reveal()).toEqual({
      accessKeyId: "test:tester",
      secretAccessKey: "testing",
    });
  });

  test("what is not exactly host, bucket and key is refused, and another host is another server's", () => {
    for (const uri of [
      `s3://AKID:${secret}@s3.example.com/key`,
      `s3://AKID:${secret}@s3.example.com/a/bucket/key`,
      `s3://AKID@s3.example.com/bucket/key`,
      `s3://AKID:@s3.example.com/bucket/key`,
      "s3://s3.example.com",
    ]) {
      expect(() => read(uri, glance)).toThrow(expect.objectContaining({ code: "SCRUBBER_LOCATION_INVALID" }));
      expect(() => read(uri, glance)).not.toThrow(/wJalr|FEMI/);
    }
    expect(read(`s3://AKID:${secret}@s3.example.org/bucket/key`, glance)).toBeUndefined();
  });

  test("credentials in locations are refused unless the option says that they may be used, and are not repeated", () => {
    for (const uri of [
      `s3+https://AKID:secret@s3.example.com/bucket/key`,
      `s3://AKID:${secret}@s3.example.com/bucket/key`,
    ]) {
      expect(() => read(uri)).toThrow(
        expect.objectContaining({
          code: "SCRUBBER_LOCATION_INVALID",
          message: expect.not.stringMatching(/AKID|secret@|wJalr/) as string,
        }),
      );
    }
  });
});
