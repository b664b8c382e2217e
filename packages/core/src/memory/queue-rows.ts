import { randomUUID } from "node:crypto";
import { storeIdOf, type Location, type StoredLocation } from "../location.ts";
import type {
  AddResult,
  EntryState,
  LeasedEntry,
  LeaseRequest,
  NewEntry,
  QueueEntry,
  QueueStats,
  Settlement,
} from "../queue.ts";
import { DueOrder, type Due } from "./due-order.ts";

/** One entry of a memory queue. Times are milliseconds. */
export interface Row extends Due {
  readonly id: string;
  readonly identity: string;
  readonly imageId: string;
  stored: StoredLocation;
  requestedAt: number;
  /** Came with a due time of its own: a changed delay does not move it. */
  ownDue: boolean;
  /** The end of a retry's or release's pause; 0: none. */
  pausedUntil: number;
  /** The end of the last lease; 0: never leased, or settled. */
  leasedUntil: number;
  token: string | undefined;
  attempts: number;
  setAside: boolean;
  error: string | undefined;
  lane: string | undefined;
}

/** The entries of a memory queue, found by id, identity, image and due time. */
export class QueueRows {
  readonly #byId = new Map<string, Row>();
  readonly #byIdentity = new Map<string, Row>();
  readonly #byImage = new Map<string, Set<Row>>();
  readonly #order = new DueOrder<Row>();
  #serial = 0;

  get(id: string): Row | undefined {
    return this.#byId.get(id);
  }

  find(of: Pick<NewEntry, "imageId" | "location">): Row | undefined {
    return this.#byIdentity.get(identityOf(of));
  }

  hasImage(imageId: string): boolean {
    return this.#byImage.has(imageId);
  }

  ofImage(imageId: string): Iterable<Row> {
    return this.#byImage.get(imageId) ?? [];
  }

  all(): Iterable<Row> {
    return this.#byId.values();
  }

  /** Oldest due first; rows that are `gone` may be among them. */
  inOrder(): readonly Row[] {
    return this.#order.rows();
  }

  /** Moves what has no due time of its own. */
  reschedule(delayMs: number): void {
    for (const row of this.#byId.values()) if (!row.ownDue) row.dueAt = row.requestedAt + delayMs;
    this.#order.moved();
  }

  add(entry: NewEntry, now: number, delayMs: number): AddResult {
    const requestedAt = entry.requestedAt?.getTime() ?? now;
    const dueAt = entry.dueAt?.getTime() ?? requestedAt + delayMs;
    const ownDue = entry.dueAt !== undefined;
    const identity = identityOf(entry);
    const met = this.#byIdentity.get(identity);
    if (met === undefined) {
      this.insert(entry.imageId, { location: entry.location }, { identity, requestedAt, dueAt, ownDue });
      return "added";
    }
    if (met.setAside) return "setAside";
    if (dueAt < met.dueAt) {
      met.dueAt = dueAt;
      met.ownDue = ownDue;
      this.#order.moved();
    }
    met.requestedAt = Math.max(met.requestedAt, requestedAt);
    met.stored = { location: { ...met.stored.location, ...known(entry.location) } };
    // Whoever holds it, or held it last, can settle nothing any more: what was asked for anew is done anew.
    if (met.token !== undefined) met.token = randomUUID();
    return "present";
  }

  insert(
    imageId: string,
    stored: StoredLocation,
    times: {
      readonly identity?: string;
      readonly requestedAt: number;
      readonly dueAt: number;
      readonly ownDue: boolean;
    },
  ): void {
    const serial = this.#serial++;
    const row: Row = {
      id: String(serial),
      serial,
      identity: `#${serial}`,
      ...times,
      imageId,
      stored,
      gone: false,
      pausedUntil: 0,
      leasedUntil: 0,
      token: undefined,
      attempts: 0,
      setAside: false,
      error: undefined,
      lane: undefined,
    };
    this.#byId.set(row.id, row);
    this.#byIdentity.set(row.identity, row);
    const siblings = this.#byImage.get(imageId);
    if (siblings === undefined) this.#byImage.set(imageId, new Set([row]));
    else siblings.add(row);
    this.#order.add(row);
  }

  settle(row: Row, settlement: Settlement): void {
    row.token = undefined;
    row.leasedUntil = 0;
    row.lane = undefined;
    switch (settlement.kind) {
      case "done":
        this.#remove(row);
        break;
      case "release":
        row.pausedUntil = settlement.visibleAt.getTime();
        row.lane = settlement.lane;
        row.error = settlement.reason ?? row.error;
        break;
      case "retry":
        row.pausedUntil = settlement.visibleAt.getTime();
        row.attempts++;
        row.error = settlement.error;
        break;
      case "setAside":
        row.setAside = true;
        row.error = settlement.error;
        break;
    }
  }

  #remove(row: Row): void {
    this.#byId.delete(row.id);
    this.#byIdentity.delete(row.identity);
    const siblings = this.#byImage.get(row.imageId);
    siblings?.delete(row);
    if (siblings?.size === 0) this.#byImage.delete(row.imageId);
    this.#order.remove(row);
  }

  leasable({ limit, imageId, exceptLanes }: LeaseRequest, now: number): readonly Row[] {
    if (imageId !== undefined) {
      const rows = [...this.ofImage(imageId)].filter((row) => row.leasedUntil <= now);
      return rows.toSorted((a, b) => a.dueAt - b.dueAt || a.serial - b.serial).slice(0, limit);
    }
    const found: Row[] = [];
    for (const row of this.inOrder()) {
      if (row.dueAt > now || found.length === limit) break;
      if (row.gone || row.setAside || leasableAt(row) > now) continue;
      if (row.lane !== undefined && exceptLanes?.has(row.lane) === true) continue;
      found.push(row);
    }
    return found;
  }

  stats(now: number): QueueStats {
    const counts = { waiting: 0, due: 0, leased: 0, setAside: 0 };
    let oldest = Infinity;
    let next = Infinity;
    let leasedUntil = Infinity;
    for (const row of this.all()) {
      const state = stateOf(row, now);
      counts[state]++;
      if (state === "setAside") continue;
      if (state === "waiting" && row.dueAt <= now) {
        counts.due++;
        oldest = Math.min(oldest, row.dueAt);
      }
      const at = leasableAt(row);
      if (state === "leased") leasedUntil = Math.min(leasedUntil, at);
      else if (at > now) next = Math.min(next, at);
    }
    return {
      ...counts,
      ...(oldest === Infinity ? {} : { oldestDueAt: new Date(oldest) }),
      ...(next === Infinity ? {} : { nextDueAt: new Date(next) }),
      ...(leasedUntil === Infinity ? {} : { leasedUntil: new Date(leasedUntil) }),
    };
  }
}

/** Without what is there and undefined. */
function known(location: Location): Location {
  const { uri, store, identity, metadata } = location;
  return {
    uri,
    ...(store === undefined ? {} : { store }),
    ...(identity === undefined ? {} : { identity }),
    ...(metadata === undefined ? {} : { metadata }),
  };
}

function identityOf({ imageId, location }: Pick<NewEntry, "imageId" | "location">): string {
  return JSON.stringify([imageId, storeIdOf(location) ?? null, location.uri]);
}

export function stateOf(row: Row, now: number): EntryState {
  if (row.setAside) return "setAside";
  return row.leasedUntil > now ? "leased" : "waiting";
}

/** When it can next be leased, if it is not set aside. */
function leasableAt(row: Row): number {
  return Math.max(row.dueAt, row.pausedUntil, row.leasedUntil);
}

/** Hands a row out. */
export function leaseRow(row: Row, token: string, until: number): LeasedEntry {
  const { setAside } = row;
  row.token = token;
  row.leasedUntil = until;
  row.pausedUntil = 0;
  row.setAside = false;
  return {
    id: row.id,
    token,
    imageId: row.imageId,
    requestedAt: new Date(row.requestedAt),
    dueAt: new Date(row.dueAt),
    ...(row.ownDue ? {} : { dueByDelay: true }),
    attempts: row.attempts,
    ...(setAside ? { setAside: row.error ?? "" } : {}),
    ...row.stored,
  };
}

/** A row as a listing shows it. */
export function listRow(row: Row, state: EntryState): QueueEntry {
  return {
    id: row.id,
    imageId: row.imageId,
    state,
    requestedAt: new Date(row.requestedAt),
    dueAt: new Date(row.dueAt),
    visibleAt: new Date(leasableAt(row)),
    attempts: row.attempts,
    ...(row.error === undefined ? {} : { error: row.error }),
    ...row.stored,
  };
}
