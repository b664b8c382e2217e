import type { Location } from "@scrubber/core";
import { testPlugin, testStore, type StoreUnderTest } from "@scrubber/core/conformance";
import { describe, test } from "vitest";
import plugin from "../src/index.ts";
import { ModelServer } from "./model-server.ts";
import { openS3 } from "./opening.ts";

const BUCKET = "bucket";
const runner = { describe, test };

for (const [name, bucket, lacks] of [
  // Of what the store supports, a bucket without versions can hold nothing back and has no versions to name.
  ["on a bucket without versions, each object looked at", { locked: false }, { holds: false, versions: false }],
  ["on a bucket that keeps versions and locks", { locked: true }, {}],
] as const) {
  testStore(runner, {
    name: `s3 ${name}`,
    async open(): Promise<StoreUnderTest> {
      const model = await ModelServer.start();
      model.addBucket(BUCKET, bucket);
      const store = await openS3({ endpoint: model.endpoint, buckets: [BUCKET], identity: "check" });
      const keyOf = ({ uri }: Location): string => decodeURIComponent(uri.slice(uri.lastIndexOf("/") + 1));
      const locate = (word: string): Location => ({ uri: `s3://${BUCKET}/${word}` });
      return {
        store: {
          schemes: store.schemes,
          limits: store.limits,
          supports: { ...store.supports, ...lacks },
          place: store.place ?? "",
          target: (of) => store.target(of),
          delete: (targets, call) => store.delete(targets as Parameters<typeof store.delete>[0], call),
          inspect: (targets, call) => store.inspect(targets as Parameters<typeof store.inspect>[0], call),
          probe: (call) => store.probe(call),
          [Symbol.asyncDispose]: () => store[Symbol.asyncDispose](),
        },
        locate,
        async create(word, content) {
          model.put(BUCKET, word, content);
          return locate(word);
        },
        async replace(location) {
          model.put(BUCKET, keyOf(location), "something else, and of another length");
        },
        exists: async (location) => model.current(BUCKET, keyOf(location)) !== undefined,
        async identify(location) {
          const { id, etag, size, modifiedAt } =
            model.current(BUCKET, keyOf(location)) ?? model.put(BUCKET, keyOf(location));
          return { versionId: id, etag, size, modifiedAt: new Date(Math.floor(modifiedAt.getTime() / 1000) * 1000) };
        },
        ...(bucket.locked && {
          async hold(location: Location) {
            const version = model.current(BUCKET, keyOf(location));
            if (version !== undefined) version.legalHold = true;
          },
        }),
        second: () =>
          openS3({
            endpoint: model.endpoint.replace("http:", "https:"),
            accessKeyId: "x",
            secretAccessKey: "y",
            versions: "current",
          }),
        count: async () => model.contents(BUCKET).length,
        spellings({ uri }) {
          const word = uri.slice(uri.lastIndexOf("/") + 1);
          const host = model.endpoint.replace("http://", "");
          return [
            { uri: `S3://${BUCKET}/${word}` },
            { uri: `s3://${BUCKET}/%${word.charCodeAt(0).toString(16)}${word.slice(1)}` },
            { uri: `s3+http://${host}/${BUCKET}/${word}` },
            { uri: `s3+https://${host}/${BUCKET}/${word}` },
          ];
        },
        foreign: [
          { uri: "file:///images/object" },
          { uri: "s3+https://elsewhere.example.com/bucket/object" },
          { uri: "s3://another-bucket/object" },
        ],
        refused: [
          { uri: "s3:bucket/object" },
          { uri: `s3://${BUCKET}` },
          { uri: `s3://${BUCKET}/` },
          { uri: `s3://${BUCKET}/object?versionId=verysecret` },
          { uri: `s3://${BUCKET}/%ff` },
          { uri: "s3://access:verysecret@host/bucket/object" },
        ],
        async breakBackend() {
          model.fault = () => "cut";
          return async () => {
            model.fault = () => undefined;
          };
        },
        async [Symbol.asyncDispose]() {
          await store[Symbol.asyncDispose]();
          await model[Symbol.asyncDispose]();
        },
      };
    },
  });
}

testPlugin(runner, {
  name: "s3",
  plugin,
  options: async () => ({ endpoint: "http://127.0.0.1:9", accessKeyId: "access", secretAccessKey: "secret" }),
  refused: [
    { options: { endpoint: "s3.example.com" }, names: "endpoint" },
    { options: { accessKeyId: "access" }, names: "secretAccessKey" },
    { options: { sessionToken: "token" }, names: "sessionToken" },
    { options: { timeout: 30 }, names: "timeout" },
    { options: { timeout: "30" }, names: "timeout" },
    { options: { timeout: "0s" }, names: "timeout" },
    { options: { versions: "some" }, names: "versions" },
    { options: { identity: "maybe" }, names: "identity" },
    { options: { buckets: [] }, names: "buckets" },
  ],
});
