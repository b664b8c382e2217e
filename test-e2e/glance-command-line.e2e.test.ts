import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { GlanceLab } from "./servers/glance-lab.ts";
import { ours } from "./servers/glance-scrubber.ts";

describe("glance-scrubber's command line", () => {
  let l: GlanceLab;
  beforeAll(async () => {
    l = await GlanceLab.make();
  });

  afterAll(() => l?.[Symbol.dispose]());

  test("a restore that is refused says why in Glance's words and ends with 1", async () => {
    const done = l.pending([]);
    await ours(...l.config);
    expect(await ours(...l.config, "--restore", done)).toMatchObject({
      code: 1,
      stderr: expect.stringContaining(
        "ERROR: cannot restore the image from deleted to active (wanted from_state=pending_delete)",
      ) as string,
    });
    expect(await ours(...l.config, "--restore", "nobody")).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("ERROR: No image found with ID nobody") as string,
    });
    expect(await ours("--restore", "x", "--daemon")).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("ERROR: The restore and daemon options should not be set together.") as string,
    });
  });

  test("a run that tries nothing, because the run before it found the store down, says so too", async () => {
    using down = await GlanceLab.make();
    const id = down.pending([{ value: `file://${down.deployment.images}/gone` }]);
    for (const _ of [1, 2]) {
      expect(await ours(...down.config)).toMatchObject({
        code: 1,
        stderr: expect.stringMatching(/"level":"warn".*store file is down; its entries wait: .* is empty/) as string,
      });
    }
    expect(down.status(id)).toBe("pending_delete");
  });

  test("a run while deletion is paused deletes nothing, and says why", async () => {
    using paused = await GlanceLab.make();
    const path = paused.file("waits");
    const id = paused.pending([{ value: `file://${path}` }]);
    expect(await paused.command("pause")).toMatchObject({ code: 0 });
    expect(await ours(...paused.config)).toMatchObject({
      code: 0,
      stderr: expect.stringMatching(/"level":"warn".*deletion is paused, and nothing was tried/) as string,
    });
    expect([paused.status(id), existsSync(path)]).toEqual(["pending_delete", true]);
    expect(await paused.command("resume")).toMatchObject({ code: 0 });
    expect(await ours(...paused.config)).toMatchObject({ code: 0 });
    expect([paused.status(id), existsSync(path)]).toEqual(["deleted", false]);
  });

  test("a database that does not answer, or has no such tables, is an error in Glance's words, never a run without work", async () => {
    using broken = await GlanceLab.make();
    const configured = (name: string, text: string): readonly string[] => {
      const file = join(broken.deployment.folder, name);
      writeFileSync(file, text);
      return [...broken.config, "--config-file", file];
    };
    const nowhere = configured("nowhere.conf", "[database]\nconnection = sqlite:////nowhere/glance.sqlite\n");
    const lines = /^Can not get scrub jobs from queue: .*(nowhere|no such table)/m;
    expect(await ours(...nowhere)).toMatchObject({ code: 1, stderr: expect.stringMatching(lines) as string });

    const empty = join(broken.deployment.folder, "empty.sqlite");
    new DatabaseSync(empty).close();
    const logFile = join(broken.deployment.folder, "scrubber.log");
    const tableless = configured(
      "empty.conf",
      `[DEFAULT]\nlog_file = ${logFile}\n[database]\nconnection = sqlite:///${empty}\n`,
    );
    // With a log file, too, errors reach stderr, and nothing else does.
    const ended = await ours(...tableless);
    expect(ended).toMatchObject({ code: 1, stderr: expect.stringMatching(lines) as string });
    expect(ended.stderr).not.toContain('"info"');
    expect(readFileSync(logFile, "utf8")).toContain("the sweep was not done");
  });
});
