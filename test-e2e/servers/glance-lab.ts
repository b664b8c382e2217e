import { existsSync, readdirSync, utimesSync, writeFileSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { join } from "node:path";
import { deployGlance, type DeploymentOptions, type GlanceDeployment } from "./glance.ts";
import { scrubber, type Ended } from "./glance-scrubber.ts";

/** A Glance on SQLite, and hands on its database. Rows are written as Glance writes them at a delayed delete. */
export class GlanceLab implements Disposable {
  readonly deployment: GlanceDeployment;
  readonly #database: DatabaseSync;
  #count = 0;

  static async make(options?: DeploymentOptions): Promise<GlanceLab> {
    return new GlanceLab(await deployGlance(options));
  }

  constructor(deployment: GlanceDeployment) {
    this.deployment = deployment;
    this.#database = new DatabaseSync(join(deployment.folder, "glance.sqlite"));
    this.#database.exec("PRAGMA busy_timeout = 10000");
  }

  get config(): readonly string[] {
    return ["--config-file", this.deployment.configFile];
  }

  /** Makes a file in the image folder; answers with its path. */
  file(name: string): string {
    const path = join(this.deployment.images, name);
    writeFileSync(path, `data of ${name}`);
    // Older than the deletion of its image: what was written after that is not touched.
    const before = Date.now() / 1000 - 7200;
    utimesSync(path, before, before);
    return path;
  }

  /** A pending image with these locations; answers with its id. */
  pending(
    locations: readonly { readonly value: string; readonly metadata?: string; readonly status?: string }[],
    { visibility = "shared", ageSeconds = 3600 } = {},
  ): string {
    const id = `00000000-0000-4000-8000-${String(this.#count++).padStart(12, "0")}`;
    const at = new Date(Date.now() - ageSeconds * 1000).toISOString().replace("T", " ").replace("Z", "000");
    this.#database
      .prepare(
        "INSERT INTO images (id, name, status, created_at, updated_at, deleted_at, deleted, min_disk, min_ram, protected, visibility, os_hidden) VALUES (?, ?, 'pending_delete', ?, ?, ?, 1, 0, 0, 0, ?, 0)",
      )
      .run(id, `image ${id}`, at, at, at, visibility);
    for (const { value, metadata = "{}", status = "pending_delete" } of locations) {
      this.#database
        .prepare(
          "INSERT INTO image_locations (image_id, value, meta_data, status, created_at, updated_at, deleted_at, deleted) VALUES (?, ?, ?, ?, ?, ?, ?, 1)",
        )
        .run(id, value, metadata, status, at, at, at);
    }
    return id;
  }

  status(id: string): unknown {
    return this.#database.prepare("SELECT status FROM images WHERE id = ?").get(id)?.["status"];
  }

  count(status: string): number {
    return Number(this.#database.prepare("SELECT count(*) AS n FROM images WHERE status = ?").get(status)?.["n"]);
  }

  transaction(work: () => void): void {
    this.#database.exec("BEGIN IMMEDIATE");
    work();
    this.#database.exec("COMMIT");
  }

  /** Keeps everybody else from writing into the database, as a backup or a busy API does, until it is disposed of. */
  holdWrites(): Disposable {
    this.#database.exec("BEGIN IMMEDIATE");
    return { [Symbol.dispose]: () => this.#database.exec("COMMIT") };
  }

  /** Gives every image this many properties, deleted with it. */
  addProperties(count: number): void {
    this.#database
      .prepare(
        "INSERT INTO image_properties (image_id, name, value, created_at, deleted, deleted_at) WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?) SELECT images.id, 'p' || i, 'v', images.created_at, 1, images.deleted_at FROM images, n",
      )
      .run(count);
  }

  /** The names of the files in the image folder. */
  files(): readonly string[] {
    return readdirSync(this.deployment.images);
  }

  /** Runs a command of `scrubber` with the imported configuration. */
  async command(...args: readonly string[]): Promise<Ended> {
    const yaml = join(this.deployment.folder, "scrubber.yaml");
    if (!existsSync(yaml)) {
      const made = await scrubber("import-glance", ...this.config, "-o", yaml);
      if (made.code !== 0) throw new Error(made.stderr);
    }
    return scrubber(...args, "--config", yaml);
  }

  /** The entries that our queue has set aside, as `scrubber list` shows them. */
  async setAside(): Promise<readonly { imageId: string; uri: string; error: string }[]> {
    const listed = await this.command("list", "--state", "setAside", "--json");
    if (listed.code !== 0) throw new Error(listed.stderr);
    return listed.stdout
      .split("\n")
      .filter((line) => line !== "")
      .map((line) => JSON.parse(line) as { imageId: string; uri: string; error: string });
  }

  [Symbol.dispose](): void {
    this.#database.close();
    this.deployment[Symbol.dispose]();
  }
}
