import { repeated, TOGETHER, type Database, type Statement } from "./database.ts";
import type { Totals } from "./totals.ts";

/** Removed digests are sorted into ranges by their first hexadecimal digit. */
const RANGES = 16;

/**
 * A digest is best taken out at once where the index is small, or where so many go together that each of its pages loses some: up to so many entries for each that goes, of which there
 * are at least {@link FEWEST} at a time.
 */
const ENTRIES_FOR_EACH = 40;
const FEWEST = 1000;

/**
 * From digests to entries.
 *
 * An entry that is deleted takes its digest along, by a trigger. But digests are spread evenly over their index: to take a thousand out of a large one means to rewrite nearly a
 * thousand pages of it, six times the work of all the rest. Then they are only noted as removed, and taken out later, many neighbours at a time. Whoever finds a digest must look
 * whether its entry is there.
 */
export class DigestIndex {
  readonly #insert: Statement;
  readonly #insertTogether: Statement;
  /** What goes in together; kept, for it would be the greater part of the garbage that adding makes. */
  readonly #values: (Uint8Array | number)[] = [];
  readonly #find: Statement<readonly [number]>;
  readonly #point: Statement;
  readonly #ofImage: Statement<readonly [number]>;
  readonly #setLate: Statement;
  readonly #removeLater: Statement;
  readonly #takeOut: Statement;
  readonly #forget: Statement;

  constructor(database: Database) {
    this.#insert = database.prepare("INSERT OR IGNORE INTO digests (digest, id) VALUES (?, ?)");
    this.#insertTogether = database.prepare(
      `INSERT OR IGNORE INTO digests (digest, id) VALUES ${repeated("(?, ?)", TOGETHER)}`,
    );
    this.#find = database.prepare("SELECT id FROM digests WHERE digest = ?");
    this.#point = database.prepare("UPDATE digests SET id = ? WHERE digest = ?");
    this.#ofImage = database.prepare(
      `SELECT entries.id FROM digests JOIN entries ON entries.id = digests.id
       WHERE digests.digest >= ? AND digests.digest < ? AND entries.image_id = ?`,
    );
    this.#setLate = database.prepare("UPDATE totals SET late = ?");
    this.#removeLater = database.prepare(
      `INSERT INTO removed (range, id, digest) SELECT substr(hex(substr(digest, 1, 1)), 1, 1), id, digest
       FROM entries WHERE id IN (SELECT value FROM json_each(?))`,
    );
    this.#takeOut = database.prepare(
      "DELETE FROM digests WHERE (digest, id) IN (SELECT digest, id FROM removed WHERE range = ?)",
    );
    this.#forget = database.prepare("DELETE FROM removed WHERE range = ?");
  }

  /** Adds a digest; false if it is there already. */
  add(digest: Uint8Array, id: number): boolean {
    return this.#insert.run(digest, id) === 1;
  }

  /**
   * Adds {@link TOGETHER} digests with ids that follow each other. False: one is there already, or twice among them. Then each has to be added alone; those that were new name ids
   * that are not in use, and are found to be so.
   */
  addTogether(entries: readonly { readonly digest: Uint8Array }[], firstId: number): boolean {
    const values = this.#values;
    let at = 0;
    let id = firstId;
    for (const { digest } of entries) {
      values[at++] = digest;
      values[at++] = id++;
    }
    return this.#insertTogether.run(...values) === entries.length;
  }

  /** The id that a digest names; its entry may be gone. */
  find(digest: Uint8Array): number | undefined {
    return this.#find.get(digest)?.[0];
  }

  /** Lets a digest name another entry than the one that is gone. */
  point(digest: Uint8Array, id: number): void {
    this.#point.run(id, digest);
  }

  /** The ids of an image's entries; all of them are there. `prefix`: of `Digester.ofImage`. */
  ofImage(imageId: string, prefix: Uint8Array): readonly number[] {
    return this.#ofImage.all(prefix, following(prefix), imageId).map(([id]) => id);
  }

  /** Before this many entries, at most, are deleted: decides, for the trigger too, whether their digests go at once. */
  expect(deletions: number, totals: Totals): void {
    const late = totals.active + totals.setAside > ENTRIES_FOR_EACH * Math.max(deletions, FEWEST) ? 1 : 0;
    if (late !== totals.late) this.#setLate.run(late);
    totals.late = late;
  }

  /** These entries (a JSON array of ids) are about to be deleted. */
  remove(ids: string, totals: Totals): void {
    if (totals.late === 1) totals.removed += this.#removeLater.run(ids);
  }

  /** Takes out one range of removed digests, if a good part of all are removed ones. */
  tidy(totals: Totals): void {
    if (totals.removed === 0 || totals.removed < (totals.active + totals.setAside) / 4) return;
    const range = totals.nextRange.toString(RANGES).toUpperCase();
    this.#takeOut.run(range);
    totals.removed -= this.#forget.run(range);
    totals.nextRange = (totals.nextRange + 1) % RANGES;
  }
}

/** The first value, in the order of blobs, that does not start with `prefix`: a longer one than any digest, where all its bytes are 255. */
function following(prefix: Uint8Array): Uint8Array {
  const next = Uint8Array.from(prefix);
  for (let i = next.length - 1; i >= 0; i--) {
    const byte = next[i] ?? 0;
    if (byte < 255) {
      next[i] = byte + 1;
      return next.subarray(0, i + 1);
    }
  }
  return new Uint8Array(32).fill(255);
}
