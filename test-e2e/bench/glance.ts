import { mkdirSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { deployGlance, type GlanceDeployment } from "../servers/glance.ts";
import { costOf, median, type Cost } from "./measure/process.ts";

const IMAGES = Number(process.env["SCRUBBER_BENCH_IMAGES"] ?? 10_000);
const NOT_YET_DUE = 50_000;
const ROUNDS = 3;
const ours = fileURLToPath(new URL("../../apps/scrubber/dist/glance-scrubber.js", import.meta.url));

/**
 * Our glance-scrubber against Debian's, whole processes on the same database and files, in turns: 10,000 pending images; none; 50,000 that are not yet due,
 * at a wake-up as any other and at the one a day that goes through all of them.
 * Needs `pnpm build` and Debian's glance-api and time.
 */
export async function bench(): Promise<void> {
  using due = await deployGlance();
  using waiting = await deployGlance({ defaults: "scrub_time = 864000" });
  using empty = await deployGlance();
  seed(waiting, NOT_YET_DUE);
  const scrubbers = {
    ours: (d: GlanceDeployment) => costOf(process.execPath, [ours, "--config-file", d.configFile]),
    theirs: (d: GlanceDeployment) => costOf("/usr/bin/glance-scrubber", ["--config-file", d.configFile]),
  };
  // The first start fills our queue from the registry; later wake-ups are what is compared.
  await scrubbers.ours(waiting);
  type Taken = Record<"due" | "empty" | "waiting" | "whole", Cost[]>;
  const costs: Record<keyof typeof scrubbers, Taken> = {
    ours: { due: [], empty: [], waiting: [], whole: [] },
    theirs: { due: [], empty: [], waiting: [], whole: [] },
  };
  for (let round = 0; round < ROUNDS; round++) {
    for (const [name, run] of Object.entries(scrubbers) as [keyof typeof scrubbers, typeof scrubbers.ours][]) {
      clear(due);
      seed(due, IMAGES);
      costs[name].due.push(await run(due));
      costs[name].empty.push(await run(empty));
      costs[name].waiting.push(await run(waiting));
      // Theirs goes through all of them at every wake-up.
      if (name === "ours") forgetSweeps(waiting);
      costs[name].whole.push(await run(waiting));
    }
  }
  console.log(
    `\n${IMAGES.toLocaleString("en")} pending images on SQLite, whole processes, medians of ${ROUNDS} rounds taken in turns\n`,
  );
  console.log("| | ours | Debian's | ratio |\n|---|---|---|---|");
  const line = (what: string, figure: (taken: Taken) => number, digits: number): void => {
    const [a, b] = [figure(costs.ours), figure(costs.theirs)];
    console.log(`| ${what} | ${a.toFixed(digits)} | ${b.toFixed(digits)} | ${(a / b).toFixed(3)} |`);
  };
  const of = (taken: readonly Cost[], figure: keyof Cost): number => median(taken.map((cost) => cost[figure]));
  line(
    "CPU ms an image, beyond process start",
    ({ due, empty }) => ((of(due, "cpuSeconds") - of(empty, "cpuSeconds")) / IMAGES) * 1000,
    3,
  );
  line("wall s", ({ due }) => of(due, "wallSeconds"), 2);
  line("peak MiB", ({ due }) => of(due, "peakMiB"), 0);
  line("peak MiB with nothing to do", ({ empty }) => of(empty, "peakMiB"), 0);
  const many = NOT_YET_DUE.toLocaleString("en");
  line(`CPU s of a wake-up with ${many} images not yet due`, ({ waiting }) => of(waiting, "cpuSeconds"), 2);
  line(`CPU s of the one a day that goes through all ${many}`, ({ whole }) => of(whole, "cpuSeconds"), 2);
  line("peak MiB of that one", ({ whole }) => of(whole, "peakMiB"), 0);
}

function open(deployment: GlanceDeployment): DatabaseSync {
  return new DatabaseSync(join(deployment.folder, "glance.sqlite"), { timeout: 10_000 });
}

/** Takes from our queue what it knows of earlier sweeps: the next one is a whole one. */
function forgetSweeps(deployment: GlanceDeployment): void {
  const database = new DatabaseSync(join(deployment.folder, "scrubber", "queue.sqlite"), { timeout: 10_000 });
  const { changes } = database.prepare("DELETE FROM notes WHERE key = 'sweep/beganAt'").run();
  database.close();
  if (Number(changes) !== 1) throw new Error("the queue's note of sweeps has another name");
}

/** Empties database, image folder and our queue. */
function clear(deployment: GlanceDeployment): void {
  const database = open(deployment);
  database.exec("DELETE FROM image_locations; DELETE FROM images;");
  database.close();
  for (const name of ["images", "scrubber"]) {
    rmSync(join(deployment.folder, name), { recursive: true });
    mkdirSync(join(deployment.folder, name));
  }
}

/** Pending images with one small file each, deleted an hour ago. */
function seed(deployment: GlanceDeployment, count: number): void {
  const database = open(deployment);
  const at = new Date(Date.now() - 3_600_000).toISOString().replace("T", " ").replace("Z", "000");
  const image = database.prepare(
    "INSERT INTO images (id, name, status, created_at, updated_at, deleted_at, deleted, min_disk, min_ram, protected, visibility, os_hidden) VALUES (?, 'seed', 'pending_delete', ?, ?, ?, 1, 0, 0, 0, 'shared', 0)",
  );
  const location = database.prepare(
    "INSERT INTO image_locations (image_id, value, meta_data, status, created_at, updated_at, deleted_at, deleted) VALUES (?, ?, '{}', 'pending_delete', ?, ?, ?, 1)",
  );
  const before = Date.now() / 1000 - 7200;
  database.exec("BEGIN");
  for (let n = 0; n < count; n++) {
    const id = `00000000-0000-4000-8000-${String(n).padStart(12, "0")}`;
    const path = join(deployment.images, id);
    writeFileSync(path, "data");
    utimesSync(path, before, before);
    image.run(id, at, at, at);
    location.run(id, `file://${path}`, at, at, at);
  }
  database.exec("COMMIT");
  database.close();
}
