import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, readFile, readdir, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { scrubber, temporaryFolder } from "./support/command.ts";
import { initialized, json, jsonLines } from "./support/initialized.ts";

const MAIN = join(import.meta.dirname, "../src/main.ts");

/** The commands that `init` proposes. */
function proposed(stdout: string): readonly string[] {
  return stdout
    .slice(stdout.indexOf("Try next:\n"))
    .split("\n")
    .filter((line) => line.startsWith("  "))
    .map((line) => line.replace(/ +# .*$/, "").trim());
}

test.each([[[]], [["--registry"]]])(
  "what `init %s` proposes, pasted as it stands into a shell, deletes the file, also in a folder with a blank in its name",
  async (flags: readonly string[]) => {
    const cwd = join(await temporaryFolder(), "a place");
    await mkdir(cwd);
    const { stdout } = await scrubber(["init", ...flags], { cwd });
    const commands = proposed(stdout);
    expect(commands.length).toBeGreaterThan(2);
    const shell = `scrubber() { "${process.execPath}" --conditions=@scrubber/source "${MAIN}" "$@"; }\n`;
    const said = execFileSync("sh", ["-euc", shell + commands.join("\n")], { cwd, encoding: "utf8" });
    expect(said).toContain("Deleted 1 location");
    expect(await readdir(join(cwd, "images"))).toEqual([".scrubber-root"]);
  },
);

test("what init proposes of a configuration elsewhere works from here; of one that was there it proposes nothing", async () => {
  const cwd = await temporaryFolder();
  const elsewhere = join(await temporaryFolder(), "it's 100% elsewhere");
  const init = ["init", "--config", join(elsewhere, "scrubber.yaml")];
  const { stdout } = await scrubber(init, { cwd });
  const shell = `scrubber() { "${process.execPath}" --conditions=@scrubber/source "${MAIN}" "$@"; }\n`;
  const said = execFileSync("sh", ["-euc", shell + proposed(stdout).join("\n")], { cwd, encoding: "utf8" });
  expect(said).toContain("Deleted 1 location");
  expect(await readdir(join(elsewhere, "images"))).toEqual([".scrubber-root"]);
  expect((await scrubber(init, { cwd })).stdout).not.toContain("Try next");
});

test("init takes the configuration that every other command would take, instead of writing one that hides it", async () => {
  const cwd = await temporaryFolder();
  const config = `export default {
    queue: { use: "@scrubber/queue-file", with: { directory: "./my-queue" } },
    stores: [{ use: "@scrubber/store-fs", with: { roots: ["./images"] } }],
  };`;
  await writeFile(join(cwd, "scrubber.config.ts"), config);
  const typed = await scrubber(["init"], { cwd });
  expect(typed).toMatchObject({ code: 0, stderr: "" });
  expect(typed.stdout).toContain("scrubber.config.ts was there already and was not changed.");
  expect((await readdir(cwd)).toSorted()).toEqual(["images", "my-queue", "scrubber.config.ts"]);

  const named = join(cwd, "named", "mine.yaml");
  expect(await scrubber(["init"], { cwd, env: { SCRUBBER_CONFIG: named } })).toMatchObject({ code: 0, stderr: "" });
  expect(existsSync(named)).toBe(true);
  expect(existsSync(join(cwd, "scrubber.yaml"))).toBe(false);
});

test("init writes YAML and nothing else: it makes no program of it", async () => {
  const cwd = await temporaryFolder();
  const refused = await scrubber(["init", "--config", "scrubber.config.ts"], { cwd });
  expect(refused).toMatchObject({ code: 2, stdout: "" });
  expect(refused.stderr).toContain("init writes YAML");
  expect(await readdir(cwd)).toEqual([]);
});

test("a program is told what was not understood in the words alone", async () => {
  const cwd = await temporaryFolder();
  const messageOf = async (...args: readonly string[]): Promise<string> => {
    const { code, stdout } = await scrubber([...args, "--json"], { cwd });
    expect(code).toBe(2);
    return (json(stdout) as { error: { message: string } }).error.message;
  };
  expect(await messageOf("bogus")).toBe("unknown command 'bogus'");
  expect(await messageOf("statu")).toBe("unknown command 'statu' (Did you mean status?)");
  expect(await messageOf()).toBe("no command was given");
  expect(await messageOf("receipts")).toBe("no command was given");
});

test("what is due 0s after it was asked for is due then, and not before", async () => {
  const { cwd, run, uri } = await initialized(["a", "b"]);
  await run(`add img-1 ${uri("a")} --after 0s`);
  await run("add --file - --after 0s", { cwd, input: `img-2\t${uri("b")}\n` });
  const entries = jsonLines((await run("list --json")).stdout);
  expect(entries.map(({ dueAt, requestedAt }) => dueAt === requestedAt)).toEqual([true, true]);
});

test("a run that found something due and could not try it does not say that nothing was due", async () => {
  const { run, uri } = await initialized(["a"]);
  await run(`add img-1 ${uri("a")} --after 0s`);
  await run("pause");
  const { code, stdout } = await run("run --once");
  expect(code).toBe(0);
  expect(stdout).toBe("Nothing was tried. 1 location waiting, 1 of them due; deletion is paused: scrubber resume.\n");
});

test("receipts: a torn end is told with what it may mean, a bad line with what to do, and none at all is no proof", async () => {
  const { cwd, run, uri } = await initialized(["a"]);
  const none = await run("receipts verify");
  expect(none).toMatchObject({ code: 0 });
  expect(none.stdout).toContain("No receipt was found in scrubber-data/receipts.");
  await run(`add img-1 ${uri("a")} --after 0s`);
  await run("run --once");
  const directory = join(cwd, "scrubber-data/receipts");
  const [name = ""] = await readdir(directory);
  const file = join(directory, name);
  const whole = await readFile(file, "utf8");
  const inOrder = await run("receipts verify");
  const head = /^ {2}([\da-f]{64}) {2}receipts-/m.exec(inOrder.stdout)?.[1] ?? "";
  expect(await run(`receipts verify --head ${head} ${head}`)).toMatchObject({ code: 0 });
  const cut = await run(`receipts verify --head ${"0".repeat(64)}`);
  expect(cut.code).toBe(3);
  expect(cut.stdout).not.toContain("line 0");
  expect(cut.stdout).toContain("Keep the files");
  await truncate(file, whole.length - 20);
  const torn = await run("receipts verify");
  expect(torn).toMatchObject({ code: 0 });
  expect(torn.stdout).toContain("1 file ends in a torn line");
  expect(torn.stdout).toContain("--head");
  await writeFile(file, whole.replace("img-1", "img-2"));
  const changed = await run("receipts verify");
  expect(changed.code).toBe(3);
  expect(changed.stdout).toContain("Keep the files");
});
