import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { scrubber, temporaryFolder } from "./support/command.ts";

const BROKEN = join(import.meta.dirname, "fixtures/broken");
const WORKING = join(import.meta.dirname, "fixtures/working");

interface Answer {
  readonly ok: boolean;
  readonly problems: readonly {
    readonly file: string;
    readonly path: string;
    readonly line?: number;
    readonly code: string;
    readonly message: string;
    readonly hint: string | null;
  }[];
}

async function check(config: string, env: NodeJS.ProcessEnv = {}): Promise<Answer & { code: number | null }> {
  const { code, stdout } = await scrubber(["check", "--json", "--config", config], { env });
  return { ...(JSON.parse(stdout) as Answer), code };
}

describe("a broken plugin is told by file, path, what is wrong and what to do", () => {
  test.each([
    [
      "not-installed",
      "stores[1].use",
      "SCRUBBER_PLUGIN_NOT_FOUND",
      'cannot find the package "@acme/scrubber-store-gcs"',
      "Run: npm install --prefix {folder} @acme/scrubber-store-gcs",
    ],
    [
      "no-such-file",
      "stores[0].use",
      "SCRUBBER_PLUGIN_NOT_FOUND",
      "cannot find {folder}/not-there.js",
      "A path in `use` is relative to the configuration file's folder.",
    ],
    [
      "dependency-missing",
      "stores[0].use",
      "SCRUBBER_PLUGIN_DEPENDENCY_MISSING",
      '"./store.js" needs the package "@acme/not-installed", which is not installed',
      "Run: npm install --prefix {folder} @acme/not-installed",
    ],
    [
      "no-default-export",
      "stores[0].use",
      "SCRUBBER_PLUGIN_INVALID",
      '"./store.js" has no default export',
      "A plugin's module says: export default defineStore({ ... });",
    ],
    [
      "no-plugin",
      "stores[0].use",
      "SCRUBBER_PLUGIN_INVALID",
      'the default export of "./store.js" is no plugin',
      "It must be what defineStore, defineQueue or defineRegistry of @scrubber/core returns.",
    ],
    [
      "wrong-kind",
      "stores[0].use",
      "SCRUBBER_PLUGIN_KIND",
      '"memory" is a queue plugin; a store plugin belongs here',
      "Put it where queue plugins belong, and a store plugin here.",
    ],
    [
      "newer-contract",
      "stores[0].use",
      "SCRUBBER_PLUGIN_CONTRACT",
      'the plugin "from-the-future" was written for contract 2; this Scrubber speaks contract 1',
      "Install versions of the plugin and of Scrubber that belong together.",
    ],
    [
      "throws-while-loading",
      "stores[0].use",
      "SCRUBBER_PLUGIN_FAILED",
      '"./store.js" fails while it is loaded: the moon is in the wrong phase',
      "That is a fault of the plugin; --debug shows where.",
    ],
    [
      "options-refused",
      "stores[0].with.region",
      "SCRUBBER_PLUGIN_OPTIONS",
      "must be a region's name",
      'These are the options of the store plugin "picky"; its README lists them.',
    ],
    [
      "unknown-key",
      "scrub.dleay",
      "SCRUBBER_CONFIG_UNKNOWN_KEY",
      'the key "dleay" is not known here',
      "Known here: delay, wakeup, batch, maxAttempts, unknownImage, drain.",
    ],
    [
      "two-ids",
      "stores[1].id",
      "SCRUBBER_CONFIG_INVALID",
      'stores[0] has the id "memory" already',
      "Give each store an `id` of its own.",
    ],
  ])("%s", async (name, path, code, message, hint) => {
    const folder = join(BROKEN, name);
    const file = join(folder, "scrubber.yaml");
    const inFolder = (text: string): string => text.replaceAll("{folder}", folder);
    const answer = await check(file);
    expect(answer).toMatchObject({ ok: false, code: 1 });
    expect(answer.problems).toEqual([
      expect.objectContaining({ file, path, code, message: inFolder(message), hint: inFolder(hint) }),
    ]);
    const { stderr, stdout } = await scrubber(["list", "--config", file]);
    expect(stderr).toContain(`${path}: ${inFolder(message)}. ${inFolder(hint)}\n`);
    expect(stdout).toBe("");
  });
});

test("a plugin that throws while it is opened or set up is named, with its store; what it says may hold a secret and stays with --debug", async () => {
  const file = join(BROKEN, "throws-while-opening/scrubber.yaml");
  const message = (done: string): string =>
    `the store "mine": the store plugin "moody" failed while it was ${done} (TypeError)`;
  const probe = await scrubber(["check", "--probe", "--json", "--config", file]);
  expect(probe.code).toBe(1);
  expect(JSON.parse(probe.stdout)).toMatchObject({
    ok: false,
    problems: [{ file, code: "SCRUBBER_PLUGIN_FAILED", message: message("opened") }],
  });
  const init = await scrubber(["init", "--config", file]);
  expect({ code: init.code, stdout: init.stdout }).toEqual({ code: 1, stdout: "" });
  expect(init.stderr).toContain(`error: ${message("set up")}\n`);
  expect(`${probe.stdout}${probe.stderr}${init.stderr}`).not.toContain("s3cret");
});

test("all problems are told at once, each with its line", async () => {
  const { problems } = await check(join(BROKEN, "many/scrubber.yaml"));
  expect(problems.map(({ path, line }) => [path, line])).toEqual([
    ["queue.use", 1],
    ["stores[0].use", 3],
    ["stores[1].with.token", 4],
    ["stores[1].limits.batch", 4],
    ["scrub.delay", 5],
    ["colour", 6],
  ]);
});

test("a mistake in the YAML is told with line and column", async () => {
  const file = join(BROKEN, "syntax/scrubber.yaml");
  const { problems } = await check(file);
  expect(problems).toEqual([expect.objectContaining({ file, line: 4, column: 1, code: "SCRUBBER_CONFIG_UNREADABLE" })]);
  expect(problems[0]?.message).toMatch(/^line 4, column 1: /);
});

async function folderWith(files: Readonly<Record<string, string>>): Promise<string> {
  const folder = await temporaryFolder();
  for (const [name, text] of Object.entries(files)) {
    await mkdir(join(folder, name, ".."), { recursive: true });
    await writeFile(join(folder, name), text);
  }
  return folder;
}

const PLUGINS = `queue: { use: ${WORKING}/queue.js }\nstores: [{ use: ${WORKING}/store.js }]\n`;

describe("the configuration is looked for", () => {
  test("by --config, else $SCRUBBER_CONFIG, else ./scrubber.yaml, else ./scrubber.config.ts", async () => {
    const folder = await folderWith({
      "named.yaml": PLUGINS,
      "from-env.yaml": PLUGINS,
      "scrubber.yaml": PLUGINS,
      "scrubber.config.ts": `export default { colour: "from ts" };`,
    });
    const env = { SCRUBBER_CONFIG: "from-env.yaml" };
    const file = async (args: readonly string[], where: NodeJS.ProcessEnv): Promise<string> =>
      (await scrubber(["check", ...args], { cwd: folder, env: where })).stdout;
    expect(await file(["--config", "named.yaml"], env)).toContain(join(folder, "named.yaml"));
    expect(await file([], env)).toContain(join(folder, "from-env.yaml"));
    expect(await file([], {})).toContain(join(folder, "scrubber.yaml"));
    const onlyTs = await folderWith({ "scrubber.config.ts": `export default { colour: "red" as string };` });
    const { stderr } = await scrubber(["check"], { cwd: onlyTs });
    expect(stderr).toContain('colour: the key "colour" is not known here');
  });

  test("and where there is none, the error says where was looked and what to do", async () => {
    const folder = await temporaryFolder();
    const { code, stderr } = await scrubber(["list"], { cwd: folder });
    expect(code).toBe(1);
    expect(stderr).toContain(`neither scrubber.yaml nor scrubber.config.ts in ${folder}`);
    expect(stderr).toContain("scrubber init");
  });
});

test("scrubber.config.ts takes plugins as they are, without a build, and by name", async () => {
  const folder = await folderWith({
    "scrubber.config.ts": `
      import queue from "${WORKING}/queue.js";
      interface Unused { readonly types: "are taken out" }
      export default { queue: { use: queue }, stores: [{ use: "${WORKING}/store.js" }], scrub: { delay: "1h30m" as const } };`,
  });
  expect(await scrubber(["check"], { cwd: folder })).toMatchObject({ code: 0 });
});

test.each([
  ["no import", ""],
  ["an import", `import { join } from "node:path";\n`],
])(
  "a scrubber.config.ts with %s, beside a package.json of npm init, is told from one with a mistake in it",
  async (_, head) => {
    const folder = await folderWith({
      "package.json": JSON.stringify({ name: "mine", type: "commonjs" }),
      "scrubber.config.ts": `${head}export default { queue: { use: "${WORKING}/queue.js" } };`,
    });
    const { code, stderr } = await scrubber(["check"], { cwd: folder });
    expect(code).toBe(1);
    expect(stderr).toContain('The package.json beside it says "type": "commonjs"');
    await writeFile(join(folder, "package.json"), JSON.stringify({ name: "mine", type: "module" }));
    await writeFile(join(folder, "scrubber.config.ts"), "export default { queue: enum };");
    expect((await scrubber(["check"], { cwd: folder })).stderr).toContain("Node runs it as it is");
  },
);

test("packages are looked for from the configuration's folder, those that only know `import` included", async () => {
  const folder = await folderWith({
    "scrubber.yaml": `queue: { use: ${WORKING}/queue.js }\nstores: [{ use: "@acme/store" }]\n`,
    "node_modules/@acme/store/package.json": JSON.stringify({
      name: "@acme/store",
      type: "module",
      exports: { import: "./main.js" },
    }),
    "node_modules/@acme/store/main.js": `export { default } from ${JSON.stringify(join(WORKING, "store.js"))};`,
  });
  expect(
    await scrubber(["check"], {
      cwd: await temporaryFolder(),
      env: { SCRUBBER_CONFIG: join(folder, "scrubber.yaml") },
    }),
  ).toMatchObject({ code: 0 });
});

describe("secrets", () => {
  const PICKY = `
    import store from ${JSON.stringify(join(WORKING, "store.js"))};
    const validate = (value) => ({ issues: [{ message: JSON.stringify(value), path: ["seen"] }] });
    export default { ...store, options: { "~standard": { version: 1, vendor: "test", validate } } };`;

  test("env: and file: are replaced before validation, file:// and literal: are not, and what is replaced is never shown", async () => {
    const folder = await folderWith({
      "store.js": PICKY,
      "token.txt": "canary-from-file\n",
      "scrubber.yaml": `queue: { use: ${WORKING}/queue.js }
stores:
  - use: ./store.js
    with:
      a: env:CANARY
      b: file:token.txt
      c: file:///srv/images
      d: literal:env:CANARY
      e: [ "env:CANARY" ]
      password: canary-in-the-clear
      url: mysql://user:canary-in-url@host/db
`,
    });
    const env = { CANARY: "canary-from-env" };
    const { problems } = await check(join(folder, "scrubber.yaml"), env);
    expect(JSON.parse((problems[0]?.message ?? "").replaceAll("***", "XXX"))).toEqual({
      a: "XXX",
      b: "XXX",
      c: "file:///srv/images",
      d: "env:CANARY",
      e: ["XXX"],
      password: "XXX",
      url: "mysql://user:XXX@host/db",
    });
    const shown = await scrubber(["list", "--debug"], { cwd: folder, env });
    expect(shown.stderr + shown.stdout).not.toContain("canary-");
  });

  test("a secret that leads nowhere is a problem of its own, with its path", async () => {
    const folder = await folderWith({
      "scrubber.yaml": `${PLUGINS}encryption: { keys: ["env:NO_SUCH_KEY", "short"] }\nreceipts: { directory: ./r, key: "file:no-such-file" }\n`,
    });
    const { problems } = await check(join(folder, "scrubber.yaml"));
    expect(problems.map(({ path, code, message }) => [path, code, message])).toEqual([
      ["encryption.keys[0]", "SCRUBBER_SECRET_MISSING", "the environment variable NO_SUCH_KEY is not set"],
      // Found at once, not only when the first one is there.
      ["encryption.keys[1]", "SCRUBBER_KEY_INVALID", "it has 5 bytes"],
      [
        "receipts.key",
        "SCRUBBER_SECRET_MISSING",
        `cannot read the secret's file ${join(folder, "no-such-file")}: no such file or directory`,
      ],
    ]);
  });
});
