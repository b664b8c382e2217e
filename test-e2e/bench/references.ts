import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import type { Context, Location, Registry } from "@scrubber/core";
import registryPlugin from "@scrubber/registry-sql";
import storePlugin from "@scrubber/store-fs";
import { createAdmission, type Admission } from "../../packages/engine/src/admission.ts";
import { Router, type OpenStore, type Routed } from "../../packages/engine/src/routing.ts";

const LOCATIONS = 1_000_000;
/** The last images wait for deletion; of these, every second object is also named by a live image. */
const PENDING = 100_000;
const BATCH = 1000;
const DAY = 24 * 3_600_000;

/**
 * The check right before deletion on a registry of 1,000,000 locations (registry-sql on SQLite, store-fs): building the index against one plain SELECT of the
 * same rows, and admitting thousands against their two queries alone, in turns.
 */
export async function bench(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "bench-references-"));
  try {
    const path = join(folder, "registry.sqlite");
    await using registry = await openSeeded(path, folder);
    await using store = await storePlugin.open(await validated({ roots: [folder] }), contextOf("fs"));
    const stores: readonly OpenStore[] = [{ id: "fs", store, limits: store.limits }];
    await building(registry, stores, path);
    await admitting(registry, stores, folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function admissionOn(registry: Registry, stores: readonly OpenStore[]): Admission {
  const { route } = new Router(stores);
  return createAdmission({
    registry,
    stores,
    route,
    unknownImage: "setAside",
    delayMs: DAY,
    now: () => new Date(),
    monotonic: () => performance.now(),
    emit: () => {},
  });
}

async function building(registry: Registry, stores: readonly OpenStore[], path: string): Promise<void> {
  using db = new DatabaseSync(path);
  const select = db.prepare("SELECT id, image_id, value, meta_data FROM image_locations WHERE status <> 'deleted'");
  const [entry] = entriesFrom(stores, join(path, ".."), 0, 1);
  if (entry === undefined) throw new TypeError("there is no entry");
  const ratios: { plain: number; listing: number }[] = [];
  let seconds = 0;
  let mebibytes = 0;
  let stall = 0;
  for (let turn = 0; turn < 3; turn++) {
    const plain = await secondsOf(() => {
      let seen = 0;
      for (const _ of select.iterate()) seen++;
      if (seen < LOCATIONS) throw new Error(`${seen} rows`);
    });
    const listing = await secondsOf(async () => {
      for await (const _ of registry.references());
    });
    const admission = admissionOn(registry, stores);
    const before = process.memoryUsage().arrayBuffers;
    const watch = watchStalls();
    const built = await secondsOf(() => admission.admit([entry]));
    stall = Math.max(stall, watch.stop());
    mebibytes = Math.max(mebibytes, (process.memoryUsage().arrayBuffers - before) / 2 ** 20);
    ratios.push({ plain: built / plain, listing: built / listing });
    seconds = built;
  }
  console.log(
    `\nBuilding the index of ${LOCATIONS} references: ${seconds.toFixed(1)} s, medians of pairs taken in turns\n`,
  );
  console.log("| against | time |\n|---|---|");
  console.log(`| one plain SELECT of the same rows | ${median(ratios.map(({ plain }) => plain)).toFixed(2)} |`);
  console.log(
    `| the registry's own listing, thrown away | ${median(ratios.map(({ listing }) => listing)).toFixed(2)} |`,
  );
  console.log(
    `\nThe index takes ${mebibytes.toFixed(0)} MiB; the longest wait for others while it is built: ${stall.toFixed(0)} ms.`,
  );
}

async function admitting(registry: Registry, stores: readonly OpenStore[], folder: string): Promise<void> {
  const admission = admissionOn(registry, stores);
  await admission.admit(entriesFrom(stores, folder, 0, 1));
  const figures = { dead: [] as number[], shared: [] as number[], deadMs: [] as number[], sharedMs: [] as number[] };
  for (let turn = 0; turn < 20; turn++) {
    const dead = entriesFrom(stores, folder, 2 * turn * BATCH + 1, BATCH);
    const shared = entriesFrom(stores, folder, 2 * turn * BATCH, BATCH);
    const ids = dead.map(({ entry }) => entry.imageId);
    const queries = await secondsOf(async () => {
      await registry.images(ids);
      for await (const _ of registry.references(LOCATIONS + PENDING / 2 - 1000));
    });
    for (const [kind, entries] of [
      ["dead", dead],
      ["shared", shared],
    ] as const) {
      const seconds = await secondsOf(async () => {
        const verdicts = await admission.admit(entries);
        const expected = kind === "dead" ? "delete" : "shared";
        if (verdicts.some((verdict) => verdict.kind !== expected)) throw new Error(`not all are ${kind}`);
      });
      figures[kind].push(seconds / queries);
      figures[`${kind}Ms`].push(seconds * 1000);
    }
  }
  console.log(`\nAdmitting ${BATCH} entries against the two queries alone, medians of pairs taken in turns\n`);
  console.log("| entries | time | ms |\n|---|---|---|");
  console.log(`| dead | ${median(figures.dead).toFixed(2)} | ${median(figures.deadMs).toFixed(1)} |`);
  console.log(
    `| all shared with live images | ${median(figures.shared).toFixed(2)} | ${median(figures.sharedMs).toFixed(1)} |`,
  );
}

/** Entries of every second pending image: from an even place shared ones, from an odd one dead ones. */
function entriesFrom(stores: readonly OpenStore[], folder: string, from: number, count: number): readonly Routed[] {
  const { route } = new Router(stores);
  const requestedAt = new Date(Date.now() - 2 * DAY);
  return Array.from({ length: count }, (_, n): Routed => {
    const place = LOCATIONS - PENDING + from + 2 * n;
    const location: Location = { uri: uriOf(folder, place) };
    const routed = route(location, requestedAt);
    if (routed.reason !== undefined) throw new TypeError(routed.reason);
    const entry = {
      id: `${place}`,
      token: "t",
      imageId: idOf(place),
      location,
      requestedAt,
      dueAt: requestedAt,
      attempts: 0,
    };
    return { entry, to: routed.to, target: routed.target };
  });
}

function idOf(place: number): string {
  return `00000000-0000-4000-8000-${String(place).padStart(12, "0")}`;
}

function uriOf(folder: string, place: number): string {
  return `file://${folder}/${idOf(place)}`;
}

async function openSeeded(path: string, folder: string): Promise<Registry> {
  const options = { url: `sqlite:${path}` };
  await registryPlugin.setUp?.(options, contextOf("registry"));
  using db = new DatabaseSync(path);
  const image = db.prepare(
    `INSERT INTO images (id, status, created_at, deleted, deleted_at, min_disk, min_ram)
    VALUES (?, ?, '2026-01-01 00:00:00.000000', ?, ?, 0, 0)`,
  );
  const location = db.prepare(
    `INSERT INTO image_locations (image_id, value, created_at, deleted, meta_data, status)
    VALUES (?, ?, '2026-01-01 00:00:00.000000', ?, '{}', ?)`,
  );
  db.exec("BEGIN");
  for (let place = 0; place < LOCATIONS; place++) {
    const isPending = place >= LOCATIONS - PENDING;
    const deleted = isPending ? 1 : 0;
    image.run(
      idOf(place),
      isPending ? "pending_delete" : "active",
      deleted,
      isPending ? "2026-01-02 00:00:00.000000" : null,
    );
    location.run(idOf(place), uriOf(folder, place), deleted, isPending ? "pending_delete" : "active");
  }
  for (let n = 0; n < PENDING; n += 2) {
    location.run(idOf(n), uriOf(folder, LOCATIONS - PENDING + n), 0, "active");
  }
  db.exec("COMMIT");
  return registryPlugin.open(options, contextOf("registry"));
}

async function validated(options: unknown): Promise<Parameters<typeof storePlugin.open>[0]> {
  const result = await storePlugin.options["~standard"].validate(options);
  if (result.issues !== undefined) throw new TypeError(result.issues.map(({ message }) => message).join("; "));
  return result.value;
}

function contextOf(id: string): Context {
  const silent = (): void => {};
  return {
    id,
    log: { debug: silent, info: silent, warn: silent, error: silent },
    now: () => new Date(),
    resolvePath: (given) => given,
    cipher: undefined,
  };
}

/** Tells the longest time that a timer had to wait. */
function watchStalls(): { stop(): number } {
  let longest = 0;
  let last = performance.now();
  const timer = setInterval(() => {
    const now = performance.now();
    longest = Math.max(longest, now - last);
    last = now;
  }, 1);
  return {
    stop() {
      clearInterval(timer);
      return longest;
    },
  };
}

async function secondsOf(work: () => unknown): Promise<number> {
  const began = performance.now();
  await work();
  return (performance.now() - began) / 1000;
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}
