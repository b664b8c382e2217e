import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";

/** Runs the kit under node:test, in a process of its own. */
function run(...parameters: readonly string[]): Promise<{ readonly code: number | null; readonly output: string }> {
  const file = fileURLToPath(new URL("./fixtures/kit-on-node-test.ts", import.meta.url));
  // node:test reports in another way to a parent that is node:test too.
  const { NODE_TEST_CONTEXT: _, ...env } = process.env;
  return new Promise((resolve) => {
    const child = execFile(process.execPath, [file, ...parameters], { env }, (_error, stdout, stderr) => {
      resolve({ code: child.exitCode, output: stdout + stderr });
    });
  });
}

describe("the kit on node:test", () => {
  test("runs every case, and skips with a reason what does not apply", async () => {
    const { code, output } = await run();
    expect(output).toMatch(/^# fail 0$|^ℹ fail 0$/m);
    expect(output).toContain("the oldest due is handed out first, and no more than was asked for");
    expect(output).toContain("supports.manage is false");
    expect(code).toBe(0);
  });

  test("turns red for a broken backend, and says which promise was broken", async () => {
    const { code, output } = await run("notes are kept, replaced and removed");
    expect(code).toBe(1);
    expect(output).toMatch(/^# fail 1$|^ℹ fail 1$/m);
    expect(output).toContain("Promise broken: undefined removes a note, and no other");
  });
});
