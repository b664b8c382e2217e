import { afterEach, expect, test, vi } from "vitest";
import { ModelServer } from "./model-server.ts";
import { at, kinds, openS3, remove } from "./opening.ts";

afterEach(() => {
  vi.unstubAllEnvs();
});

test("the server that the environment names is the store's in all: its requests, its place, its locations", async () => {
  await using model = await ModelServer.start();
  model.addBucket("b");
  model.put("b", "k");
  vi.stubEnv("AWS_ENDPOINT_URL", "http://127.0.0.1:9");
  vi.stubEnv("AWS_ENDPOINT_URL_S3", model.endpoint);
  vi.stubEnv("AWS_REGION", "eu-west-1");
  await using store = await openS3({});
  await using configured = await openS3({ endpoint: model.endpoint });
  expect(store.place).toBe(configured.place);
  const host = model.endpoint.replace("http://", "");
  const [aws, own] = ["s3.amazonaws.com", host].map((name) => ({ uri: `s3+http://${name}/b/k` }));
  expect(store.target({ location: aws!, requestedAt: new Date() })).toBeUndefined();
  expect(store.target({ location: own!, requestedAt: new Date() })?.key).toBe("b/k");
  expect(kinds(await remove(store, [at("b", "k")]))).toEqual(["deleted"]);
  expect(model.contents("b")).toEqual([]);
  expect(model.requests[0]?.headers.authorization).toContain("/eu-west-1/s3/");
});

test("the option goes before the environment, which can be told to be ignored, and is refused where it is no URL", async () => {
  vi.stubEnv("AWS_ENDPOINT_URL", "minio:9000");
  await expect(openS3({})).rejects.toMatchObject({
    code: "SCRUBBER_PLUGIN_OPTIONS",
    message: "AWS_ENDPOINT_URL in the environment is no http or https URL",
  });
  vi.stubEnv("AWS_ENDPOINT_URL", "https://s3.example.com");
  await using named = await openS3({ endpoint: "https://s3.example.org" });
  expect(named.place).toBe("s3:s3.example.org");
  vi.stubEnv("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "true");
  await using ignoring = await openS3({});
  expect(ignoring.place).toBe("s3:aws");
});
