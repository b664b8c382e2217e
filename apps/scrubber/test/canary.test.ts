import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { scrubber, temporaryFolder, type Finished } from "./support/command.ts";

const CANARIES = {
  uri: "canaryInUri",
  password: "canaryInUrlPassword",
  encryption: "canaryEncryptionKeyOf32Characters",
  receipts: "canaryReceiptsKey",
  token: "canaryToken",
};

const CONFIG = `
queue: { use: "@scrubber/queue-file", with: { directory: ./data } }
registry: { use: "@scrubber/registry-sql", with: { url: "sqlite:./data/registry.sqlite", keys: ["env:KEY"] } }
stores:
  - { use: "@scrubber/store-fs", with: { roots: [./images] } }
  - { id: leaky, use: ./leaky.js, with: { token: "file:token", endpoint: "https://user:${CANARIES.password}@host/" } }
encryption: { keys: ["env:KEY"] }
receipts: { directory: ./data/receipts, key: "env:RECEIPTS" }
`;

/** A store that puts its options into everything it says. */
const LEAKY = `
import { defineStore, ScrubberError } from "@scrubber/core";
export default defineStore({
  name: "leaky",
  options: { "~standard": { version: 1, vendor: "test", validate: (value) => ({ value }) } },
  open: async (options, context) => {
    const everything = JSON.stringify(options);
    context.log.warn("opened with " + everything, { everything, options });
    return {
      schemes: ["leaky"],
      supports: { identity: false, holds: false, versions: false, bytes: false },
      limits: { batch: 10, concurrency: 1 },
      target: ({ location }) => ({ key: new URL(location.uri).pathname, group: "g" }),
      delete: async (targets) => {
        if (targets.some(({ key }) => key.includes("throw"))) throw new Error("broken with " + everything);
        return targets.map(() => ({ kind: "denied", reason: "refused by " + everything }));
      },
      inspect: async (targets) => targets.map(() => ({ kind: "unknown", reason: "seen with " + everything })),
      probe: async () => [{ level: "problem", message: "probed with " + everything, hint: everything }],
      [Symbol.asyncDispose]: async () => undefined,
    };
  },
});
`;

test("no secret of the configuration or of a URI is in any output, log line, error or receipt", async () => {
  const cwd = await temporaryFolder();
  const env = { KEY: CANARIES.encryption.slice(0, 32), RECEIPTS: CANARIES.receipts };
  // The app's own folder, so that the plugin finds @scrubber/core as an installed one does.
  const core = import.meta.resolve("@scrubber/core");
  await writeFile(join(cwd, "scrubber.yaml"), CONFIG);
  await writeFile(join(cwd, "leaky.js"), LEAKY.replace('"@scrubber/core"', JSON.stringify(core)));
  await writeFile(join(cwd, "token"), `${CANARIES.token}\n`);
  const shown: string[] = [];
  const run = async (line: string, input = ""): Promise<Finished> => {
    const finished = await scrubber([...line.split(" "), "--debug"], { cwd, env, input });
    shown.push(`$ ${line}\n${finished.stdout}${finished.stderr}`);
    return finished;
  };

  expect(await run("init")).toMatchObject({ code: 0 });
  await run("check --json");
  await run("check --probe --json");
  await run("check --probe");
  const s3 = `s3://access:${CANARIES.uri}@host/bucket/key`;
  const leaky = (key: string): string => `leaky://access:${CANARIES.uri}@host/${key}?sig=${CANARIES.uri}`;
  await scrubber(["image", "add", "img-1", leaky("a"), leaky("throw"), s3], { cwd, env });
  expect(await run("delete img-1 --after 0s --json")).toMatchObject({ code: 0 });
  await run(
    "add --file - --after 0s",
    `img-1\t${leaky("a")}\nimg-2\t${s3}\n{"imageId":"img-3","uri":"${leaky("b")}"\nimg-4\t${leaky("c")}\textra`,
  );
  await run("list");
  await run("list --json");
  await run("run --dry-run");
  await run("run --dry-run --json");
  await run("run --once");
  await run("run --once --json");
  await run("list --json");
  await run("show img-1");
  await run("show img-1 --json");
  await run("status --json");
  await run("restore img-1");
  await run("receipts show img-1");
  await run("receipts show img-2 --json");
  await run("receipts verify --json");
  const receipts = join(cwd, "data/receipts");
  for (const name of await readdir(receipts)) shown.push(await readFile(join(receipts, name), "utf8"));
  const databases = ["queue.sqlite", "registry.sqlite"].map((name) => readFile(join(cwd, "data", name), "latin1"));
  const atRest = (await Promise.all(databases)).join("\n");

  const all = shown.join("\n");
  expect(all).toContain("refused by");
  expect(all).toContain("opened with");
  for (const canary of Object.values(CANARIES)) expect(around(canary, all)).toBe("");
  // What a store says is kept as it says it; but its locations, and what they are sealed with, are not to be read there.
  for (const canary of [CANARIES.uri, CANARIES.encryption, CANARIES.receipts]) expect(around(canary, atRest)).toBe("");
});

/** What stands around a secret in a text; empty if it is not there. */
function around(secret: string, text: string): string {
  const at = text.indexOf(secret.slice(0, 12));
  return at < 0 ? "" : text.slice(Math.max(0, at - 300), at + 100);
}
