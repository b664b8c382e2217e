import { randomUUID } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import type { Context, Registry } from "@scrubber/core";
import plugin from "@scrubber/registry-sql";

const IMAGES = 100_000;
const SLICE = 5000;
const BATCH = 1000;

/**
 * registry-sql on SQLite against the least SQL that does the same, in turns: prepared statements, an image at a time, a transaction for each thousand.
 */
export async function bench(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "bench-registry-"));
  try {
    const ids = Array.from({ length: IMAGES }, () => randomUUID());
    await using registry = await openSeeded(join(folder, "registry.sqlite"), ids);
    await using _peers = await openSeeded(join(folder, "peer.sqlite"), ids);
    using peer = new BareSql(join(folder, "peer.sqlite"));
    const rows = [
      [
        "images, by thousands / two SELECTs an image",
        await inTurns(
          ids,
          (some) => registry.images(some),
          (some) => peer.images(some),
        ),
        ">= 0.8",
      ],
      [
        "recordDeleted, by thousands / two UPDATEs an image",
        await inTurns(
          ids,
          (some) => record(registry, some, ids),
          (some) => peer.record(some, ids),
        ),
        ">= 0.8",
      ],
    ] as const;
    console.log("\nregistry-sql on SQLite: images a second, medians of pairs taken in turns");
    console.log(
      "recordDeleted reads before it writes, to answer for each image and to mark no row that is not its own; the peer trusts its input.\n",
    );
    console.log("| work | registry-sql | peer | ratio | reach |\n|---|---|---|---|---|");
    for (const [work, { ours, theirs, ratio }, reach] of rows) {
      console.log(`| ${work} | ${Math.round(ours)} | ${Math.round(theirs)} | ${ratio.toFixed(2)} | ${reach} |`);
    }
    await using listed = await openSeeded(join(folder, "listed.sqlite"), ids);
    await listing(listed, join(folder, "listed.sqlite"));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Whole listings against one plain SELECT of the same columns, read row by row. */
async function listing(registry: Registry, path: string): Promise<void> {
  using db = new DatabaseSync(path);
  const select = db.prepare("SELECT id, image_id, value, meta_data FROM image_locations WHERE status <> 'deleted'");
  const plain = (): void => {
    let seen = 0;
    for (const _ of select.iterate()) seen++;
    if (seen !== IMAGES) throw new Error(`${seen} rows`);
  };
  const references: number[] = [];
  const pending: number[] = [];
  for (let turn = 0; turn < 6; turn++) {
    const floor = await secondsOf(plain);
    references.push(
      floor /
        (await secondsOf(async () => {
          for await (const _ of registry.references());
        })),
    );
    pending.push(
      floor /
        (await secondsOf(async () => {
          let after: string | undefined;
          do {
            const page = await registry.pendingLocations({ limit: BATCH, ...(after !== undefined && { after }) });
            after = page.next;
          } while (after !== undefined);
        })),
    );
  }
  console.log(
    `\n${IMAGES} locations listed, speed against one plain SELECT: references ${median(references).toFixed(2)}, pendingLocations ${median(pending).toFixed(2)}`,
  );
}

function record(registry: Registry, some: readonly string[], ids: readonly string[]): Promise<unknown> {
  const first = ids.indexOf(some[0] ?? "");
  return registry.recordDeleted(some.map((imageId, n) => ({ imageId, locations: [{ ref: first + n + 1 }] })));
}

async function openSeeded(path: string, ids: readonly string[]): Promise<Registry> {
  const silent = (): void => {};
  const context: Context = {
    id: "registry",
    log: { debug: silent, info: silent, warn: silent, error: silent },
    now: () => new Date(),
    resolvePath: (given) => given,
    cipher: undefined,
  };
  const options = { url: `sqlite:${path}` };
  await plugin.setUp?.(options, context);
  using db = new DatabaseSync(path);
  const image = db.prepare(
    `INSERT INTO images (id, status, created_at, deleted, deleted_at, min_disk, min_ram)
    VALUES (?, 'pending_delete', '2026-01-01 00:00:00.000000', 1, '2026-01-02 00:00:00.000000', 0, 0)`,
  );
  const location = db.prepare(
    `INSERT INTO image_locations (image_id, value, meta_data, status, created_at, deleted, deleted_at)
    VALUES (?, ?, '{"store": "file"}', 'pending_delete', '2026-01-01 00:00:00.000000', 1, '2026-01-02 00:00:00.000000')`,
  );
  db.exec("BEGIN");
  for (const id of ids) {
    image.run(id);
    location.run(id, `file:///var/lib/glance/images/${id}`);
  }
  db.exec("COMMIT");
  return await plugin.open(options, context);
}

/** The same work in the least SQL. */
class BareSql implements Disposable {
  readonly #db: DatabaseSync;
  readonly #statements: Record<
    "image" | "locations" | "markLocation" | "markImage",
    ReturnType<DatabaseSync["prepare"]>
  >;

  constructor(path: string) {
    this.#db = new DatabaseSync(path);
    this.#db.exec("PRAGMA synchronous = FULL");
    this.#statements = {
      image: this.#db.prepare("SELECT id, status, deleted_at FROM images WHERE id = ?"),
      locations: this.#db.prepare("SELECT id, value, meta_data, status FROM image_locations WHERE image_id = ?"),
      markLocation: this.#db.prepare(
        "UPDATE image_locations SET status = 'deleted', updated_at = ?, deleted_at = ? WHERE id = ? AND status = 'pending_delete'",
      ),
      markImage: this.#db.prepare(
        `UPDATE images SET status = 'deleted', updated_at = ? WHERE id = ? AND status = 'pending_delete'
          AND NOT EXISTS (SELECT 1 FROM image_locations l WHERE l.image_id = images.id AND l.status <> 'deleted')`,
      ),
    };
  }

  images(ids: readonly string[]): Map<string, object> {
    const { image, locations } = this.#statements;
    return new Map(ids.map((id) => [id, { ...image.get(id), locations: locations.all(id) }]));
  }

  record(some: readonly string[], ids: readonly string[]): void {
    const first = ids.indexOf(some[0] ?? "");
    const now = new Date().toISOString();
    this.#db.exec("BEGIN IMMEDIATE");
    for (const [n, id] of some.entries()) {
      this.#statements.markLocation.run(now, now, first + n + 1);
      this.#statements.markImage.run(now, id);
    }
    this.#db.exec("COMMIT");
  }

  [Symbol.dispose](): void {
    this.#db.close();
  }
}

type Work = (some: readonly string[]) => unknown;

/** Takes pairs in turns, after one that does not count; medians of the rates, and of the ratios within a pair. */
async function inTurns(
  ids: readonly string[],
  ours: Work,
  theirs: Work,
): Promise<{ ours: number; theirs: number; ratio: number }> {
  const taken: { ours: number; theirs: number }[] = [];
  for (let first = 0; first < ids.length; first += SLICE) {
    const slice = ids.slice(first, first + SLICE);
    const rate = async (work: Work): Promise<number> =>
      SLICE /
      (await secondsOf(async () => {
        for (let n = 0; n < SLICE; n += BATCH) await work(slice.slice(n, n + BATCH));
      }));
    const one = { ours: await rate(ours), theirs: await rate(theirs) };
    if (first > 0) taken.push(one);
  }
  return {
    ours: median(taken.map((one) => one.ours)),
    theirs: median(taken.map((one) => one.theirs)),
    ratio: median(taken.map((one) => one.ours / one.theirs)),
  };
}

async function secondsOf(work: () => unknown): Promise<number> {
  const start = process.hrtime.bigint();
  await work();
  return Number(process.hrtime.bigint() - start) / 1e9;
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}
