import { expect, test } from "vitest";
import { initialized } from "./support/initialized.ts";

test("a paused store is left alone until it is resumed", async () => {
  const { run, uri, there } = await initialized(["a"]);
  await run(`add img-1 ${uri("a")} --after 0s`);
  expect((await run("pause fs")).stdout).toBe("Paused the store fs. To go on: scrubber resume fs\n");
  await run("run --once");
  expect(there("a")).toBe(true);
  await run("resume fs");
  expect(await run("run --once")).toMatchObject({ code: 0 });
  expect(there("a")).toBe(false);
});

test("a paused store is no outage: the run ends with 0 and says how to go on", async () => {
  const { run, uri } = await initialized(["a"]);
  await run(`add img-1 ${uri("a")} --after 0s`);
  await run("pause fs");
  const one = await run("run --once");
  expect([one.code, one.stdout]).toEqual([0, expect.stringContaining("paused: scrubber resume fs")]);
  await run("resume fs");
  await run("pause");
  const all = await run("run --once");
  expect([all.code, all.stdout]).toEqual([0, expect.stringContaining("paused: scrubber resume")]);
});

test("resume says what is paused still, and where nothing was", async () => {
  const { run } = await initialized();
  await run("pause fs");
  await run("pause");
  expect((await run("resume")).stdout).toBe("Resumed.\nDeletion is paused still. To go on: scrubber resume fs\n");
  expect((await run("resume")).stdout).toMatch(
    /^Nothing was changed: deletion as a whole was not paused\.\n.*resume fs\n$/,
  );
  expect((await run("resume fs")).stdout).toBe("Resumed the store fs.\n");
  expect((await run("resume fs")).stdout).toBe("Nothing was changed: fs was not paused.\n");
});

test("a dry run says that nothing would be deleted, where deletion is paused", async () => {
  const { run, uri } = await initialized(["a"]);
  await run(`add img-1 ${uri("a")} --after 0s`);
  expect((await run("run --dry-run")).stdout).not.toContain("paused");
  await run("pause fs");
  expect((await run("run --dry-run")).stdout).toContain(
    "it would not: deletion is paused. To go on: scrubber resume fs",
  );
});
