import type {
  Image,
  ImageLocation,
  Liveness,
  LocationRef,
  Page,
  PendingLocation,
  PendingPage,
  Reference,
} from "@scrubber/core";
import type { Database, Session } from "./database.ts";
import { instantReader, writeInstant } from "./instants.ts";
import { livenessOf, type LocationCodec, type LocationColumns } from "./rows.ts";
import { among, imageOrder, imagePlace, instant, literal, sql, type Sql } from "./sql.ts";

/**
 * How many rows one statement looks at, at most. Neither `status` column has an index, so what is pending is found by a scan in the order of the primary
 * key; in pieces, so that no statement runs long, nor, on SQLite, holds up the process.
 */
const SCAN_ROWS = 50_000;
const REFERENCES_PAGE = 2000;
/** PostgreSQL refuses to compare its integer with anything greater. */
const GREATEST_INTEGER = 2 ** 31 - 1;

type ImageRow = readonly [id: string, status: string, deletedAt: string | null];
type LocationRow = readonly [id: number, imageId: string, ...LocationColumns, status: string, deletedAt: string | null];

/**
 * Whether an image was made active again without its locations: Glance's own `--restore` leaves them pending, and `deleted_at` set. Their data is the
 * image's only data, so they count as live. Whoever removes a single location of an active image leaves the image's `deleted_at` NULL.
 */
export function isHollow(status: string, deletedAt: unknown): boolean {
  return deletedAt !== null && livenessOf(status) === "live";
}

/** What Glance calls images that have data. */
const HAS_DATA: ReadonlySet<string> = new Set(["active", "deactivated"]);

/** The contrary of {@link isHollow} for an image `i`. */
const IS_NOT_HOLLOW = sql`(i.deleted_at IS NULL OR i.status IN ('pending_delete', 'deleted'))`;

/**
 * `Registry.images`: two statements, whatever the number of images.
 *
 * No transaction holds them together, and no wrong decision follows, as long as the images are read first. What is restored in between shows live locations: kept. What is
 * deleted in between shows pending locations with a `deleted_at` of their own that is younger than the request that is judged: held. The other way round, an image
 * that is restored in between would look like a live one of which single locations had been removed. Glance itself marks locations before their image, in
 * transactions of their own, so one view of both would not tell more.
 */
export async function readImages(
  database: Database,
  codec: LocationCodec,
  clock: () => Date,
  ids: readonly string[],
): Promise<ReadonlyMap<string, Image>> {
  const [images, locations] = await database.read(async (session) => [
    await session.all<ImageRow>(sql`SELECT id, status, deleted_at FROM images WHERE id ${among(ids)}`),
    await session.all<LocationRow>(
      sql`SELECT id, image_id, value, meta_data, status, deleted_at FROM image_locations WHERE image_id ${among(ids)} ORDER BY id`,
    ),
  ]);
  const found = new Map<string, Image & { readonly locations: ImageLocation[] }>();
  const hollow = new Set<string>();
  // Glance removes no last location of an image that has data. Where none is live, a person made the image active and forgot them.
  const lacking = new Set<string>();
  const instantOf = instantReader(database.wholeSeconds, clock());
  // By index: an array that is taken apart goes through an iterator, which is the greater part of the garbage of a row.
  for (const image of images) {
    const id = image[0];
    const nativeStatus = image[1];
    const at = image[2];
    const status = livenessOf(nativeStatus);
    if (isHollow(nativeStatus, at)) hollow.add(id);
    else if (HAS_DATA.has(nativeStatus)) lacking.add(id);
    const deletedAt = status === "live" ? undefined : instantOf(at);
    const read = { id, status, nativeStatus, locations: [] };
    found.set(id, deletedAt === undefined ? read : { ...read, deletedAt });
  }
  if (lacking.size > 0) {
    for (const row of locations) if (livenessOf(row[4]) === "live") lacking.delete(row[1]);
    for (const id of lacking) hollow.add(id);
  }
  for (const row of locations) {
    const ref = row[0];
    const imageId = row[1];
    const own = livenessOf(row[4]);
    const status = own === "pending" && hollow.has(imageId) ? "live" : own;
    const deletedAt = status === "pending" ? instantOf(row[5]) : undefined;
    const stored = codec.read(row[2], row[3]);
    const location = deletedAt === undefined ? { ...stored, ref, status } : { ...stored, ref, status, deletedAt };
    found.get(imageId)?.locations.push(location);
  }
  return found;
}

/**
 * `Registry.pendingLocations`. The cursor is `l:` and the last location row seen; after the last row, `i:` and the last image seen that is pending and
 * has no pending row.
 */
export async function readPending(
  database: Database,
  codec: LocationCodec,
  clock: () => Date,
  page: PendingPage,
): Promise<Page<PendingLocation>> {
  const place = /^([li]):(.*)$/s.exec(page.after ?? "l:0");
  if (place === null) throw new TypeError("the cursor is none of this registry's");
  const [, phase, after = ""] = place;
  const instantOf = instantReader(database.wholeSeconds, clock());
  const requestedAt = (text: string | null): Date => instantOf(text) ?? clock();
  return await database.read((session) =>
    phase === "l"
      ? pendingRows(session, codec, requestedAt, Number(after), page)
      : pendingWithoutRows(session, requestedAt, after, page),
  );
}

/** A condition: this time, or none, is no reason to leave a row out. What is kept in whole seconds may have been up to a second later. */
function isWanted(time: Sql, known: PendingPage["known"]): Sql {
  if (known === undefined) return sql`TRUE`;
  const before = new Date(Math.floor(known.before.getTime() / 1000) * 1000 - 1);
  const at = instant(time);
  return sql`COALESCE(NOT (${at} > ${writeInstant(known.after)} AND ${at} < ${writeInstant(before)}), TRUE)`;
}

async function pendingRows(
  session: Session,
  codec: LocationCodec,
  requestedAt: (text: string | null) => Date,
  after: number,
  { limit, known }: PendingPage,
): Promise<Page<PendingLocation>> {
  const end = scanEnd(after);
  const askedAt = sql`COALESCE(l.deleted_at, i.deleted_at, l.updated_at, i.updated_at)`;
  // The location's own time is looked at first: so most of what is left out costs no look at its image.
  type PendingRow = readonly [
    id: number,
    imageId: string,
    ...LocationColumns,
    imageStatus: string,
    askedAt: string | null,
  ];
  const rows = await session.all<PendingRow>(sql`
    SELECT l.id, l.image_id, l.value, l.meta_data, i.status, ${askedAt}
    FROM image_locations l JOIN images i ON i.id = l.image_id
    WHERE l.id > ${after} AND l.id <= ${end} AND l.status = 'pending_delete' AND ${IS_NOT_HOLLOW}
      AND ${isWanted(sql`l.deleted_at`, known)} AND ${isWanted(askedAt, known)}
    ORDER BY l.id LIMIT ${literal(limit)}`);
  const items = rows.map((row) => ({
    ...codec.read(row[2], row[3]),
    imageId: row[1],
    imageStatus: livenessOf(row[4]),
    requestedAt: requestedAt(row[5]),
    ref: row[0],
  }));
  const last = rows.at(-1);
  if (last !== undefined && rows.length === limit) return { items, next: `l:${last[0]}` };
  const onward = await firstBeyond(session, end);
  return { items, next: onward === undefined ? "i:" : `l:${onward - 1}` };
}

async function pendingWithoutRows(
  session: Session,
  requestedAt: (text: string | null) => Date,
  after: string,
  { limit, known }: PendingPage,
): Promise<Page<PendingLocation>> {
  const askedAt = sql`COALESCE(deleted_at, updated_at)`;
  const [end] = await session.all<readonly [place: string | number]>(sql`
    SELECT ${imageOrder} FROM images WHERE ${imageOrder} > ${imagePlace(after)}
    ORDER BY ${imageOrder} LIMIT 1 OFFSET ${literal(SCAN_ROWS - 1)}`);
  const rows = await session.all<readonly [place: string | number, id: string, askedAt: string | null]>(sql`
    SELECT ${imageOrder}, id, ${askedAt} FROM images
    WHERE ${imageOrder} > ${imagePlace(after)}
      ${end === undefined ? sql`` : sql`AND ${imageOrder} <= ${imagePlace(String(end[0]))}`}
      AND status = 'pending_delete' AND ${isWanted(askedAt, known)}
      AND NOT EXISTS (SELECT 1 FROM image_locations l WHERE l.image_id = images.id AND l.status = 'pending_delete')
    ORDER BY ${imageOrder} LIMIT ${literal(limit)}`);
  const items = rows.map(([, imageId, at]) => ({
    imageId,
    imageStatus: "pending" as Liveness,
    requestedAt: requestedAt(at),
    none: true as const,
  }));
  const last = rows.at(-1);
  const [next] = last !== undefined && rows.length === limit ? last : (end ?? []);
  return next === undefined ? { items } : { items, next: `i:${next}` };
}

/** `Registry.references`. */
export async function* readReferences(
  database: Database,
  codec: LocationCodec,
  after: LocationRef,
): AsyncGenerator<readonly Reference[]> {
  let seen = after;
  for (;;) {
    const end = scanEnd(seen);
    const rows = await database.read((session) =>
      session.all<readonly [id: number, imageId: string, ...LocationColumns]>(sql`
        SELECT id, image_id, value, meta_data FROM image_locations
        WHERE id > ${seen} AND id <= ${end} AND status <> 'deleted'
        ORDER BY id LIMIT ${literal(REFERENCES_PAGE)}`),
    );
    if (rows.length > 0) yield rows.map((row) => ({ ...codec.readName(row[2], row[3]), ref: row[0], imageId: row[1] }));
    const last = rows.at(-1);
    if (last !== undefined && rows.length === REFERENCES_PAGE) {
      [seen] = last;
      continue;
    }
    const onward = await database.read((session) => firstBeyond(session, end));
    if (onward === undefined) return;
    seen = onward - 1;
  }
}

function scanEnd(after: number): number {
  return after < GREATEST_INTEGER ? Math.min(after + SCAN_ROWS, GREATEST_INTEGER) : after + SCAN_ROWS;
}

async function firstBeyond(session: Session, id: number): Promise<number | undefined> {
  const [row] = await session.all<readonly [id: number]>(
    sql`SELECT id FROM image_locations WHERE id > ${id} ORDER BY id LIMIT 1`,
  );
  return row?.[0];
}
