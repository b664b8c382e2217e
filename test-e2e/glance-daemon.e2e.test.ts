import { existsSync } from "node:fs";
import { expect, test } from "vitest";
import { GlanceLab } from "./servers/glance-lab.ts";
import { ours, startDaemon } from "./servers/glance-scrubber.ts";

const REFUSED = {
  code: 1,
  stderr: "ERROR: glance-scrubber is already running. Please ensure that the daemon is stopped.\n",
};

test("a daemon that stands by takes over from one that was killed with -9, also its mark on the host", async () => {
  using lab = await GlanceLab.make();
  await using first = startDaemon(...lab.config);
  await first.logged("sweep finished");
  await using second = startDaemon(...lab.config);
  await second.logged("standing by");

  // A restore that has no configuration to find the database by is refused all the same.
  expect(await ours("--restore", "x")).toMatchObject(REFUSED);
  expect(await ours(...lab.config)).toMatchObject({
    code: 0,
    stderr: expect.stringContaining("Another glance-scrubber is at work on this database") as string,
  });

  await first.end("SIGKILL");
  await second.logged("sweep finished");
  expect(await ours("--restore", "x")).toMatchObject(REFUSED);
  const path = lab.file("late");
  const id = lab.pending([{ value: `file://${path}` }]);
  await expect.poll(() => lab.status(id), { timeout: 120_000 }).toBe("deleted");
  expect(existsSync(path)).toBe(false);

  expect(await second.end("SIGTERM")).toBe(0);
  expect(await ours(...lab.config, "--restore", id)).toMatchObject({
    code: 1,
    stderr: expect.stringContaining("cannot restore the image from deleted to active") as string,
  });
});
