import { spawn } from "node:child_process";
import { once } from "node:events";
import { expect, test } from "vitest";
import { takeHostMark } from "../../src/glance/host-guard.ts";

const module = new URL("../../src/glance/host-guard.ts", import.meta.url).href;
const name = (): string => `\0scrubber-test-${process.pid}-${Math.random()}`;

test("a second taker is told that the mark is taken, and it is free once given back", async () => {
  const mark = name();
  const first = await takeHostMark(mark);
  expect(first).toBeDefined();
  expect(await takeHostMark(mark)).toBeUndefined();
  await first?.[Symbol.asyncDispose]();
  const again = await takeHostMark(mark);
  expect(again).toBeDefined();
  await again?.[Symbol.asyncDispose]();
});

test("the mark of a process that was killed with -9 is free", async () => {
  const mark = name();
  const holder = spawn(
    process.execPath,
    [
      "--input-type=module",
      "-e",
      `const { takeHostMark } = await import(${JSON.stringify(module)}); await takeHostMark(${JSON.stringify(mark)}); console.log("held"); setInterval(() => {}, 1e6)`,
    ],
    { stdio: ["ignore", "pipe", "inherit"] },
  );
  await once(holder.stdout, "data");
  expect(await takeHostMark(mark)).toBeUndefined();
  const gone = once(holder, "exit");
  holder.kill("SIGKILL");
  await gone;
  const mine = await takeHostMark(mark);
  expect(mine).toBeDefined();
  await mine?.[Symbol.asyncDispose]();
});
