import { spawnSync } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** Lets Debian's glance-manage make its schema in an empty database. */
export async function makeGlanceSchema(sqlAlchemyUrl: string): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "glance-manage-"));
  const config = join(folder, "glance.conf");
  await writeFile(config, `[DEFAULT]\nlog_file = ${join(folder, "log")}\n[database]\nconnection = ${sqlAlchemyUrl}\n`);
  const run = spawnSync("glance-manage", ["--config-file", config, "db", "sync"], { encoding: "utf8" });
  await rm(folder, { recursive: true, force: true });
  if (run.status !== 0) throw new Error(`glance-manage db sync: ${run.error?.message ?? run.stderr}`);
}
