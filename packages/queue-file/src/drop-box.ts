import { randomBytes } from "node:crypto";
import { existsSync, opendirSync, renameSync, unlinkSync } from "node:fs";
import { join } from "node:path";
import { setImmediate } from "node:timers/promises";
import type { Cipher, Logger, NewEntry } from "@scrubber/core";
import { NEW_CLAIM, withProblem, type Claim, type Claims } from "./claims.ts";
import { syncFolder } from "./directory.ts";
import { errorCode, openRecordFile, refusal } from "./drop-file.ts";
import type { Layout } from "./layout.ts";
import { quarantine, quarantined } from "./quarantine.ts";
import { queueError } from "./sqlite-errors.ts";
import type { Totals, TotalsTable } from "./totals.ts";

/** Files that are claimed together, and records that are committed together: others get their turn in between. */
const FILES = 500;
const RECORDS = 1000;

/** The most bytes that a name may have, so that what is put before and behind it fits as well. */
const LONGEST_NAME = 220;

/** What a drop box works with. */
export interface DropBoxParts {
  readonly layout: Layout;
  readonly totals: TotalsTable;
  readonly claims: Claims;
  readonly cipher: Cipher | undefined;
  readonly log: Logger;
  /** Takes an entry into the queue, within a transaction. Throws what `Queue.add` would reject with. */
  readonly add: (entry: NewEntry, now: number, totals: Totals) => void;
  readonly now: () => number;
}

/**
 * Takes in what other programs drop into `incoming/`.
 *
 * A file goes from `incoming/` to `claimed/`, its records and the claim on it are committed together, and then it is unlinked, or kept in `quarantine/`. Every rename and unlink
 * is durable before the next step, so a crash anywhere is resumed by whoever comes next, and nothing is taken in twice. Several processes may do this at once:
 * the database lets one at a time commit, and the other then finds the claim.
 */
export class DropBox {
  readonly #parts: DropBoxParts;
  #isResumed = false;
  #running: Promise<void> = Promise.resolve();
  /** Files that are gone for good, and whose claims can go too. */
  #gone: string[] = [];

  constructor(parts: DropBoxParts) {
    this.#parts = parts;
  }

  /** Takes in everything that was there when this was called. */
  async takeIn(): Promise<void> {
    // What runs already may have passed what has come since.
    const turn = this.#running.then(() => this.#takeInAll());
    this.#running = turn.catch(() => {});
    try {
      await turn;
    } catch (error) {
      throw queueError(error, this.#parts.layout.directory);
    }
  }

  /** How many files were put away since they could not be read whole, and still are. */
  quarantined(): number {
    try {
      return quarantined(this.#parts.layout);
    } catch (error) {
      throw queueError(error, this.#parts.layout.directory);
    }
  }

  async #takeInAll(): Promise<void> {
    const { incoming, claimed } = this.#parts.layout;
    if (!this.#isResumed) await this.#resume();
    for (;;) {
      const fresh = namesIn(incoming);
      if (fresh.length > 0) this.#claim(fresh);
      // Also what another process has claimed: it may have died since.
      const names = namesIn(claimed);
      if (names.length === 0) break;
      // oxlint-disable-next-line no-await-in-loop -- one after the other, so that memory is bounded
      await this.#takeInFiles(names);
    }
    if (this.#gone.length > 0) await this.#write(() => {});
  }

  /** Forgets the claims on files that were gone before a crash could be. */
  async #resume(): Promise<void> {
    const { layout, totals, claims } = this.#parts;
    const names = await totals.write(() => claims.finished());
    const gone = names.filter((name) => !existsSync(join(layout.claimed, name)));
    if (gone.length > 0) syncFolder(layout.claimed);
    this.#gone.push(...gone);
    this.#isResumed = true;
  }

  #claim(names: readonly string[]): void {
    const { incoming, claimed } = this.#parts.layout;
    const batch = randomBytes(6).toString("hex");
    names.forEach((name, i) => {
      const kept = Buffer.byteLength(name) > LONGEST_NAME ? "" : name;
      // ENOENT: somebody else was faster.
      unlessMissing(() => renameSync(join(incoming, name), join(claimed, `${batch}-${i}~${kept}`)));
    });
    syncFolder(incoming);
    syncFolder(claimed);
  }

  async #takeInFiles(names: readonly string[]): Promise<void> {
    let left = names;
    while (left.length > 0) {
      // oxlint-disable-next-line no-await-in-loop -- several transactions on purpose
      const done = await this.#write((totals) => this.#takeInSome(left, totals));
      left = left.slice(done.length);
      this.#putAway(done);
      // oxlint-disable-next-line no-await-in-loop -- the rest of the process gets its turn
      await setImmediate();
    }
  }

  /** Takes in records until there are enough for one transaction. Returns the claims of the files that are finished: the first ones of `names`. */
  #takeInSome(names: readonly string[], totals: Totals): readonly (readonly [string, Claim])[] {
    const done: (readonly [string, Claim])[] = [];
    const budget = { records: RECORDS };
    for (const name of names) {
      const before = this.#parts.claims.get(name);
      const claim = before.finished ? before : this.#takeInFile(name, before, budget, totals);
      if (claim !== undefined && claim !== before) this.#parts.claims.put(name, claim);
      if (claim?.finished === false) break;
      done.push([name, claim ?? NEW_CLAIM]);
      if (budget.records <= 0) break;
    }
    return done;
  }

  /** Undefined: it is not there any more, so somebody else has finished it. */
  #takeInFile(name: string, before: Claim, budget: { records: number }, totals: Totals): Claim | undefined {
    const { layout, cipher, add, now } = this.#parts;
    budget.records--;
    const opened = openRecordFile(join(layout.claimed, name), name.slice(name.indexOf("~") + 1), cipher);
    if (opened === undefined) return undefined;
    if (typeof opened === "string") return { ...withProblem(before, opened), finished: true };
    using file = opened;
    const at = now();
    const requestedAt = new Date(Math.min(at, file.modifiedAt));
    let claim = before;
    for (const { entry, problem, line, end: position, lines } of file.records(before)) {
      const refused = entry === undefined ? problem : attempt(() => add({ requestedAt, ...entry }, at, totals));
      claim = refused === undefined ? claim : withProblem(claim, `line ${line}: ${refused}`);
      claim = { ...claim, position, lines };
      if (--budget.records <= 0) return claim;
    }
    return { ...claim, finished: true };
  }

  /** Unlinks what was taken in whole, and keeps the rest; durable when it returns. */
  #putAway(done: readonly (readonly [string, Claim])[]): void {
    if (done.length === 0) return;
    const { layout, log } = this.#parts;
    let kept = 0;
    for (const [name, claim] of done) {
      if (claim.problemCount === 0) {
        unlessMissing(() => unlinkSync(join(layout.claimed, name)));
      } else {
        const path = quarantine(layout, name, claim);
        kept++;
        log.warn("a file of the drop box could not be read whole and is kept in quarantine", {
          file: path,
          problems: claim.problemCount,
          first: claim.problems[0],
        });
      }
      this.#gone.push(name);
    }
    if (kept > 0) syncFolder(layout.quarantine);
    syncFolder(layout.claimed);
  }

  /** A transaction, which also forgets the claims on files that are gone. */
  async #write<T>(work: (totals: Totals) => T): Promise<T> {
    const gone = this.#gone;
    const result = await this.#parts.totals.write((totals) => {
      this.#parts.claims.forget(gone);
      return work(totals);
    });
    this.#gone = this.#gone.slice(gone.length);
    return result;
  }
}

/** Some names in a folder: enough for one batch, so that a folder of millions is no burden. Leaves out what is still being written. */
function namesIn(path: string): readonly string[] {
  const names: string[] = [];
  const folder = opendirSync(path, { bufferSize: FILES });
  try {
    for (let entry = folder.readSync(); entry !== null && names.length < FILES; entry = folder.readSync()) {
      if (!entry.name.startsWith(".tmp-")) names.push(entry.name);
    }
  } finally {
    folder.closeSync();
  }
  return names;
}

function attempt(add: () => void): string | undefined {
  try {
    add();
    return undefined;
  } catch (error) {
    return refusal(error);
  }
}

function unlessMissing(work: () => void): void {
  try {
    work();
  } catch (error) {
    if (errorCode(error) !== "ENOENT") throw error;
  }
}
