import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { ModelServer } from "./model-server.ts";
import { at, openS3, remove } from "./opening.ts";

/** No credentials as options: they come from where every AWS tool looks for them. */
const FROM_CHAIN = { accessKeyId: undefined, secretAccessKey: undefined };
let model: ModelServer;
let home: string;

beforeEach(async () => {
  model = await ModelServer.start();
  model.addBucket("b");
  model.addBucket("versioned", { versioning: "Enabled" });
  home = await mkdtemp(join(tmpdir(), "scrubber-home-"));
  // Nothing of whoever runs the test, and no question to a cloud that this machine may be in.
  for (const name of Object.keys(process.env)) if (name.startsWith("AWS_")) vi.stubEnv(name, undefined);
  vi.stubEnv("HOME", home);
  vi.stubEnv("AWS_EC2_METADATA_DISABLED", "true");
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await rm(home, { recursive: true, force: true });
  await model[Symbol.asyncDispose]();
});

/** Of each request: who signed it, the session token that came with it, and whether the signature covers the token. */
function signers(): readonly { readonly key: string; readonly token: unknown; readonly signed: boolean }[] {
  return model.requests.map(({ headers }) => {
    const authorization = headers.authorization ?? "";
    return {
      key: /Credential=([^/]+)\//.exec(authorization)?.[1] ?? "",
      token: headers["x-amz-security-token"],
      signed: /SignedHeaders=[^,]*x-amz-security-token/.test(authorization),
    };
  });
}

test("a session token goes with every request, and is signed", async () => {
  await using store = await openS3({
    endpoint: model.endpoint,
    accessKeyId: "temporary",
    secretAccessKey: "secret",
    sessionToken: "the-token",
    identity: "check",
    abortUploads: true,
  });
  model.put("b", "k");
  model.put("versioned", "k");
  await remove(store, [at("b", "k"), at("b", "new\nline")]);
  await remove(store, [at("versioned", "k")]);
  expect(new Set(model.requests.map(({ method }) => method))).toEqual(new Set(["GET", "HEAD", "POST"]));
  const expected = { key: "temporary", token: "the-token", signed: true };
  expect(signers()).toEqual(model.requests.map(() => expected));
});

test("without a session token none is sent", async () => {
  await using store = await openS3({ endpoint: model.endpoint, accessKeyId: "lasting", secretAccessKey: "secret" });
  await remove(store, [at("b", "k")]);
  expect(signers()).toEqual(model.requests.map(() => ({ key: "lasting", token: undefined, signed: false })));
});

test("credentials in a location sign without the session token that belongs to the configured ones", async () => {
  await using store = await openS3({
    endpoint: model.endpoint,
    accessKeyId: "temporary",
    secretAccessKey: "secret",
    sessionToken: "the-token",
    glanceUris: true,
  });
  const host = model.endpoint.replace("http://", "");
  await remove(store, [{ uri: `s3+http://guest:guestsecret@${host}/b/k` }]);
  expect(signers()).toEqual(model.requests.map(() => ({ key: "guest", token: undefined, signed: false })));
});

test("left out, credentials come from the environment, session token and all", async () => {
  vi.stubEnv("AWS_ACCESS_KEY_ID", "from-environment");
  vi.stubEnv("AWS_SECRET_ACCESS_KEY", "secret");
  vi.stubEnv("AWS_SESSION_TOKEN", "token-of-the-environment");
  await using store = await openS3({ endpoint: model.endpoint, ...FROM_CHAIN });
  await remove(store, [at("b", "k")]);
  const expected = { key: "from-environment", token: "token-of-the-environment", signed: true };
  expect(signers()).toEqual([expected, expected]);
});

test("left out there too, they come from the profile that AWS_PROFILE names", async () => {
  const file = join(home, "credentials");
  await writeFile(file, "[scrubber]\naws_access_key_id = from-profile\naws_secret_access_key = secret\n");
  vi.stubEnv("AWS_SHARED_CREDENTIALS_FILE", file);
  vi.stubEnv("AWS_CONFIG_FILE", join(home, "config"));
  vi.stubEnv("AWS_PROFILE", "scrubber");
  await using store = await openS3({ endpoint: model.endpoint, ...FROM_CHAIN });
  await remove(store, [at("b", "k")]);
  expect(signers().map(({ key }) => key)).toEqual(["from-profile", "from-profile"]);
});

test("found nowhere, they are missing from the environment, and what to do is said", async () => {
  await using store = await openS3({ endpoint: model.endpoint, ...FROM_CHAIN });
  await expect(remove(store, [at("b", "k")])).rejects.toMatchObject({
    code: "SCRUBBER_STORE_MISCONFIGURED",
    hint: expect.stringContaining("accessKeyId"),
  });
  expect(model.requests).toEqual([]);
});

test("what a server says of a secret is struck out, also of one that came from the environment", async () => {
  vi.stubEnv("AWS_ACCESS_KEY_ID", "from-environment");
  vi.stubEnv("AWS_SECRET_ACCESS_KEY", "environmentsecret");
  vi.stubEnv("AWS_SESSION_TOKEN", "token-of-the-environment");
  model.fault = ({ headers }) => ({
    status: 403,
    body: `<Error><Code>InvalidToken</Code><Message>No such token: ${String(headers["x-amz-security-token"])}, signed with environmentsecret</Message></Error>`,
  });
  await using store = await openS3({ endpoint: model.endpoint, ...FROM_CHAIN });
  const error: unknown = await remove(store, [at("b", "k")]).catch((reason: unknown) => reason);
  expect(error).toMatchObject({ code: "SCRUBBER_STORE_MISCONFIGURED", hint: expect.stringContaining("token") });
  expect(String(error)).not.toMatch(/token-of-the-environment|environmentsecret/);
});
