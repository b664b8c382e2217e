import { existsSync } from "node:fs";
import { readFile, readdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { scrubber, temporaryFolder } from "./support/command.ts";
import { initialized } from "./support/initialized.ts";

describe("init", () => {
  test("writes a configuration that works at once, and says what it made and what to try next", async () => {
    const cwd = await temporaryFolder();
    const { code, stdout } = await scrubber(["init"], { cwd });
    expect(code).toBe(0);
    expect(stdout).toContain("Wrote scrubber.yaml");
    expect(stdout).toContain("Try next:");
    expect((await readdir(cwd)).toSorted()).toEqual(["images", "scrubber-data", "scrubber.yaml"]);
    expect(existsSync(join(cwd, "images/.scrubber-root"))).toBe(true);
    expect(await scrubber(["check"], { cwd })).toMatchObject({ code: 0 });
    expect(await scrubber(["check", "--probe=write"], { cwd })).toMatchObject({ code: 0 });
    await rm(join(cwd, "scrubber-data"), { recursive: true });
    const looked = await scrubber(["check", "--probe"], { cwd });
    expect(looked).toMatchObject({ code: 0, stderr: "" });
    expect(looked.stdout).toContain("Nothing was written.");
    expect(existsSync(join(cwd, "scrubber-data"))).toBe(false);
    expect(await scrubber(["run", "--once"], { cwd })).toMatchObject({
      code: 0,
      stdout: "Nothing was due. Nothing waits.\n",
    });
  });

  test("overwrites nothing: a second one makes what is missing only", async () => {
    const { cwd, run } = await initialized(["a"]);
    const written = `# mine\n${await readFile(join(cwd, "scrubber.yaml"), "utf8")}`;
    await writeFile(join(cwd, "scrubber.yaml"), written);
    expect((await run("init")).stdout).toContain(
      "scrubber.yaml was there already and was not changed.\nNothing was missing.",
    );
    expect(await readFile(join(cwd, "scrubber.yaml"), "utf8")).toBe(written);
    expect(await readFile(join(cwd, "images/a"), "utf8")).toBe("data\n");
    const refused = await run("init --registry");
    expect(refused).toMatchObject({ code: 1, stdout: "" });
    expect(refused.stderr).toContain("names no registry");
  });
});

describe("init where nothing can be written", () => {
  test.each([
    ["/proc/no-such/folder/scrubber.yaml", "no such file or directory"],
    ["scrubber.yaml/below/scrubber.yaml", "a part of the path is no directory"],
  ])("to %s ends with 1 and says why", async (file, why) => {
    const cwd = await temporaryFolder();
    await writeFile(join(cwd, "scrubber.yaml"), "");
    const { code, stderr } = await scrubber(["init", "--config", file], { cwd });
    expect(code).toBe(1);
    expect(stderr).toContain(`: ${why}\n`);
    expect(stderr).toContain("Choose a folder that this user may write to");
  });
});
