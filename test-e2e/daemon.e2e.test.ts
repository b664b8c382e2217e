import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { deployGlance } from "./servers/glance.ts";
import { run } from "./servers/glance-scrubber.ts";

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
