import type { Cipher, LeasedEntry, LeaseRef, LeaseRequest } from "@scrubber/core";
import type { Database, Statement } from "./database.ts";
import { nextToken } from "./digest-index.ts";
import { DueOrder } from "./due-order.ts";
import { STATE } from "./schema.ts";
import { readLocation } from "./stored-location.ts";
import type { Totals } from "./totals.ts";

/** How many entries whose pause or lease is over one call makes ready again, at most: it bounds the longest transaction. Where more come back at once, the rest follows with the next call. */
const MOST_AWAKENED = 20_000;

/** id, image_id, uri, details, requested_at, own_due, due_base, attempts */
type LeasedRow = readonly [number, string, string | Uint8Array, string | null, number, number, number, number];

const DUE_BY_DELAY = { dueByDelay: true } as const;

/** Hands entries out, and prolongs what is handed out; within a transaction. */
export class Leases {
  readonly #order: DueOrder;
  readonly #delayMs: number;
  readonly #cipher: Cipher | undefined;
  readonly #lanes: Statement<readonly [string | null]>;
  readonly #awaken: Statement;
  readonly #free: Statement<readonly [number, number, string | null]>;
  readonly #rows: Statement<LeasedRow>;
  readonly #lease: Statement;
  readonly #renew: Statement;

  constructor(database: Database, order: DueOrder, delayMs: number, cipher: Cipher | undefined) {
    this.#order = order;
    this.#delayMs = delayMs;
    this.#cipher = cipher;
    this.#lanes = database.prepare(
      "SELECT min(lane) FROM entries WHERE state = ? AND lane > ? AND visible_at IS NOT NULL",
    );
    this.#awaken = database.prepare(
      `UPDATE entries SET state = ${STATE.ready}, visible_at = NULL WHERE id IN
       (SELECT id FROM entries WHERE state = ? AND lane = ? AND visible_at <= ? ORDER BY visible_at LIMIT ?)`,
    );
    this.#free = database.prepare(
      `SELECT id, state, error FROM entries WHERE id IN (SELECT value FROM json_each(?1))
       AND NOT (state = ${STATE.leased} AND visible_at > ?2)
       ORDER BY due_base + (1 - own_due) * ?3, id LIMIT ?4`,
    );
    // Two statements: RETURNING would keep every row in a table of its own first.
    this.#rows = database.prepare(
      `SELECT id, image_id, uri, details, requested_at, own_due, due_base, attempts FROM entries
       WHERE id IN (SELECT value FROM json_each(?))`,
    );
    this.#lease = database.prepare(
      `UPDATE entries SET state = ${STATE.leased}, visible_at = ?2, token = ?3 WHERE id IN (SELECT value FROM json_each(?1))`,
    );
    this.#renew = database.prepare(
      `UPDATE entries SET visible_at = ? WHERE id = ? AND token = ? AND state = ${STATE.leased} AND visible_at > ?`,
    );
  }

  /** Oldest due first. */
  lease({ limit, leaseMs, exceptLanes }: LeaseRequest, now: number, totals: Totals): readonly LeasedEntry[] {
    this.#awakenVisible(now, exceptLanes);
    return this.#hand(this.#order.ready(now, limit, exceptLanes), now + leaseMs, totals);
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
    return this.#hand(
      rows.map(([id]) => id),
      now + leaseMs,
      totals,
      setAside,
    );
  }

  renew(leases: readonly LeaseRef[], leaseMs: number, now: number): readonly boolean[] {
    return leases.map(({ id, token }) => this.#renew.run(now + leaseMs, Number(id), Number(token), now) === 1);
  }

  #awakenVisible(now: number, exceptLanes: ReadonlySet<string> | undefined): void {
    let left = MOST_AWAKENED;
    for (const state of [STATE.paused, STATE.leased]) {
      for (
        let lane: string | null | undefined = "";
        typeof lane === "string";
        lane = this.#lanes.get(state, lane)?.[0]
      ) {
        if (exceptLanes?.has(lane) !== true) left -= this.#awaken.run(state, lane, now, left);
      }
    }
  }

  #hand(
    ids: readonly number[],
    until: number,
    totals: Totals,
    setAside?: ReadonlyMap<number, string>,
  ): readonly LeasedEntry[] {
    if (ids.length === 0) return [];
    const token = nextToken(totals);
    const json = JSON.stringify(ids);
    const rows = this.#rows.all(json);
    this.#lease.run(json, until, token);
    const tokenText = String(token);
    return inOrder(rows, ids).map((row) => this.#leasedEntry(row, tokenText, setAside?.get(row[0])));
  }

  #leasedEntry(row: LeasedRow, token: string, setAside: string | undefined): LeasedEntry {
    const [id, imageId, uri, details, requestedAt, ownDue, dueBase, attempts] = row;
    const entry = {
      id: String(id),
      token,
      imageId,
      requestedAt: new Date(requestedAt),
      dueAt: new Date(ownDue === 1 ? dueBase : dueBase + this.#delayMs),
      ...(ownDue === 0 ? DUE_BY_DELAY : undefined),
      attempts,
      ...readLocation({ uri, details }, this.#cipher),
    };
    return setAside === undefined ? entry : { ...entry, setAside };
  }
}

/** Rows come by id. That is nearly always the order in which they are due. */
function inOrder(rows: readonly LeasedRow[], ids: readonly number[]): readonly LeasedRow[] {
  if (rows.every(([id], i) => id === ids[i])) return rows;
  const byId = new Map<number, LeasedRow>();
  for (const row of rows) byId.set(row[0], row);
  return ids.map((id) => byId.get(id)).filter((row) => row !== undefined);
}
