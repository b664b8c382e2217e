import { closeSync, existsSync, openSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test, vi } from "vitest";
import { workingDirectory } from "../src/process.ts";
import { scrubber, start, temporaryFolder } from "./support/command.ts";

async function initialized(): Promise<string> {
  const cwd = await temporaryFolder();
  expect(await scrubber(["init"], { cwd })).toMatchObject({ code: 0 });
  const file = join(cwd, "scrubber.yaml");
  await writeFile(file, (await readFile(file, "utf8")).replace("wakeup: 300s", "wakeup: 100ms"));
  return cwd;
}

const until = (condition: () => boolean): Promise<void> =>
  vi.waitFor(() => expect(condition()).toBe(true), { timeout: 120_000, interval: 50 });

test("the daemon deletes what becomes due; at SIGTERM it ends with 0, and its log is JSON", async () => {
  const cwd = await initialized();
  await writeFile(join(cwd, "images/a"), "data\n");
  const daemon = start(["run"], { cwd });
  await until(() => daemon.seen.stderr.includes('"msg":"started"'));
  expect(await scrubber(["add", "img-1", `file://${cwd}/images/a`, "--after", "0s"], { cwd })).toMatchObject({
    code: 0,
  });
  await until(() => !existsSync(join(cwd, "images/a")));
  daemon.child.kill("SIGTERM");
  const { code, stdout, stderr } = await daemon.finished;
  expect({ code, stdout }).toEqual({ code: 0, stdout: "" });
  const lines = stderr.trimEnd().split("\n");
  const logged = lines.map((line) => JSON.parse(line) as { msg: string; receiptsHead?: string });
  const messages = logged.map(({ msg }) => msg);
  expect(messages[0]).toBe("started");
  expect(messages).toContain("run finished");
  expect(messages.at(-1)).toBe("stopped");
  // The head of the receipts is in the log: with each run that wrote some, and at the end.
  const head = logged.find(({ msg }) => msg === "run finished")?.receiptsHead;
  expect(logged.at(-1)?.receiptsHead).toBe(head);
  const verified = await scrubber(["receipts", "verify", "--json", "--head", String(head)], { cwd });
  expect(JSON.parse(verified.stdout)).toMatchObject({ ok: true, heads: [{ head }] });
});

test("whoever reads a listing may stop reading: it ends quietly", async () => {
  const cwd = await initialized();
  const list = Array.from({ length: 20_000 }, (_, n) => `img-${n}\tfile://${cwd}/images/${n}\n`).join("");
  await scrubber(["add", "--file", "-"], { cwd, input: list });
  for (const args of [["list"], ["list", "--json"]]) {
    const listing = start(args, { cwd });
    listing.child.stdout?.once("data", () => listing.child.stdout?.destroy());
    const { code, stderr } = await listing.finished;
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  }
});

test("an answer that cannot be written is no success, and says why; the work itself is done", async () => {
  const cwd = await initialized();
  await writeFile(join(cwd, "images/a"), "data\n");
  await scrubber(["add", "img-1", `file://${cwd}/images/a`, "--after", "0s"], { cwd });
  const full = openSync("/dev/full", "w");
  for (const args of [["status"], ["run", "--once"]]) {
    const { code, stderr } = await start(args, { cwd, stdout: full }).finished;
    expect({ code, stderr }).toEqual({
      code: 1,
      stderr: "error: the output cannot be written: no space left on the device\n",
    });
  }
  closeSync(full);
  expect(existsSync(join(cwd, "images/a"))).toBe(false);
});

test("a list that is not there is named, with what to do, and nothing is opened for it", async () => {
  const cwd = await initialized();
  const { code, stdout, stderr } = await scrubber(["add", "--file", "nowhere.tsv"], { cwd });
  expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
  expect(stderr).toContain("error: cannot read the list nowhere.tsv: no such file or directory");
  expect(stderr).toContain("Nothing was added.");
  expect(stderr).toContain("(SCRUBBER_LIST_INVALID)");
});

test("a Node that is too old is named, with the one that is needed", async () => {
  const cwd = await initialized();
  const old = "data:text/javascript,Object.defineProperty(process,'version',{value:'v20.19.2'})";
  const { code, stdout, stderr } = await scrubber(["status"], { cwd, env: { NODE_OPTIONS: `--import=${old}` } });
  expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
  expect(stderr).toBe(
    `error: ${process.execPath} is Node v20.19.2, and 24 or later is needed\nInstall it, and put it first in PATH.\n`,
  );
});

test("relative paths are the user's, also where pnpm runs the checkout's script in its root", () => {
  const pnpm = { npm_lifecycle_event: "scrubber", npm_package_name: "scrubber-workspace", INIT_CWD: "/home/user" };
  expect(workingDirectory(pnpm, "/checkout")).toBe("/home/user");
  expect(workingDirectory({ ...pnpm, npm_lifecycle_event: "demo" }, "/checkout/demo")).toBe("/checkout/demo");
  expect(workingDirectory({ ...pnpm, npm_package_name: "other" }, "/srv")).toBe("/srv");
  expect(workingDirectory({}, "/srv")).toBe("/srv");
});

test("with --json a failure is JSON too, with its code and what to do", async () => {
  const { code, stdout } = await scrubber(["status", "--json"], { cwd: await temporaryFolder() });
  expect(code).toBe(1);
  expect(JSON.parse(stdout)).toEqual({
    error: {
      code: "SCRUBBER_CONFIG_NOT_FOUND",
      message: expect.stringContaining("no configuration found") as string,
      hint: expect.stringContaining("scrubber init") as string,
    },
  });
});
