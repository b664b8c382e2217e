import { execFileSync, spawnSync, type SpawnSyncReturns } from "node:child_process";
import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

const root = fileURLToPath(new URL("..", import.meta.url));
const PICKED = ["apps/scrubber", "packages/core", "packages/engine", "packages/queue-file", "packages/store-fs"];

/** Empty where it ended well. */
const complaint = ({ status, stdout, stderr }: SpawnSyncReturns<string>): string =>
  status === 0 ? "" : `exit ${status}: ${stdout}${stderr}`;

describe("what is published, installed with npm outside of this repository", () => {
  const place = mkdtempSync(join(tmpdir(), "scrubber-packed-"));
  const installed = join(place, "an installation");
  let npm: SpawnSyncReturns<string>;

  function run(command: string, parameters: readonly string[], cwd: string = installed): SpawnSyncReturns<string> {
    const { NODE_TEST_CONTEXT: _, NODE_OPTIONS: __, ...env } = process.env;
    return spawnSync(command, parameters, { cwd, env, encoding: "utf8" });
  }

  beforeAll(() => {
    const packed = join(place, "packed");
    for (const folder of PICKED) {
      execFileSync("npx", ["-y", "pnpm@12", "pack", "--pack-destination", packed], { cwd: join(root, folder) });
    }
    mkdirSync(installed);
    writeFileSync(join(installed, "package.json"), JSON.stringify({ private: true, type: "module" }));
    const files = readdirSync(packed).map((file) => join(packed, file));
    npm = run("npm", ["install", "--no-audit", "--no-fund", ...files]);
  });
  afterAll(() => rmSync(place, { recursive: true, force: true }));

  test("needs nothing that is not declared, and brings no store, registry or driver that was not picked", () => {
    expect(complaint(npm)).toBe("");
    expect(npm.stderr).not.toMatch(/peer|EBADENGINE/i);
    expect(readdirSync(join(installed, "node_modules/@scrubber")).toSorted()).toEqual([
      "app",
      "core",
      "engine",
      "queue-file",
      "store-fs",
    ]);
    const others = readdirSync(join(installed, "node_modules")).filter((name) =>
      /aws|azure|smithy|mysql|^pg/.test(name),
    );
    expect(others).toEqual([]);
  });

  test("runs, with a configuration that stands elsewhere", () => {
    const elsewhere = join(place, "elsewhere");
    mkdirSync(elsewhere);
    const scrubber = (...parameters: string[]): SpawnSyncReturns<string> =>
      run(process.execPath, [join(installed, "node_modules/@scrubber/app/dist/main.js"), ...parameters], elsewhere);
    expect(complaint(scrubber("init"))).toBe("");
    const image = join(elsewhere, "images/my-image");
    writeFileSync(image, "data\n");
    expect(complaint(scrubber("add", "my-image", pathToFileURL(image).href, "--after", "0s"))).toBe("");
    const once = scrubber("run", "--once", "--json");
    expect(JSON.parse(once.stdout)).toMatchObject({ deleted: 1, bytes: 5 });
    expect(readdirSync(join(elsewhere, "images"))).toEqual([".scrubber-root"]);
  });

  test("has types that hold where libraries are checked strictly", () => {
    writeFileSync(
      join(installed, "consumer.ts"),
      `import type { Config } from "@scrubber/app";
import { parseDuration } from "@scrubber/core";
import { testStore } from "@scrubber/core/conformance";
import { createMemoryStore } from "@scrubber/core/memory";
import { createScrubber } from "@scrubber/engine";
import queue from "@scrubber/queue-file";
import store from "@scrubber/store-fs";
export default {
  queue: { use: "@scrubber/queue-file", with: { directory: "./data" } },
  stores: [{ use: "@scrubber/store-fs", with: { roots: ["./images"] } }],
} satisfies Config;
await using scrubber = await createScrubber({
  queue: { use: queue, with: { directory: "./data" } },
  stores: [{ use: store, with: { roots: ["./images"] } }],
});
console.log(await scrubber.runOnce(), parseDuration("1h"), testStore, createMemoryStore);
`,
    );
    const compilerOptions = {
      strict: true,
      exactOptionalPropertyTypes: true,
      skipLibCheck: false,
      module: "nodenext",
      target: "es2024",
      noEmit: true,
      types: ["node"],
      typeRoots: [join(root, "test-e2e/node_modules/@types")],
    };
    writeFileSync(join(installed, "tsconfig.json"), JSON.stringify({ compilerOptions, files: ["consumer.ts"] }));
    const tsc = run(process.execPath, [join(root, "test-e2e/node_modules/typescript/bin/tsc"), "-p", "."]);
    expect(complaint(tsc)).toBe("");
  });

  test("lets an author's store pass the kit under node --test", () => {
    for (const file of ["box.ts", "contract.ts"]) {
      copyFileSync(join(root, "packages/core/test/fixtures/readme", file), join(installed, file));
    }
    const kit = run(process.execPath, ["--test", "contract.ts"]);
    expect(complaint(kit)).toBe("");
    expect(kit.stdout).toMatch(/^(#|ℹ) pass [1-9]\d+$/m);
  });
});
