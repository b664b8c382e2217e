import type { Cipher, LeasedEntry, LeaseRef, LeaseRequest } from "@scrubber/core";
import type { Database, Statement } from "./database.ts";
import type { DueOrder } from "./due-order.ts";
import { STATE } from "./schema.ts";
import { readLocation } from "./stored-location.ts";
import type { Totals } from "./totals.ts";

/** How many entries whose pause, or whose lease, is over one call makes ready again, at most: it bounds the longest transaction. Where more come back at once, the rest follows with the next call. */
const MOST_AWAKENED = 20_000;

/** id, image_id, uri, details, requested_at, own_due, due_base, attempts */
/** Read by index: to take it apart goes through an iterator, which is the greater part of a row's garbage. */
type LeasedRow = readonly [
  id: number,
  imageId: string,
  uri: string | Uint8Array,
  details: string | null,
  requestedAt: number,
  ownDue: number,
  dueBase: number,
  attempts: number,
];

const DUE_BY_DELAY = { dueByDelay: true } as const;

/** Hands entries out, and prolongs what is handed out; within a transaction. */
export class Leases {
  readonly #order: DueOrder;
  readonly #delayMs: number;
  readonly #cipher: Cipher | undefined;
  readonly #expired: Statement<readonly [number]>;
  readonly #end: Statement;
  readonly #firstUntil: Statement<readonly [number | null]>;
  readonly #paused: Statement<readonly [number]>;
  readonly #makeReady: Statement;
  readonly #free: Statement<readonly [number, number, string | null]>;
  readonly #rows: Statement<LeasedRow>;
  readonly #lease: Statement;
  readonly #renew: Statement;

  constructor(database: Database, order: DueOrder, delayMs: number, cipher: Cipher | undefined) {
    this.#order = order;
    this.#delayMs = delayMs;
    this.#cipher = cipher;
    const these = "id IN (SELECT value FROM json_each(?1))";
    this.#expired = database.prepare("SELECT id FROM leases WHERE until <= ? LIMIT ?");
    this.#end = database.prepare(`UPDATE leases SET until = NULL WHERE ${these}`);
    this.#firstUntil = database.prepare("SELECT min(until) FROM leases");
    this.#paused = database.prepare(
      "SELECT id FROM entries WHERE lane = ? AND visible_at <= ? ORDER BY visible_at LIMIT ?",
    );
    this.#makeReady = database.prepare(
      `UPDATE entries SET state = ${STATE.ready}, visible_at = NULL WHERE ${these} AND state <> ${STATE.ready}`,
    );
    this.#free = database.prepare(
      `SELECT id, state, error FROM entries WHERE ${these} AND NOT EXISTS (SELECT 1 FROM leases WHERE leases.id = entries.id AND until > ?2)
       ORDER BY due_base + (1 - own_due) * ?3, id LIMIT ?4`,
    );
    this.#rows = database.prepare(
      `SELECT id, image_id, uri, details, requested_at, own_due, due_base, attempts FROM entries WHERE ${these}`,
    );
    this.#lease = database.prepare(
      "INSERT OR REPLACE INTO leases (id, token, until) SELECT value, ?2, ?3 FROM json_each(?1)",
    );
    this.#renew = database.prepare("UPDATE leases SET until = ? WHERE id = ? AND token = ? AND until > ?");
  }

  /** Oldest due first. */
  lease({ limit, leaseMs, exceptLanes }: LeaseRequest, now: number, totals: Totals): readonly LeasedEntry[] {
    this.#returnExpired(now, totals);
    this.#awakenPaused(now, exceptLanes);
    return this.#hand(this.#order.take(now, limit, exceptLanes), now + leaseMs, totals);
  }

  /** Those of one image, whose ids these are: due or not, paused or not, set aside or not, but not those that are leased. */
  leaseThese(
    ids: readonly number[],
    { limit, leaseMs }: LeaseRequest,
    now: number,
    totals: Totals,
  ): readonly LeasedEntry[] {
    const rows = this.#free.all(JSON.stringify(ids), now, this.#delayMs, limit);
    const setAside = new Map<number, string>();
    for (const [id, state, error] of rows) if (state === STATE.setAside) setAside.set(id, error ?? "");
    totals.setAside -= setAside.size;
    totals.active += setAside.size;
    const free = rows.map(([id]) => id);
    const json = JSON.stringify(free);
    this.#order.unfile(json);
    this.#makeReady.run(json);
    return this.#hand(free, now + leaseMs, totals, setAside);
  }

  renew(leases: readonly LeaseRef[], leaseMs: number, now: number, totals: Totals): readonly boolean[] {
    const until = now + leaseMs;
    const renewed = leases.map(({ id, token }) => this.#renew.run(until, Number(id), Number(token), now) === 1);
    if (renewed.includes(true)) totals.firstUntil = Math.min(totals.firstUntil ?? until, until);
    return renewed;
  }

  /** What is leased no longer is due again. Whoever held it can still settle it, until somebody else gets it. */
  #returnExpired(now: number, totals: Totals): void {
    if (totals.firstUntil === null || totals.firstUntil > now) return;
    const ids = JSON.stringify(this.#expired.all(now, MOST_AWAKENED).map(([id]) => id));
    this.#end.run(ids);
    this.#order.file(ids);
    totals.firstUntil = this.#firstUntil.get()?.[0] ?? null;
  }

  #awakenPaused(now: number, exceptLanes: ReadonlySet<string> | undefined): void {
    let left = MOST_AWAKENED;
    for (const lane of this.#order.lanes(STATE.paused)) {
      if (exceptLanes?.has(lane) === true) continue;
      const awake = this.#paused.all(lane, now, left);
      if (awake.length === 0) continue;
      left -= awake.length;
      const ids = JSON.stringify(awake.map(([id]) => id));
      this.#order.unfile(ids);
      this.#makeReady.run(ids);
      this.#order.file(ids);
    }
  }

  #hand(
    ids: readonly number[],
    until: number,
    totals: Totals,
    setAside?: ReadonlyMap<number, string>,
  ): readonly LeasedEntry[] {
    if (ids.length === 0) return [];
    const token = ++totals.lastToken;
    totals.firstUntil = Math.min(totals.firstUntil ?? until, until);
    const json = JSON.stringify(ids);
    this.#lease.run(json, token, until);
    const tokenText = String(token);
    return inOrder(this.#rows.all(json), ids).map((row) => this.#leasedEntry(row, tokenText, setAside?.get(row[0])));
  }

  #leasedEntry(row: LeasedRow, token: string, setAside: string | undefined): LeasedEntry {
    const ownDue = row[5] === 1;
    const dueBase = row[6];
    const entry = {
      id: String(row[0]),
      token,
      imageId: row[1],
      requestedAt: new Date(row[4]),
      dueAt: new Date(ownDue ? dueBase : dueBase + this.#delayMs),
      ...(ownDue ? undefined : DUE_BY_DELAY),
      attempts: row[7],
      ...readLocation({ uri: row[2], details: row[3] }, this.#cipher),
    };
    return setAside === undefined ? entry : { ...entry, setAside };
  }
}

/** Rows come by id. That is nearly always the order in which they are due. */
function inOrder(rows: readonly LeasedRow[], ids: readonly number[]): readonly LeasedRow[] {
  if (rows.every((row, i) => row[0] === ids[i])) return rows;
  const byId = new Map<number, LeasedRow>();
  for (const row of rows) byId.set(row[0], row);
  return ids.map((id) => byId.get(id)).filter((row) => row !== undefined);
}
