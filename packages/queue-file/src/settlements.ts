import type { Settlement, SettleResult } from "@scrubber/core";
import { milliseconds } from "./additions.ts";
import type { Database, Statement } from "./database.ts";
import type { DigestIndex } from "./digest-index.ts";
import { STATE } from "./schema.ts";
import type { Totals } from "./totals.ts";

/** Settlements that differ in nothing but the entry: one statement does them all. */
interface Group {
  readonly as: Settlement;
  readonly ids: number[];
}

/** Ends leases, and revives what is set aside; within a transaction. */
export class Settlements {
  readonly #digests: DigestIndex;
  readonly #delayMs: number;
  readonly #done: Statement<readonly [number]>;
  readonly #wait: Statement<readonly [number]>;
  readonly #setAside: Statement<readonly [number]>;
  readonly #revive: Statement;
  readonly #someSetAside: Statement<readonly [number]>;

  constructor(database: Database, digests: DigestIndex, delayMs: number) {
    this.#digests = digests;
    this.#delayMs = delayMs;
    this.#done = database.prepare(
      "DELETE FROM entries WHERE id IN (SELECT value FROM json_each(?)) AND token = ? RETURNING id",
    );
    // ?4 visible at, ?5 now, ?6 delay. What is visible before it is due waits for nothing but its due time.
    const awake = "?4 <= max(?5, due_base + (1 - own_due) * ?6)";
    const waits = `state = CASE WHEN ${awake} THEN ${STATE.ready} ELSE ${STATE.paused} END, visible_at = CASE WHEN ${awake} THEN NULL ELSE ?4 END`;
    this.#wait = database.prepare(
      `UPDATE entries SET ${waits}, token = NULL, lane = ?3, attempts = attempts + ?7, error = coalesce(?8, error)
       WHERE id IN (SELECT value FROM json_each(?1)) AND token = ?2 RETURNING id`,
    );
    this.#setAside = database.prepare(
      `UPDATE entries SET state = ${STATE.setAside}, visible_at = NULL, token = NULL, lane = '', error = ?3
       WHERE id IN (SELECT value FROM json_each(?1)) AND token = ?2 RETURNING id`,
    );
    this.#revive = database.prepare(
      `UPDATE entries SET ${waits}, lane = ?3, attempts = ?2
       WHERE id IN (SELECT value FROM json_each(?1)) AND state = ${STATE.setAside}`,
    );
    this.#someSetAside = database.prepare(`SELECT id FROM entries WHERE state = ${STATE.setAside} LIMIT ?`);
  }

  settle(settlements: readonly Settlement[], now: number, totals: Totals): readonly SettleResult[] {
    const places = new Map<number, number>();
    for (const [i, { id }] of settlements.entries()) places.set(Number(id), i);
    // One entry twice in a call: the first counts, so the order matters.
    if (places.size < settlements.length) {
      return settlements.map((as) =>
        this.#settleGroup({ as, ids: [Number(as.id)] }, now, totals).length > 0 ? "settled" : "stale",
      );
    }
    const results = settlements.map((): SettleResult => "stale");
    for (const group of grouped(settlements)) {
      for (const id of this.#settleGroup(group, now, totals)) results[places.get(id) ?? 0] = "settled";
    }
    this.#digests.tidy(totals);
    return results;
  }

  #settleGroup({ as, ids }: Group, now: number, totals: Totals): readonly number[] {
    const json = JSON.stringify(ids);
    const token = Number(as.token);
    switch (as.kind) {
      case "done": {
        this.#digests.remove(json, token, totals);
        const rows = this.#done.all(json, token);
        totals.active -= rows.length;
        return rows.map(([id]) => id);
      }
      case "release": {
        const until = milliseconds(as.visibleAt, "visibleAt");
        const reason = as.reason ?? null;
        return this.#wait.all(json, token, as.lane ?? "", until, now, this.#delayMs, 0, reason).map(([id]) => id);
      }
      case "retry": {
        const until = milliseconds(as.visibleAt, "visibleAt");
        return this.#wait.all(json, token, "", until, now, this.#delayMs, 1, as.error).map(([id]) => id);
      }
      case "setAside": {
        const rows = this.#setAside.all(json, token, as.error);
        totals.active -= rows.length;
        totals.setAside += rows.length;
        return rows.map(([id]) => id);
      }
    }
  }

  /** Brings those of these entries that are set aside back to waiting, with no attempts counted. Returns how many. */
  revive(ids: readonly number[], visibleAt: Date, now: number, totals: Totals): number {
    const until = milliseconds(visibleAt, "visibleAt");
    const revived = this.#revive.run(JSON.stringify(ids), 0, "", until, now, this.#delayMs);
    totals.setAside -= revived;
    totals.active += revived;
    return revived;
  }

  /** Ids of entries that are set aside. */
  someSetAside(limit: number): readonly number[] {
    return this.#someSetAside.all(limit).map(([id]) => id);
  }
}

function grouped(settlements: readonly Settlement[]): Iterable<Group> {
  const groups = new Map<string, Group>();
  for (const as of settlements) {
    const key = groupKey(as);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, { as, ids: [Number(as.id)] });
    else group.ids.push(Number(as.id));
  }
  return groups.values();
}

function groupKey(as: Settlement): string {
  switch (as.kind) {
    case "done":
      return as.token;
    case "release":
      return JSON.stringify([as.token, as.visibleAt.getTime(), as.lane, as.reason]);
    case "retry":
      return JSON.stringify([as.token, as.visibleAt.getTime(), 0, as.error]);
    case "setAside":
      return JSON.stringify([as.token, as.error]);
  }
}
