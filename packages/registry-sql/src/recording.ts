import type { Deletion, RecordResult, StoredLocation } from "@scrubber/core";
import { storeIdOf } from "@scrubber/core";
import type { Database, Session } from "./database.ts";
import { isHollow } from "./listing.ts";
import { livenessOf, type LocationCodec, type LocationColumns } from "./rows.ts";
import { among, lock, now, sql, type Sql } from "./sql.ts";

/** How many images are told of by one statement. */
const IMAGES_AT_ONCE = 1000;

interface ImageRow {
  readonly id: string;
  readonly status: string;
  readonly deleted: unknown;
  readonly deleted_at: unknown;
}

/** The columns that name an object are there where they are needed. */
interface LeftRow extends LocationColumns {
  readonly id: number;
  readonly image_id: string;
  readonly status: string;
  readonly deleted: unknown;
}

/** The answer for an image as it is found; a pending one may come to be `recorded`. */
const BEFORE = { live: "active", pending: "incomplete", deleted: "recorded", missing: "missing" } as const;

/**
 * `Registry.recordDeleted`: four statements for a thousand images, in one transaction. The rows of the images are kept from changing first, so that no
 * restoring can come between; what is written says again what it expects to find.
 */
export async function recordDeleted(
  database: Database,
  codec: LocationCodec,
  deletions: readonly Deletion[],
): Promise<ReadonlyMap<string, RecordResult>> {
  if (deletions.length === 0) return new Map();
  const wanted = new Map<string, Deletion["locations"][number][]>();
  for (const { imageId, locations } of deletions) {
    const known = wanted.get(imageId);
    if (known === undefined) wanted.set(imageId, [...locations]);
    else known.push(...locations);
  }
  const ids = [...wanted.keys()].toSorted();
  return await database.write(async (session) => {
    const results = new Map<string, RecordResult>();
    for (let first = 0; first < ids.length; first += IMAGES_AT_ONCE) {
      await recordSome(session, codec, wanted, ids.slice(first, first + IMAGES_AT_ONCE), results);
    }
    return results;
  });
}

async function recordSome(
  session: Session,
  codec: LocationCodec,
  wanted: ReadonlyMap<string, Deletion["locations"]>,
  ids: readonly string[],
  results: Map<string, RecordResult>,
): Promise<void> {
  const images = await session.all<ImageRow>(
    sql`SELECT id, status, deleted, deleted_at FROM images WHERE id ${among(ids)} ORDER BY id${lock}`,
  );
  const byId = new Map(images.map((image) => [image.id, image]));
  // The columns that name an object are long, and not needed where ids do.
  const byName = ids.some((id) => wanted.get(id)?.some(({ ref }) => ref === undefined));
  const left = await session.all<LeftRow>(sql`
    SELECT id, image_id, status, deleted ${byName ? sql`, value, meta_data` : sql``} FROM image_locations
    WHERE image_id ${among(ids)} AND status <> 'deleted'`);

  const gone: LeftRow[] = [];
  const incomplete = new Set<string>();
  for (const [imageId, rows] of Map.groupBy(left, (row) => row.image_id)) {
    const image = byId.get(imageId);
    const locations = wanted.get(imageId);
    if (image === undefined || locations === undefined) continue;
    const isGone = matcher(locations, codec);
    const restored = isHollow(image);
    for (const row of rows) {
      if (row.status === "pending_delete" && !restored && isGone(row)) gone.push(row);
      else incomplete.add(imageId);
    }
  }
  for (let first = 0; first < gone.length; first += IMAGES_AT_ONCE) {
    const rows = gone.slice(first, first + IMAGES_AT_ONCE);
    await session.run(sql`
      UPDATE image_locations SET status = 'deleted', updated_at = ${now}, deleted_at = ${now}
      WHERE id ${among(rows.map(({ id }) => id))} AND status = 'pending_delete'`);
    await markDeleted(session, sql`image_locations`, rows);
  }

  const finished: string[] = [];
  for (const id of ids) {
    const status = byId.get(id)?.status;
    const liveness = status === undefined ? "missing" : livenessOf(status);
    if (liveness === "pending" && !incomplete.has(id)) finished.push(id);
    results.set(id, BEFORE[liveness]);
  }
  if (finished.length === 0) return;
  await markDeleted(
    session,
    sql`images`,
    finished.map((id) => byId.get(id)).filter((image) => image !== undefined),
  );
  const recorded = await session.run(sql`
    UPDATE images SET status = 'deleted', updated_at = ${now}
    WHERE id ${among(finished)} AND status = 'pending_delete'
      AND NOT EXISTS (SELECT 1 FROM image_locations l WHERE l.image_id = images.id AND l.status <> 'deleted')`);
  const deleted =
    recorded === finished.length
      ? finished
      : (
          await session.all<{ id: string }>(
            sql`SELECT id FROM images WHERE id ${among(finished)} AND status = 'deleted'`,
          )
        ).map(({ id }) => id);
  for (const id of deleted) results.set(id, "recorded");
}

/**
 * Sets the flag on rows that are pending without it: their application stopped half-way through deleting them. Written only where it is missing, for the
 * flag has an index.
 */
async function markDeleted(
  session: Session,
  table: Sql,
  rows: readonly { readonly id: string | number; readonly deleted: unknown }[],
): Promise<void> {
  const unmarked = rows.filter(({ deleted }) => !deleted).map(({ id }) => id);
  if (unmarked.length === 0) return;
  await session.run(
    sql`UPDATE ${table} SET deleted = TRUE, deleted_at = COALESCE(deleted_at, ${now}) WHERE id ${among(unmarked)}`,
  );
}

/** Tells whether a row is one of these locations: by its id, else by URI and store. */
function matcher(
  locations: Deletion["locations"],
  codec: LocationCodec,
): (row: LocationColumns & { readonly id: number }) => boolean {
  const refs = new Set<number>();
  const names = new Set<string>();
  for (const { ref, uri, store } of locations) {
    if (ref !== undefined) refs.add(ref);
    else if (uri !== undefined) names.add(nameOf(uri, store));
  }
  return (row) => refs.has(row.id) || (names.size > 0 && names.has(nameOfStored(codec.read(row))));
}

function nameOf(uri: string, store: string | undefined): string {
  return JSON.stringify([uri, store ?? null]);
}

function nameOfStored({ location }: StoredLocation): string {
  return location === undefined ? "" : nameOf(location.uri, storeIdOf(location));
}
