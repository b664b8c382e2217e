import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { DatabaseSync } from "node:sqlite";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { deployGlance } from "./servers/glance.ts";
import { GlanceLab } from "./servers/glance-lab.ts";
import { run, scrubber, startScrubber } from "./servers/glance-scrubber.ts";

test("a daemon on a Glance database goes through 2,000 cycles, a sweep in each, and holds no more memory at the end", async () => {
  using deployment = await deployGlance();
  const database = new DatabaseSync(join(deployment.folder, "glance.sqlite"));
  for (let n = 0; n < 50; n++) {
    const at = new Date().toISOString().replace("T", " ").replace("Z", "000");
    const id = `00000000-0000-4000-8000-${String(n).padStart(12, "0")}`;
    database
      .prepare(
        "INSERT INTO images (id, status, created_at, deleted_at, deleted, min_disk, min_ram, protected, visibility, os_hidden) VALUES (?, 'pending_delete', ?, ?, 1, 0, 0, 0, 'shared', 0)",
      )
      .run(id, at, at);
    database
      .prepare(
        "INSERT INTO image_locations (image_id, value, meta_data, status, created_at, deleted_at, deleted) VALUES (?, ?, '{}', 'pending_delete', ?, ?, 1)",
      )
      .run(id, `file://${deployment.images}/${id}`, at, at);
  }
  database.close();
  const cycles = fileURLToPath(new URL("daemon/cycles.ts", import.meta.url));
  const ended = await run(process.execPath, [
    "--expose-gc",
    "--conditions=@scrubber/source",
    cycles,
    join(deployment.folder, "queue"),
    `sqlite:${join(deployment.folder, "glance.sqlite")}`,
    deployment.images,
  ]);
  expect(ended.stderr).toBe("");
  const { cycles: seen, sweeps, ...memory } = JSON.parse(ended.stdout) as Record<string, number>;
  const grown = (early: string, late: string): number => (memory[late] ?? Number.NaN) - (memory[early] ?? Number.NaN);
  expect(seen).toBe(2000);
  expect(sweeps).toBeGreaterThanOrEqual(2000);
  expect(grown("earlyMiB", "lateMiB"), "MiB of heap more than after 400 cycles").toBeLessThan(2);
  expect(grown("earlyBesidesMiB", "lateBesidesMiB"), "MiB besides the heap more than after 400 cycles").toBeLessThan(
    16,
  );
});

test("the executable, on a Glance database, goes through 2,000 wake-ups that each sweep, deletes what comes, and holds no more memory at the end", async () => {
  using lab = await GlanceLab.make();
  const file = join(lab.deployment.folder, "scrubber.yaml");
  expect(await scrubber("import-glance", ...lab.config, "-o", file)).toMatchObject({ code: 0 });
  const written = readFileSync(file, "utf8");
  const quick = written.replace(/wakeup: \w+/, "wakeup: 20ms");
  expect(quick).not.toBe(written);
  writeFileSync(file, quick);

  await using daemon = startScrubber("run", "--config", file);
  /** The least that was resident of its own from one cycle to another; a few images come and go in each hundred. */
  const least = async (from: number, to: number): Promise<number> => {
    let found = Infinity;
    for (let fed = -1, cycles = 0; cycles < to; cycles = daemon.log.split("sweep finished").length - 1) {
      await Promise.race([delay(20), daemon.ended.then(({ stderr }) => Promise.reject(new Error(stderr)))]);
      if (cycles >= from) found = Math.min(found, anonymousMiB(daemon.pid));
      if (Math.floor(cycles / 100) === fed) continue;
      fed = Math.floor(cycles / 100);
      for (let n = 0; n < 5; n++) lab.pending([{ value: `file://${lab.file(`${from}-${fed}-${n}`)}` }]);
    }
    return found;
  };
  // It takes a thousand until its code is compiled and its caches are full.
  const early = await least(800, 1200);
  const late = await least(1600, 2000);
  expect(late - early, "MiB more than after the first thousand").toBeLessThan(8);
  await expect.poll(() => lab.count("pending_delete"), { timeout: 60_000 }).toBe(0);
  expect(lab.count("deleted")).toBeGreaterThan(100);
  expect(await daemon.end("SIGTERM")).toBe(0);
});

function anonymousMiB(pid: number): number {
  const [, kib = Number.NaN] = /RssAnon:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8")) ?? [];
  return Number(kib) / 1024;
}
