import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { claimBesideFile, claimOnServer } from "../src/claim.ts";

const folder = mkdtempSync(join(tmpdir(), "claim-"));
afterAll(() => rmSync(folder, { recursive: true }));

test("one claim at a time beside a SQLite database, free again once given up", async () => {
  const path = join(folder, "a.sqlite");
  const first = claimBesideFile(path);
  expect(first).toBeDefined();
  expect(claimBesideFile(path)).toBeUndefined();
  expect(existsSync(path)).toBe(false);
  await first?.[Symbol.asyncDispose]();
  const again = claimBesideFile(path);
  expect(again).toBeDefined();
  await again?.[Symbol.asyncDispose]();
});

test("the claim of a process that was killed with -9 is free", async () => {
  const path = join(folder, "b.sqlite");
  const source = new URL("../src/claim.ts", import.meta.url).href;
  const script = `const { claimBesideFile } = await import(${JSON.stringify(source)}); claimBesideFile(${JSON.stringify(path)}); console.log("claimed"); setInterval(() => {}, 1e6);`;
  const holder = spawn(process.execPath, ["--input-type=module", "-e", script], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  await once(holder.stdout, "data");
  expect(claimBesideFile(path)).toBeUndefined();
  const gone = once(holder, "exit");
  holder.kill("SIGKILL");
  await gone;
  const mine = claimBesideFile(path);
  expect(mine).toBeDefined();
  await mine?.[Symbol.asyncDispose]();
});

test("a claim on a server says so when it was lost with its connection", async () => {
  let up = true;
  const released: (boolean | undefined)[] = [];
  const claim = await claimOnServer(
    () =>
      Promise.resolve({
        all: () => (up ? Promise.resolve([[1]]) : Promise.reject(new Error("Connection lost"))),
        run: () => Promise.resolve(0),
        release: (broken?: boolean) => void released.push(broken),
      }),
    "the lock",
    1,
  );
  expect(claim?.lost?.aborted).toBe(false);
  up = false;
  await expect.poll(() => claim?.lost?.aborted, { timeout: 60_000 }).toBe(true);
  await claim?.[Symbol.asyncDispose]();
  expect(released).toEqual([true]);
});
