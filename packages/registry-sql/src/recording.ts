import type { Deletion, RecordResult, StoredLocation } from "@scrubber/core";
import { storeIdOf } from "@scrubber/core";
import type { Database, Session } from "./database.ts";
import { isHollow } from "./listing.ts";
import { livenessOf, type LocationCodec } from "./rows.ts";
import { among, imageOrder, lock, now, sql, type Sql } from "./sql.ts";

/** How many images or locations are told of by one statement. */
const AT_ONCE = 1000;

/** `place`: in the order in which images are stored. */
type ImageRow = readonly [
  id: string,
  place: string | number,
  status: string,
  deletedAt: string | null,
  deleted: unknown,
];

/** The columns that name an object are there where they are needed. */
type PendingRow = readonly [id: number, imageId: string, deleted: unknown, value?: string, metadata?: string | null];

/** What is gone of an image. */
type Gone = Deletion["locations"];

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
  const wanted = new Map<string, Gone>();
  deletions.forEach(({ imageId, locations }) => {
    const known = wanted.get(imageId);
    wanted.set(imageId, known === undefined ? locations : [...known, ...locations]);
  });
  // In one order whatever is recorded beside it, so that no two wait for each other.
  const ids = [...wanted.keys()].sort();
  return await database.write(async (session) => {
    const results = new Map<string, RecordResult>();
    for (const some of inParts(ids)) await recordSome(session, codec, wanted, some, results);
    return results;
  });
}

async function recordSome(
  session: Session,
  codec: LocationCodec,
  wanted: ReadonlyMap<string, Gone>,
  ids: readonly string[],
  results: Map<string, RecordResult>,
): Promise<void> {
  const images = await session.all<ImageRow>(
    sql`SELECT id, ${imageOrder}, status, deleted_at, deleted FROM images WHERE id ${among(ids)} ORDER BY id${lock}`,
  );
  const byId = new Map<string, ImageRow>();
  images.forEach((image) => byId.set(image[0], image));
  const gone: number[] = [];
  const unmarked: number[] = [];
  const matchers = new Map<string, ReturnType<typeof matcher>>();
  (await rowsNamed(session, wanted, ids)).forEach((row) => {
    const id = row[0];
    const imageId = row[1];
    const image = byId.get(imageId);
    const locations = wanted.get(imageId);
    if (image === undefined || locations === undefined || isHollow(image[2], image[3])) return;
    const isGone = matchers.get(imageId) ?? matcher(locations, codec);
    if (locations.length > 1) matchers.set(imageId, isGone);
    if (!isGone(row)) return;
    gone.push(id);
    if (!row[2]) unmarked.push(id);
  });
  for (const some of inParts(gone)) {
    await session.run(sql`
      UPDATE image_locations SET status = 'deleted', updated_at = ${now}, deleted_at = ${now}
      WHERE id ${among(some)} AND status = 'pending_delete'`);
  }
  await markDeleted(session, sql`image_locations`, unmarked);

  const pending: ImageRow[] = [];
  ids.forEach((id) => {
    const image = byId.get(id);
    const liveness = image === undefined ? "missing" : livenessOf(image[2]);
    if (image !== undefined && liveness === "pending") pending.push(image);
    results.set(id, BEFORE[liveness]);
  });
  const recorded = await recordImages(session, pending);
  const unfinished: string[] = [];
  recorded.forEach((image) => {
    results.set(image[0], "recorded");
    if (!image[4]) unfinished.push(image[0]);
  });
  await markDeleted(session, sql`images`, unfinished);
}

/** The rows that these deletions are about: by their own ids, which is the quickest way; where a location has none, all of the images that are pending. */
async function rowsNamed(
  session: Session,
  wanted: ReadonlyMap<string, Gone>,
  ids: readonly string[],
): Promise<readonly PendingRow[]> {
  const refs: number[] = [];
  for (const id of ids) {
    for (const { ref } of wanted.get(id) ?? []) {
      // The columns that name an object are long, and not needed where ids do.
      if (ref === undefined) {
        return session.all<PendingRow>(sql`
          SELECT id, image_id, deleted, value, meta_data FROM image_locations
          WHERE image_id ${among(ids)} AND status = 'pending_delete'`);
      }
      refs.push(ref);
    }
  }
  const rows: PendingRow[] = [];
  for (const some of inParts(refs)) {
    const found = await session.all<PendingRow>(
      sql`SELECT id, image_id, deleted FROM image_locations WHERE id ${among(some)} AND status = 'pending_delete'`,
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
    WHERE ${imageOrder} ${among(pending.map((image) => image[1]))} AND status = 'pending_delete'
      AND NOT EXISTS (SELECT 1 FROM image_locations l WHERE l.image_id = images.id AND l.status <> 'deleted')`);
  if (recorded === pending.length) return pending;
  const ids = pending.map(([id]) => id);
  const deleted = await session.all<readonly [id: string]>(
    sql`SELECT id FROM images WHERE id ${among(ids)} AND status = 'deleted'`,
  );
  const known = new Set(deleted.map(([id]) => id));
  return pending.filter(([id]) => known.has(id));
}

function* inParts<T>(all: readonly T[]): Generator<readonly T[]> {
  for (let first = 0; first < all.length; first += AT_ONCE) yield all.slice(first, first + AT_ONCE);
}

/**
 * Sets the flag on rows that were pending without it, if they are recorded as deleted by now: their application stopped half-way through deleting them.
 * Written only where it is missing, for the flag has an index.
 */
async function markDeleted(session: Session, table: Sql, unmarked: readonly (string | number)[]): Promise<void> {
  for (const ids of inParts(unmarked)) {
    await session.run(
      sql`UPDATE ${table} SET deleted = TRUE, deleted_at = COALESCE(deleted_at, ${now}) WHERE id ${among(ids)} AND status = 'deleted'`,
    );
  }
}

/** Tells whether a row is one of these locations: by its id, else by URI and store. */
function matcher(locations: Gone, codec: LocationCodec): (row: PendingRow) => boolean {
  const [only] = locations;
  if (locations.length === 1 && only?.ref !== undefined) return (row) => row[0] === only.ref;
  const refs = new Set<number>();
  const names = new Set<string>();
  for (const { ref, uri, store } of locations) {
    if (ref !== undefined) refs.add(ref);
    else if (uri !== undefined) names.add(nameOf(uri, store));
  }
  if (names.size === 0) return (row) => refs.has(row[0]);
  return ([id, , , value = "", metadata = null]) =>
    refs.has(id) || names.has(nameOfStored(codec.read(value, metadata)));
}

function nameOf(uri: string, store: string | undefined): string {
  return JSON.stringify([uri, store ?? null]);
}

function nameOfStored({ location }: StoredLocation): string {
  return location === undefined ? "" : nameOf(location.uri, storeIdOf(location));
}
