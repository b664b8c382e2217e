import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { createCipher, type Context, type Registry } from "@scrubber/core";
import plugin, { type Options } from "../src/index.ts";

/** A key as Glance's metadata_encryption_key. */
export const KEY = "0123456789abcdef";

/** A database of its own in a fresh folder, the registry on it, and another hand on the same file. */
export interface Place extends AsyncDisposable {
  readonly path: string;
  readonly registry: Registry;
  /** The other hand: what Glance would write. */
  readonly db: DatabaseSync;
  /** The registry's clock. */
  now: Date;
  /** Opens another registry on the same file, as another process would. */
  second(options?: Partial<Options>, context?: Partial<Context>): Promise<Registry>;
  addImage(id: string, fields?: ImageFields): void;
  /** Returns its id. */
  addLocation(imageId: string, fields?: LocationFields): number;
  row(table: string, where: string): Record<string, unknown>;
}

export interface ImageFields {
  readonly status?: string;
  readonly deleted?: number;
  readonly deletedAt?: string | null;
  readonly updatedAt?: string | null;
  readonly visibility?: string;
}

export interface LocationFields {
  readonly value?: string;
  readonly metadata?: string | null;
  readonly status?: string;
  readonly deletedAt?: string | null;
}

export const DELETED_AT = "2026-11-20 10:00:00.250000";

export async function openPlace(options: Partial<Options> = {}, context: Partial<Context> = {}): Promise<Place> {
  const folder = await mkdtemp(join(tmpdir(), "registry-sql-"));
  const path = join(folder, "registry.sqlite");
  const base: Options = { url: "sqlite:./registry.sqlite", ...options };
  const place = { now: new Date("2026-11-24T12:00:00.125Z") };
  const surroundings: Context = {
    id: "registry",
    log: silent,
    now: () => place.now,
    resolvePath: (relative) => join(folder, relative),
    cipher: undefined,
    ...context,
  };
  await plugin.setUp?.(base, surroundings);
  const registry = await plugin.open(base, surroundings);
  const db = new DatabaseSync(path);
  return Object.assign(place, {
    path,
    registry,
    db,
    second: (more: Partial<Options> = {}, other: Partial<Context> = {}) =>
      plugin.open({ ...base, ...more }, { ...surroundings, ...other }),
    addImage(id: string, fields: ImageFields = {}) {
      const { status = "active", visibility = "shared" } = fields;
      const gone = status === "pending_delete" || status === "deleted";
      const { deleted = gone ? 1 : 0, deletedAt = gone ? DELETED_AT : null, updatedAt = null } = fields;
      db.prepare(
        `INSERT INTO images (id, status, deleted, deleted_at, updated_at, visibility, created_at, min_disk, min_ram)
        VALUES (?, ?, ?, ?, ?, ?, '2026-11-01 00:00:00.000000', 0, 0)`,
      ).run(id, status, deleted, deletedAt, updatedAt, visibility);
    },
    addLocation(imageId: string, fields: LocationFields = {}) {
      const { value = `file:///images/${imageId}`, metadata = "{}", status = "active" } = fields;
      const { deletedAt = status === "active" ? null : DELETED_AT } = fields;
      const { lastInsertRowid } = db
        .prepare(
          `INSERT INTO image_locations (image_id, value, meta_data, status, deleted, deleted_at, created_at)
          VALUES (?, ?, ?, ?, ?, ?, '2026-11-01 00:00:00.000000')`,
        )
        .run(imageId, value, metadata, status, status === "active" ? 0 : 1, deletedAt);
      return Number(lastInsertRowid);
    },
    row(table: string, where: string) {
      const row = db.prepare(`SELECT * FROM ${table} WHERE ${where}`).get();
      if (row === undefined) throw new Error(`no row in ${table} where ${where}`);
      return { ...row };
    },
    async [Symbol.asyncDispose]() {
      await registry[Symbol.asyncDispose]();
      db.close();
      await rm(folder, { recursive: true, force: true });
    },
  });
}

export const silent: Context["log"] = { debug() {}, info() {}, warn() {}, error() {} };

export const sealed = (uri: string, key: string = KEY): string => createCipher([key]).seal(uri);
