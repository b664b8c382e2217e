import { imageIdProblem, ScrubberError, type AddResult, type Cipher, type NewEntry } from "@scrubber/core";
import { repeated, TOGETHER, type Database, type Statement } from "./database.ts";
import type { Digester } from "./digest.ts";
import type { DigestIndex } from "./digest-index.ts";
import { STATE } from "./schema.ts";
import { mergeDetails, storeLocation, type StoredColumns } from "./stored-location.ts";
import type { Totals } from "./totals.ts";

/** A new entry, checked, digested and sealed: what can be done outside of a transaction. */
export interface PreparedEntry extends StoredColumns {
  readonly imageId: string;
  readonly digest: Uint8Array;
  readonly requestedAt: number;
  readonly ownDue: 0 | 1;
  readonly dueBase: number;
}

/** What is needed to prepare entries. */
export interface Preparation {
  readonly digester: Digester;
  readonly cipher: Cipher | undefined;
  /** The queue's now, in milliseconds. */
  readonly now: number;
}

/**
 * @throws {ScrubberError} `SCRUBBER_IMAGE_ID_INVALID`, `SCRUBBER_LOCATION_INVALID`
 */
export function prepareEntry(entry: NewEntry, { digester, cipher, now }: Preparation): PreparedEntry {
  const { imageId, location } = entry;
  const problem = imageIdProblem(imageId);
  if (problem !== undefined) {
    throw new ScrubberError("SCRUBBER_IMAGE_ID_INVALID", `an image id cannot be used: ${problem}`, {
      hint: "An image id has 1 to 255 bytes and no control characters.",
    });
  }
  const requestedAt = entry.requestedAt === undefined ? now : milliseconds(entry.requestedAt, "requestedAt");
  const { uri, details } = storeLocation(location, cipher);
  return {
    imageId,
    digest: digester.ofEntry(imageId, location),
    uri,
    details,
    requestedAt,
    ownDue: entry.dueAt === undefined ? 0 : 1,
    dueBase: entry.dueAt === undefined ? requestedAt : milliseconds(entry.dueAt, "dueAt"),
  };
}

/** @throws {TypeError} for an invalid date. */
export function milliseconds(date: Date, name: string): number {
  const ms = date.getTime();
  if (Number.isNaN(ms)) throw new TypeError(`${name} is an invalid date`);
  return ms;
}

/** id, requested_at, own_due, due_base, state, lane, details */
type MetRow = readonly [number, number, number, number, number, string, string | null];

/** Takes entries in, within a transaction. */
export class Additions {
  readonly #digests: DigestIndex;
  readonly #delayMs: number;
  readonly #insert: Statement;
  readonly #insertTogether: Statement;
  /** What goes in together; kept, for it would be the greater part of the garbage that adding makes. */
  readonly #values: (string | number | Uint8Array | null)[] = [];
  readonly #met: Statement<MetRow>;
  readonly #meet: Statement;
  readonly #move: Statement;
  readonly #fence: Statement;

  constructor(database: Database, digests: DigestIndex, delayMs: number) {
    this.#digests = digests;
    this.#delayMs = delayMs;
    const insert =
      "INSERT INTO entries (id, digest, image_id, uri, details, requested_at, own_due, due_base, state) VALUES";
    const row = `(?, ?, ?, ?, ?, ?, ?, ?, ${STATE.ready})`;
    this.#insert = database.prepare(`${insert} ${row}`);
    this.#insertTogether = database.prepare(`${insert} ${repeated(row, TOGETHER)}`);
    this.#met = database.prepare(
      "SELECT id, requested_at, own_due, due_base, state, lane, details FROM entries WHERE id = ?",
    );
    this.#meet = database.prepare(
      "UPDATE entries SET requested_at = ?, own_due = ?, due_base = ?, details = ? WHERE id = ?",
    );
    // Finds nothing where it is leased, or was added just now.
    this.#move = database.prepare(
      `UPDATE due SET own_due = ?, due_base = ? WHERE state = ? AND lane = ? AND own_due = ? AND due_base = ? AND id = ?`,
    );
    this.#fence = database.prepare("UPDATE leases SET token = NULL WHERE id = ?");
  }

  /** Takes in entries in their order. */
  addAll(entries: readonly PreparedEntry[], totals: Totals): readonly AddResult[] {
    const results: AddResult[] = [];
    for (let from = 0; from < entries.length; from += TOGETHER) {
      const some = entries.slice(from, from + TOGETHER);
      const isNew = some.length === TOGETHER && this.#addTogether(some, totals);
      for (const entry of some) results.push(isNew ? "added" : this.add(entry, totals));
    }
    return results;
  }

  /** Takes in {@link TOGETHER} entries if all of them are new; else does nothing. */
  #addTogether(entries: readonly PreparedEntry[], totals: Totals): boolean {
    if (!this.#digests.addTogether(entries, totals.lastId + 1)) return false;
    const values = this.#values;
    let at = 0;
    for (const { digest, imageId, uri, details, requestedAt, ownDue, dueBase } of entries) {
      values[at++] = ++totals.lastId;
      values[at++] = digest;
      values[at++] = imageId;
      values[at++] = uri;
      values[at++] = details;
      values[at++] = requestedAt;
      values[at++] = ownDue;
      values[at++] = dueBase;
    }
    this.#insertTogether.run(...values);
    totals.active += entries.length;
    return true;
  }

  add(entry: PreparedEntry, totals: Totals): AddResult {
    const id = totals.lastId + 1;
    if (!this.#digests.add(entry.digest, id)) {
      const met = this.#met.get(this.#digests.find(entry.digest) ?? 0);
      if (met !== undefined) return this.#meetEntry(met, entry);
      this.#digests.point(entry.digest, id);
    }
    const { digest, imageId, uri, details, requestedAt, ownDue, dueBase } = entry;
    this.#insert.run(id, digest, imageId, uri, details, requestedAt, ownDue, dueBase);
    totals.lastId = id;
    totals.active++;
    return "added";
  }

  #meetEntry([id, requestedAt, ownDue, dueBase, state, lane, details]: MetRow, entry: PreparedEntry): AddResult {
    if (state === STATE.setAside) return "setAside";
    const isEarlier = this.#dueAt(entry.ownDue, entry.dueBase) < this.#dueAt(ownDue, dueBase);
    const due = isEarlier ? entry : { ownDue, dueBase };
    // A sweep knows less of a location than who recorded its identity.
    const known = mergeDetails(details, entry.details);
    this.#meet.run(Math.max(requestedAt, entry.requestedAt), due.ownDue, due.dueBase, known, id);
    if (isEarlier) this.#move.run(due.ownDue, due.dueBase, state, lane, ownDue, dueBase, id);
    // Whoever holds it, or held it last, can settle nothing any more: what was asked for anew is done anew.
    this.#fence.run(id);
    return "present";
  }

  #dueAt(ownDue: number, dueBase: number): number {
    return ownDue === 1 ? dueBase : dueBase + this.#delayMs;
  }
}
