import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";

const root = join(import.meta.dirname, "..");
const readme = readFileSync(join(root, "README.md"), "utf8");
const store = fileURLToPath(new URL("./fixtures/readme/box.ts", import.meta.url));
const contract = fileURLToPath(new URL("./fixtures/readme/contract.ts", import.meta.url));

describe("the README", () => {
  test.each([store, contract])("shows %s as it is", (file) => {
    expect(readme).toContain(`\`\`\`ts\n${readFileSync(file, "utf8")}\`\`\``);
  });

  test("shows a contract test that runs, and passes", async () => {
    const { NODE_TEST_CONTEXT: _, ...env } = process.env;
    const parameters = ["--conditions=@scrubber/source", "--test", contract];
    const output = await new Promise<string>((resolve) => {
      execFile(process.execPath, parameters, { env, cwd: root }, (error, stdout, stderr) => {
        resolve(`${stdout}${stderr}\nexit ${String(error?.code ?? 0)}`);
      });
    });
    expect(output).toMatch(/^(#|ℹ) fail 0$/m);
    expect(output).toMatch(/^(#|ℹ) pass [1-9]\d+$/m);
    expect(output).toContain("exit 0");
  });
});
