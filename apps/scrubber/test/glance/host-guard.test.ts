import { spawn } from "node:child_process";
import { once } from "node:events";
import { expect, test } from "vitest";
import { HostMark } from "../../src/glance/host-guard.ts";

const module = new URL("../../src/glance/host-guard.ts", import.meta.url).href;
const name = (): string => `\0scrubber-test-${process.pid}-${Math.random()}`;

test("a second taker is told that the mark is taken, and takes it once it is given back", async () => {
  const mark = name();
  await using second = new HostMark(mark);
  {
    await using first = new HostMark(mark);
    expect(await first.take()).toBe(true);
    expect(await first.take()).toBe(true);
    expect(await second.take()).toBe(false);
  }
  expect(await second.take()).toBe(true);
});

test("the mark of a process that was killed with -9 is free", async () => {
  const mark = name();
  const holder = spawn(
    process.execPath,
    [
      "--input-type=module",
      "-e",
      `const { HostMark } = await import(${JSON.stringify(module)}); await new HostMark(${JSON.stringify(mark)}).take(); console.log("held"); setInterval(() => {}, 1e6)`,
    ],
    { stdio: ["ignore", "pipe", "inherit"] },
  );
  await once(holder.stdout, "data");
  await using mine = new HostMark(mark);
  expect(await mine.take()).toBe(false);
  const gone = once(holder, "exit");
  holder.kill("SIGKILL");
  await gone;
  expect(await mine.take()).toBe(true);
});
