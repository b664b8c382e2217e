import type { Settlement, SettleResult } from "@scrubber/core";
import { milliseconds } from "./additions.ts";
import type { Database, Statement } from "./database.ts";
import type { DigestIndex } from "./digest-index.ts";
import type { DueOrder } from "./due-order.ts";
import { STATE } from "./schema.ts";
import type { Totals } from "./totals.ts";

/** Settlements that differ in nothing but the entry: one statement does them all. */
interface Group {
  readonly as: Settlement;
  readonly ids: number[];
}

/** Ends leases, and revives what is set aside; within a transaction. */
export class Settlements {
  readonly #order: DueOrder;
  readonly #digests: DigestIndex;
  readonly #delayMs: number;
  readonly #end: Statement<readonly [number, number | null]>;
  readonly #done: Statement;
  readonly #wait: Statement;
  readonly #revive: Statement;
  readonly #setAside: Statement;
  readonly #areSetAside: Statement<readonly [number]>;
  readonly #someSetAside: Statement<readonly [number]>;

  constructor(database: Database, order: DueOrder, digests: DigestIndex, delayMs: number) {
    this.#order = order;
    this.#digests = digests;
    this.#delayMs = delayMs;
    const these = "id IN (SELECT value FROM json_each(?1))";
    this.#end = database.prepare(`DELETE FROM leases WHERE ${these} AND token = ?2 RETURNING id, until`);
    this.#done = database.prepare(`DELETE FROM entries WHERE ${these}`);
    // ?2 visible at, ?3 now, ?4 delay. What is visible before it is due waits for nothing but its due time.
    const awake = "?2 <= max(?3, due_base + (1 - own_due) * ?4)";
    const waits = `state = CASE WHEN ${awake} THEN ${STATE.ready} ELSE ${STATE.paused} END, visible_at = CASE WHEN ${awake} THEN NULL ELSE ?2 END`;
    this.#wait = database.prepare(
      `UPDATE entries SET ${waits}, lane = ?5, attempts = attempts + ?6, error = coalesce(?7, error) WHERE ${these}`,
    );
    this.#revive = database.prepare(`UPDATE entries SET ${waits}, attempts = 0 WHERE ${these}`);
    this.#setAside = database.prepare(
      `UPDATE entries SET state = ${STATE.setAside}, visible_at = NULL, lane = '', error = ?2 WHERE ${these}`,
    );
    this.#areSetAside = database.prepare(`SELECT id FROM entries WHERE ${these} AND state = ${STATE.setAside}`);
    this.#someSetAside = database.prepare(`SELECT id FROM due WHERE state = ${STATE.setAside} LIMIT ?`);
  }

  settle(settlements: readonly Settlement[], now: number, totals: Totals): readonly SettleResult[] {
    this.#digests.expect(settlements.length, totals);
    const places = new Map<number, number>();
    settlements.forEach(({ id }, place) => places.set(Number(id), place));
    // One entry twice in a call: the first counts, so the order matters.
    if (places.size < settlements.length) {
      return settlements.map((as) =>
        this.#settleGroup({ as, ids: [Number(as.id)] }, now, totals).length > 0 ? "settled" : "stale",
      );
    }
    const results = settlements.map((): SettleResult => "stale");
    for (const group of grouped(settlements)) {
      this.#settleGroup(group, now, totals).forEach((id) => {
        results[places.get(id) ?? 0] = "settled";
      });
    }
    this.#digests.tidy(totals);
    return results;
  }

  /** Returns the ids of those that were held. */
  #settleGroup({ as, ids }: Group, now: number, totals: Totals): readonly number[] {
    const rows = this.#end.all(JSON.stringify(ids), Number(as.token));
    if (rows.length === 0) return [];
    const held = rows.map((row) => row[0]);
    const json = JSON.stringify(held);
    // What ran out, and nobody else has got, is due again.
    if (rows.some((row) => row[1] === null)) this.#order.unfile(json);
    switch (as.kind) {
      case "done":
        this.#digests.remove(json, totals);
        this.#done.run(json);
        totals.active -= held.length;
        return held;
      case "release": {
        const until = milliseconds(as.visibleAt, "visibleAt");
        this.#wait.run(json, until, now, this.#delayMs, as.lane ?? "", 0, as.reason ?? null);
        break;
      }
      case "retry":
        this.#wait.run(json, milliseconds(as.visibleAt, "visibleAt"), now, this.#delayMs, "", 1, as.error);
        break;
      case "setAside":
        this.#setAside.run(json, as.error);
        totals.active -= held.length;
        totals.setAside += held.length;
    }
    this.#order.file(json);
    return held;
  }

  /** Brings those of these entries that are set aside back to waiting, with no attempts counted. Returns how many. */
  revive(ids: readonly number[], visibleAt: Date, now: number, totals: Totals): number {
    const until = milliseconds(visibleAt, "visibleAt");
    const revived = this.#areSetAside.all(JSON.stringify(ids)).map(([id]) => id);
    const json = JSON.stringify(revived);
    this.#order.unfile(json);
    this.#revive.run(json, until, now, this.#delayMs);
    this.#order.file(json);
    totals.setAside -= revived.length;
    totals.active += revived.length;
    return revived.length;
  }

  /** Ids of entries that are set aside. */
  someSetAside(limit: number): readonly number[] {
    return this.#someSetAside.all(limit).map(([id]) => id);
  }
}

function grouped(settlements: readonly Settlement[]): Iterable<Group> {
  const groups = new Map<string, Group>();
  settlements.forEach((as) => {
    const key = groupKey(as);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, { as, ids: [Number(as.id)] });
    else group.ids.push(Number(as.id));
  });
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
