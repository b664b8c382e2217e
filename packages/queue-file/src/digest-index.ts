import type { Database, Statement } from "./database.ts";
import type { Totals } from "./totals.ts";

/** Into how many ranges removed digests are sorted, by their first byte. */
const RANGES = 64;

/** Fewer removed digests than this are left alone. */
const FEW = 8192;

/**
 * From digests to entries.
 *
 * Digests are spread evenly over their index: to take out a thousand means to rewrite nearly a thousand pages of it, six times the work of all the rest. So they are only
 * noted as removed, and taken out later, many neighbours at a time. Whoever finds a digest must look whether its entry is there.
 */
export class DigestIndex {
  readonly #insert: Statement;
  readonly #find: Statement<readonly [number]>;
  readonly #point: Statement;
  readonly #ofImage: Statement<readonly [number]>;
  readonly #note: Statement;
  readonly #takeOut: Statement;
  readonly #forget: Statement;

  constructor(database: Database) {
    this.#insert = database.prepare("INSERT OR IGNORE INTO digests (digest, id) VALUES (?, ?)");
    this.#find = database.prepare("SELECT id FROM digests WHERE digest = ?");
    this.#point = database.prepare("UPDATE digests SET id = ? WHERE digest = ?");
    this.#ofImage = database.prepare(
      `SELECT entries.id FROM digests JOIN entries ON entries.id = digests.id
       WHERE digests.digest >= ? AND digests.digest < ? AND entries.image_id = ?`,
    );
    this.#note = database.prepare("INSERT INTO removed (range, id, digest) VALUES (?, ?, ?)");
    this.#takeOut = database.prepare(
      "DELETE FROM digests WHERE (digest, id) IN (SELECT digest, id FROM removed WHERE range = ?)",
    );
    this.#forget = database.prepare("DELETE FROM removed WHERE range = ?");
  }

  /** Adds a digest; false if it is there already. */
  add(digest: Uint8Array, id: number): boolean {
    return this.#insert.run(digest, id) === 1;
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

  /** Notes that an entry is gone. */
  remove(id: number, digest: Uint8Array, totals: Totals): void {
    this.#note.run(rangeOf(digest), id, digest);
    totals.removed++;
  }

  /** Takes out one range of removed digests, if a good part of all are removed ones. */
  tidy(totals: Totals): void {
    if (totals.removed < Math.max(FEW, (totals.active + totals.setAside) / 4)) return;
    const range = totals.nextRange;
    this.#takeOut.run(range);
    totals.removed -= this.#forget.run(range);
    totals.nextRange = (range + 1) % RANGES;
  }
}

function rangeOf(digest: Uint8Array): number {
  return Math.floor(((digest[0] ?? 0) * RANGES) / 256);
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
