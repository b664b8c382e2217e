import type { Deletion, RecordResult, StoredLocation } from "@scrubber/core";
import { storeIdOf } from "@scrubber/core";
import type { Database, Session } from "./database.ts";
import { isHollow } from "./listing.ts";
import { livenessOf, type LocationCodec, type LocationColumns } from "./rows.ts";
import { among, imageOrder, lock, now, sql, type Sql } from "./sql.ts";

/** How many images or locations are told of by one statement. */
const AT_ONCE = 1000;

interface ImageRow {
  readonly id: string;
  /** Its place in the order in which images are stored. */
  readonly place: string | number;
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
    for (const some of inParts(ids)) await recordSome(session, codec, wanted, some, results);
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
    sql`SELECT id, ${imageOrder} AS place, status, deleted, deleted_at FROM images WHERE id ${among(ids)} ORDER BY id${lock}`,
  );
  const byId = new Map(images.map((image) => [image.id, image]));
  const gone: LeftRow[] = [];
  const matchers = new Map<string, ReturnType<typeof matcher>>();
  for (const row of await rowsNamed(session, wanted, ids)) {
    const image = byId.get(row.image_id);
    const locations = wanted.get(row.image_id);
    if (image === undefined || locations === undefined || row.status !== "pending_delete" || isHollow(image)) continue;
    const isGone = matchers.get(row.image_id) ?? matcher(locations, codec);
    if (locations.length > 1) matchers.set(row.image_id, isGone);
    if (isGone(row)) gone.push(row);
  }
  for (const rows of inParts(gone)) {
    await session.run(sql`
      UPDATE image_locations SET status = 'deleted', updated_at = ${now}, deleted_at = ${now}
      WHERE id ${among(rows.map(({ id }) => id))} AND status = 'pending_delete'`);
    await markDeleted(session, sql`image_locations`, rows);
  }

  const pending: ImageRow[] = [];
  for (const id of ids) {
    const image = byId.get(id);
    const liveness = image === undefined ? "missing" : livenessOf(image.status);
    if (image !== undefined && liveness === "pending") pending.push(image);
    results.set(id, BEFORE[liveness]);
  }
  const recorded = await recordImages(session, pending);
  await markDeleted(session, sql`images`, recorded);
  for (const { id } of recorded) results.set(id, "recorded");
}

/** The rows that these deletions are about: by their own ids, which is the quickest way; where a location has none, all that are left of the images. */
async function rowsNamed(
  session: Session,
  wanted: ReadonlyMap<string, Deletion["locations"]>,
  ids: readonly string[],
): Promise<readonly LeftRow[]> {
  const refs: number[] = [];
  for (const id of ids) {
    for (const { ref } of wanted.get(id) ?? []) {
      // The columns that name an object are long, and not needed where ids do.
      if (ref === undefined) {
        return session.all<LeftRow>(sql`
          SELECT id, image_id, status, deleted, value, meta_data FROM image_locations
          WHERE image_id ${among(ids)} AND status <> 'deleted'`);
      }
      refs.push(ref);
    }
  }
  const rows: LeftRow[] = [];
  for (const some of inParts(refs)) {
    const found = await session.all<LeftRow>(
      sql`SELECT id, image_id, status, deleted FROM image_locations WHERE id ${among(some)} AND status <> 'deleted'`,
    );
    rows.push(...found);
  }
  return rows;
}

/** Marks those of these pending images that have no location left. Resolves with them. */
async function recordImages(session: Session, pending: readonly ImageRow[]): Promise<readonly ImageRow[]> {
  if (pending.length === 0) return [];
  // In the order in which they are stored: to update them in the order of their random ids would take twice as long.
  const recorded = await session.run(sql`
    UPDATE images SET status = 'deleted', updated_at = ${now}
    WHERE ${imageOrder} ${among(pending.map(({ place }) => place))} AND status = 'pending_delete'
      AND NOT EXISTS (SELECT 1 FROM image_locations l WHERE l.image_id = images.id AND l.status <> 'deleted')`);
  if (recorded === pending.length) return pending;
  const ids = pending.map(({ id }) => id);
  const deleted = await session.all<{ id: string }>(
    sql`SELECT id FROM images WHERE id ${among(ids)} AND status = 'deleted'`,
  );
  const known = new Set(deleted.map(({ id }) => id));
  return pending.filter(({ id }) => known.has(id));
}

function* inParts<T>(all: readonly T[]): Generator<readonly T[]> {
  for (let first = 0; first < all.length; first += AT_ONCE) yield all.slice(first, first + AT_ONCE);
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
  const [only] = locations;
  if (locations.length === 1 && only?.ref !== undefined) return ({ id }) => id === only.ref;
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
