import { existsSync } from "node:fs";
import { mkdir, readFile, readdir, symlink, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { initialized, json, jsonLines } from "./support/initialized.ts";

describe("add", () => {
  test("says when it is due and how to take it back, and --json has the four counts alone", async () => {
    const { run, uri } = await initialized(["a", "b"]);
    const first = await run(`add img-1 ${uri("a")} --after 1h`);
    expect(first.code).toBe(0);
    expect(first.stdout).toMatch(
      /^Added 1 location of image img-1\.\nDue \d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ \(in (1h|59m\d+s)\)\. .*scrubber restore img-1\n$/,
    );
    const again = await run(`add img-1 ${uri("a")} ${uri("b")} --json`);
    expect(json(again.stdout)).toEqual({ added: 1, present: 1, setAside: 0, rejected: 0 });
    const [entry] = jsonLines((await run("list --json --image img-1")).stdout);
    expect(entry).toMatchObject({
      imageId: "img-1",
      uri: uri("a"),
      store: null,
      state: "waiting",
      attempts: 0,
      error: null,
    });
    expect(entry?.["dueAt"]).toMatch(/Z$/);
  });

  test("of a list, names the bad lines by number, adds the rest, and ends with 3", async () => {
    const { cwd, run, uri } = await initialized();
    const dueAt = "2031-01-01T00:00:00+01:00";
    await writeFile(
      join(cwd, "list"),
      `# comment\r\nimg-1\t${uri("a")}\r\n\r\nno tab\n${JSON.stringify({ imageId: "img-2", uri: uri("b"), dueAt })}\nimg-3\t/no/scheme\n`,
    );
    const { code, stdout, stderr } = await run("add --json --file list");
    expect(code).toBe(3);
    expect(json(stdout)).toEqual({ added: 2, present: 0, setAside: 0, rejected: 2 });
    expect(stderr).toBe(
      "line 4: it is neither IMAGE_ID, a tab and a URI, nor a JSON object\nline 6: its URI cannot be one: it has no scheme (a file is named file:///path)\n",
    );
    const list = jsonLines((await run("list --json")).stdout);
    expect(list.map(({ imageId }) => imageId)).toEqual(["img-1", "img-2"]);
    expect(list[1]?.["dueAt"]).toBe("2030-12-31T23:00:00.000Z");
    expect(json((await run("add --json --file -", { input: `img-9\t${uri("z")}` })).stdout)).toMatchObject({
      added: 1,
      rejected: 0,
    });
  });

  test.each([
    ["add", /needed, or --file LIST/],
    ["add img-1", /needed, or --file LIST/],
    ["add img-1 /srv/a", /no scheme\n.*Did you mean file:\/\/\/srv\/a\?/],
    ["add img-1 file:///a --after 5", /"5" is no duration/],
    ["add img-1 --file x", /exclude each other/],
    ["retry", /either an image id or --all/],
    ["discard img-1", /required option '--reason <text>'/],
    ["list --state gone", /Allowed choices are waiting, leased, setAside/],
    ["pause nowhere", /there is no store "nowhere"\nConfigured are: fs\./],
    ["check --probe=hard", /--probe=hard is not known/],
    ["receipts verify --head 12ab", /"12ab" is no head of receipts\n.*run --once/],
    ["run --twice", /unknown option '--twice'/],
    ["runn", /Did you mean run\?/],
  ])("`%s` is not understood: exit 2, stdout is empty, and the words help", async (line, words) => {
    const { run } = await initialized();
    const { code, stdout, stderr } = await run(line);
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    expect(stderr).toMatch(words);
  });
});

describe("run --once", () => {
  test("deletes what is due and nothing else, and its JSON has exactly the promised fields", async () => {
    const { run, uri, there } = await initialized(["a", "b", "c"]);
    await run(`add img-1 ${uri("a")} ${uri("gone")} --after 0s`);
    await run(`add img-2 ${uri("b")}`);
    const { code, stdout } = await run("run --once --json");
    expect(code).toBe(0);
    const summary = json(stdout) as Record<string, number>;
    expect(Object.keys(summary)).toEqual([
      "leased",
      "deleted",
      "absent",
      "marker",
      "kept",
      "held",
      "retried",
      "released",
      "setAside",
      "images",
      "bytes",
      "seconds",
      "receiptsHead",
      "untried",
    ]);
    expect(summary).toMatchObject({ leased: 2, deleted: 1, absent: 1, bytes: 5 });
    expect([there("a"), there("b"), there("c")]).toEqual([false, true, true]);
    expect((await run("run --once")).stdout).toMatch(
      /^Nothing was due\. 1 location waiting, the next is due .*Z \(in .*\)\.\n$/,
    );
    const status = json((await run("status --json")).stdout) as Record<string, unknown>;
    expect(status).toMatchObject({
      waiting: 1,
      due: 0,
      leased: 0,
      setAside: 0,
      oldestDueAt: null,
      overdueSeconds: 0,
      readyOverdueSeconds: 0,
      drainSeconds: 0,
      quarantined: 0,
      stores: { fs: { health: "ok", lastError: null } },
    });
    expect(json((await run("receipts verify --json")).stdout)).toMatchObject({
      files: 1,
      receipts: 2,
      ok: true,
      firstBad: null,
    });
    expect(jsonLines((await run("receipts show img-1 --json")).stdout).map(({ outcome }) => outcome)).toEqual(
      expect.arrayContaining(["absent", "deleted"]),
    );
  });

  test("ends with 3 where something was set aside; retry and discard deal with that", async () => {
    const { cwd, run, uri, there } = await initialized(["a"]);
    await run(`add img-1 ${uri("a")} --after 0s`);
    await run(`add img-2 ${uri("../outside")} --after 0s`);
    const later = Date.now() / 1000 + 3600;
    await utimes(join(cwd, "images/a"), later, later);
    expect(await run("run --once")).toMatchObject({ code: 3 });
    expect(jsonLines((await run("list --json --state setAside")).stdout)).toEqual([
      expect.objectContaining({
        imageId: "img-1",
        state: "setAside",
        error: expect.stringContaining("modified") as string,
      }),
      expect.objectContaining({
        imageId: "img-2",
        state: "setAside",
        error: expect.stringContaining("outside") as string,
      }),
    ]);
    expect(json((await run(`add img-1 ${uri("a")} --json`)).stdout)).toMatchObject({ added: 0, setAside: 1 });
    expect(json((await run("discard img-2 --json --reason not-ours")).stdout)).toEqual({
      imageId: "img-2",
      discarded: 1,
    });
    await utimes(join(cwd, "images/a"), 1, 1);
    expect(json((await run("retry --all --json")).stdout)).toEqual({ retried: 1 });
    expect(await run("run --once")).toMatchObject({ code: 0 });
    expect(there("a")).toBe(false);
  });

  test("--dry-run says how each due entry would end, and changes nothing", async () => {
    const { run, uri, there } = await initialized(["a"]);
    await run(`add img-1 ${uri("a")} ${uri("gone")} --after 0s`);
    const { code, stdout } = await run("run --dry-run --json");
    expect(code).toBe(0);
    expect(jsonLines(stdout).map(({ would, bytes }) => [would, bytes])).toEqual(
      expect.arrayContaining([
        ["absent", null],
        ["delete", 5],
      ]),
    );
    expect((await run("run --dry-run")).stdout).toContain(
      "A run now would delete 1 location, 5 B (and: 1 is gone). Nothing was changed.",
    );
    expect(there("a")).toBe(true);
    expect(jsonLines((await run("list --json")).stdout)).toHaveLength(2);
  });

  test("ends with 1 where the root is not there, and the entry waits, uncounted", async () => {
    const { cwd, run, uri } = await initialized(["a"]);
    await run(`add img-1 ${uri("a")} --after 0s`);
    const { rename } = await import("node:fs/promises");
    await rename(join(cwd, "images"), join(cwd, "unmounted"));
    const { code, stdout } = await run("run --once --json");
    expect(code).toBe(1);
    expect(json(stdout)).toMatchObject({ leased: 1, released: 1, deleted: 0, absent: 0 });
    expect(jsonLines((await run("list --json")).stdout)).toEqual([
      expect.objectContaining({ state: "waiting", attempts: 0 }),
    ]);
    const again = await run("run --once");
    expect(again).toMatchObject({ code: 1 });
    expect(again.stdout).toContain("; down: fs (scrubber status).");
    expect(again.stdout).toMatch(/^Store fs is down since \d{4}-\d\d-\d\dT.*Z \(.*ago\): .* is missing$/m);
    const untried = [expect.objectContaining({ store: "fs", since: expect.stringMatching(/^\d{4}-/) as string })];
    expect(json((await run("run --once --json")).stdout)).toMatchObject({ deleted: 0, untried });
    expect(await run("check --probe")).toMatchObject({ code: 1 });
  });
});

test("two stores that answer for one scheme, none of which takes the location: set aside, naming one that refuses it", async () => {
  const { cwd, run, uri } = await initialized();
  await mkdir(join(cwd, "more"));
  const text = await readFile(join(cwd, "scrubber.yaml"), "utf8");
  await writeFile(
    join(cwd, "scrubber.yaml"),
    text.replace("stores:", 'stores:\n  - { id: more, use: "@scrubber/store-fs", with: { roots: [./more] } }'),
  );
  const added = await run(`add img-1 ${uri("../elsewhere")} --after 0s`);
  expect(added.stderr).toContain(
    "note: as things are, the run will set this location aside: no configured store takes it",
  );
  expect(await run("run --once")).toMatchObject({ code: 3 });
  const [entry] = jsonLines((await run("list --json")).stdout);
  expect(entry?.["error"]).toMatch(/^store "more" refuses it: .* is outside every root/);
});

test("a store that would delete where the queue or the receipts are is refused before anything is touched", async () => {
  const { cwd, run } = await initialized();
  const text = await readFile(join(cwd, "scrubber.yaml"), "utf8");
  await writeFile(join(cwd, "scrubber.yaml"), text.replace("[./images]", "[.]"));
  for (const line of ["run --once", "check --probe", "status"]) {
    const refused = await run(line);
    expect(refused.code).toBe(1);
    expect(refused.stdout + refused.stderr).toMatch(/the store "fs" deletes in .*, and the queue is in there/);
  }
});

describe("restore", () => {
  test("without a registry takes the entries out, and says that this is all it can do", async () => {
    const { run, uri, there } = await initialized(["a"]);
    await run(`add img-1 ${uri("a")} --after 0s`);
    const restored = json((await run("restore img-1 --json")).stdout);
    expect(restored).toMatchObject({
      imageId: "img-1",
      restored: true,
      reason: expect.stringContaining("registry") as string,
    });
    await run("run --once");
    expect(there("a")).toBe(true);
    expect(await run("restore img-1")).toMatchObject({ code: 3 });
  });
});

test("receipts that somebody changed are found: exit 3, with file and line", async () => {
  const { cwd, run, uri } = await initialized(["a", "b"]);
  await run(`add img-1 ${uri("a")} ${uri("b")} --after 0s`);
  await run("run --once");
  const directory = join(cwd, "scrubber-data/receipts");
  const [name = ""] = (await readdir(directory)).filter((file) => file.endsWith(".jsonl"));
  const lines = (await readFile(join(directory, name), "utf8")).replace("deleted", "absent!");
  await writeFile(join(directory, name), lines);
  const { code, stdout } = await run("receipts verify --json");
  expect(code).toBe(3);
  expect(json(stdout)).toMatchObject({ ok: false, firstBad: { line: expect.any(Number) as number } });
});

test("a final symbolic link is removed, and what it points to stays", async () => {
  const { cwd, run, uri, there } = await initialized();
  await writeFile(join(cwd, "precious"), "data\n");
  await symlink(join(cwd, "precious"), join(cwd, "images/link"));
  await run(`add img-1 ${uri("link")} --after 0s`);
  await run("run --once");
  expect([there("link"), existsSync(join(cwd, "precious"))]).toEqual([false, true]);
});

test("import-queue takes over a queue directory of 2014, names what cannot be read, and adds nothing the second time", async () => {
  const { cwd, run } = await initialized();
  const id = "3e5a8b2c-1111-4222-8333-444455556666";
  await mkdir(join(cwd, "old"));
  await writeFile(join(cwd, "old", id), "file:///srv/a\n1700000000\nfile:///srv/b\n1700000001");
  await writeFile(join(cwd, "old", "notes.txt"), "hello");
  const first = await run("import-queue old --json");
  expect(first.code).toBe(3);
  expect(json(first.stdout)).toMatchObject({ files: 1, added: 2, present: 0, problems: 1 });
  expect(first.stderr).toContain("notes.txt: it is not named after an image");
  expect(json((await run("import-queue old --json")).stdout)).toMatchObject({ added: 0, present: 2 });
  const [entry] = jsonLines((await run("list --json")).stdout);
  expect(entry).toMatchObject({ imageId: id, uri: "file:///srv/a", dueAt: "2023-11-14T22:13:20.000Z" });
  expect((await readdir(join(cwd, "old"))).toSorted()).toEqual([id, "notes.txt"]);
});

describe("what programs read", () => {
  test("with --json a command line that is not understood is told on stdout too", async () => {
    const { run } = await initialized();
    for (const line of ["frobnicate --json", "list --bogus --json"]) {
      const { code, stdout } = await run(line);
      expect(code).toBe(2);
      expect(json(stdout)).toMatchObject({
        error: { code: "SCRUBBER_USAGE", hint: expect.stringContaining("--help") as string },
      });
    }
  });

  test("a problem without a hint has a hint of null", async () => {
    const { cwd, run } = await initialized();
    await writeFile(join(cwd, "broken.yaml"), "queue: [");
    const { code, stdout } = await run("status --json --config broken.yaml");
    expect(code).toBe(1);
    const { error } = json(stdout) as { error: { problems: { hint: unknown }[] } };
    expect(error.problems.map(({ hint }) => hint)).toEqual(error.problems.map(() => null));
    expect(error.problems).not.toEqual([]);
  });
});
