import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

const root = fileURLToPath(new URL("..", import.meta.url));
const pages = execFileSync("git", ["ls-files", "*.md"], { cwd: root, encoding: "utf8" })
  .split("\n")
  .filter((page) => page !== "");

/** The code blocks of a page in one language. */
function blocks(page: string, language: string): readonly string[] {
  return [
    ...readFileSync(join(root, page), "utf8").matchAll(new RegExp(`^\`\`\`${language}\\n([\\s\\S]*?)^\`\`\`$`, "gm")),
  ].map((match) => match[1] ?? "");
}

const runnable = pages.flatMap((page) =>
  blocks(page, "sh").map((script, index) => ({ page, number: index + 1, script })),
);

/** Configurations that are shown whole: what begins with a queue. */
const configurations = pages.flatMap((page) => [
  ...blocks(page, "yaml")
    .filter((text) => /^queue:/m.test(text) && /^stores:/m.test(text))
    .map((text) => ({ page, file: "scrubber.yaml", text })),
  ...blocks(page, "ts")
    .filter((text) => text.includes("satisfies Config"))
    .map((text) => ({ page, file: "scrubber.config.ts", text })),
]);

describe("the documentation", () => {
  const clone = join(mkdtempSync(join(tmpdir(), "scrubber-docs-")), "clone");
  beforeAll(() => {
    execFileSync("git", ["clone", "-q", root, clone]);
    const install = spawnSync("npx", ["-y", "pnpm@12", "install", "--frozen-lockfile"], {
      cwd: clone,
      encoding: "utf8",
    });
    if (install.status !== 0) throw new Error(`pnpm install in a fresh clone: ${install.stdout}${install.stderr}`);
  });
  afterAll(() => rmSync(dirname(clone), { recursive: true, force: true }));

  test("the README shows commands that are run", () => {
    expect(runnable.filter(({ page }) => page === "README.md")).not.toEqual([]);
  });

  test.each(runnable)("$page, block $number: every command ends well in a fresh clone", ({ script }) => {
    const folder = mkdtempSync(join(clone, "run-"));
    const bin = join(folder, ".bin");
    execFileSync("mkdir", [bin]);
    // What an installation puts into the path, here from the clone's sources.
    writeFileSync(
      join(bin, "scrubber"),
      `#!/bin/sh\nexec "${process.execPath}" --conditions=@scrubber/source "${clone}/apps/scrubber/src/main.ts" "$@"\n`,
      { mode: 0o755 },
    );
    const ran = spawnSync("bash", ["-euo", "pipefail", "-c", script], {
      cwd: folder,
      encoding: "utf8",
      env: { ...process.env, PATH: `${bin}:${process.env["PATH"]}` },
    });
    expect(ran, `${ran.stdout}\n${ran.stderr}`).toMatchObject({ status: 0 });
  });

  test("the page about the configuration shows one in YAML and one in TypeScript", () => {
    const shown = configurations.filter(({ page }) => page === "docs/configuration.md").map(({ file }) => file);
    expect(shown).toEqual(["scrubber.yaml", "scrubber.config.ts"]);
  });

  test.each(configurations)("$page: the $file that it shows is in order", ({ file, text }) => {
    const folder = mkdtempSync(join(clone, "config-"));
    writeFileSync(join(folder, file), text);
    const main = join(clone, "apps/scrubber/src/main.ts");
    const checked = spawnSync(process.execPath, ["--conditions=@scrubber/source", main, "check", "--json"], {
      cwd: folder,
      encoding: "utf8",
      env: { ...process.env, SCRUBBER_KEY: "0123456789abcdef0123456789abcdef", RECEIPTS_KEY: "a key for receipts" },
    });
    expect(JSON.parse(checked.stdout)).toEqual({ ok: true, problems: [] });
    expect(checked.status).toBe(0);
  });

  test.each(pages)("%s links to pages that are there", (page) => {
    const links = [
      ...readFileSync(join(root, page), "utf8").matchAll(/\]\((?!https?:|#|mailto:)([^)#\s]+)[^)]*\)/g),
    ].map((match) => match[1] ?? "");
    const missing = links.filter((link) => !existsSync(resolve(root, dirname(page), link)));
    expect(missing).toEqual([]);
  });

  test("every package has a README", () => {
    const folders = ["packages", "apps", "examples"].flatMap((group) =>
      readdirSync(join(root, group)).map((name) => join(root, group, name)),
    );
    expect(
      folders.filter((folder) => !existsSync(join(folder, "README.md"))).map((folder) => relative(root, folder)),
    ).toEqual([]);
  });
});
