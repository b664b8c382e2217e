import type { Location } from "../location.ts";
import type { AddResult, EntryState, LeaseRef, NewEntry, QueueStats, Settlement, SettleResult } from "../queue.ts";

/** What the contract says of one entry. Times are milliseconds. */
export interface ModelEntry {
  readonly key: string;
  readonly imageId: string;
  requestedAt: number;
  dueAt: number;
  pausedUntil: number;
  leasedUntil: number;
  id: string | undefined;
  token: string | undefined;
  /** Every token it ever had. */
  readonly tokens: Set<string>;
  attempts: number;
  /** The error, while it is set aside. */
  setAside: string | undefined;
  lane: string | undefined;
}

/** What a listing shows of an entry. */
export interface Outcome {
  readonly key: string;
  readonly state: EntryState;
  readonly dueAt: number;
  readonly requestedAt: number;
  readonly attempts: number;
  readonly error: string | undefined;
}

export function entryKey(imageId: string, { uri, store }: Location): string {
  return JSON.stringify([imageId, store ?? null, uri]);
}

/** The contract of a queue as the simplest program that keeps it: one list, walked for every question. */
export class QueueModel {
  readonly #delayMs: number;
  readonly #entries = new Map<string, ModelEntry>();

  constructor(delayMs: number) {
    this.#delayMs = delayMs;
  }

  get(key: string): ModelEntry | undefined {
    return this.#entries.get(key);
  }

  #byId(id: string): ModelEntry | undefined {
    return [...this.#entries.values()].find((entry) => entry.id === id);
  }

  dueAt(id: string): number | undefined {
    return this.#byId(id)?.dueAt;
  }

  latestDue(now: number): number {
    return Math.max(now, ...Array.from(this.#entries.values(), ({ dueAt }) => dueAt));
  }

  add(entry: NewEntry, now: number): AddResult {
    const key = entryKey(entry.imageId, entry.location);
    const requestedAt = entry.requestedAt?.getTime() ?? now;
    const dueAt = entry.dueAt?.getTime() ?? requestedAt + this.#delayMs;
    const met = this.#entries.get(key);
    if (met === undefined) {
      this.#entries.set(key, {
        key,
        imageId: entry.imageId,
        requestedAt,
        dueAt,
        pausedUntil: 0,
        leasedUntil: 0,
        id: undefined,
        token: undefined,
        tokens: new Set(),
        attempts: 0,
        setAside: undefined,
        lane: undefined,
      });
      return "added";
    }
    if (met.setAside !== undefined) return "setAside";
    met.dueAt = Math.min(met.dueAt, dueAt);
    met.requestedAt = Math.max(met.requestedAt, requestedAt);
    met.token = undefined;
    return "present";
  }

  /** What a lease may hand out, oldest due first. */
  leasable(now: number, imageId: string | undefined, exceptLanes: ReadonlySet<string>): readonly ModelEntry[] {
    const free = [...this.#entries.values()].filter((entry) => {
      if (imageId !== undefined) return entry.imageId === imageId && entry.leasedUntil <= now;
      if (entry.setAside !== undefined || leasableAt(entry) > now) return false;
      return entry.lane === undefined || !exceptLanes.has(entry.lane);
    });
    return free.toSorted((a, b) => a.dueAt - b.dueAt);
  }

  lease(entry: ModelEntry, { id, token, until }: LeaseRef & { readonly until: number }): void {
    entry.id = id;
    entry.token = token;
    entry.tokens.add(token);
    entry.leasedUntil = until;
    entry.pausedUntil = 0;
    entry.setAside = undefined;
  }

  renew({ id, token }: LeaseRef, now: number, until: number): boolean {
    const entry = this.#byId(id);
    if (entry?.token !== token || entry.leasedUntil <= now) return false;
    entry.leasedUntil = until;
    return true;
  }

  settle(settlement: Settlement): SettleResult {
    const entry = this.#byId(settlement.id);
    if (entry?.token !== settlement.token) return "stale";
    entry.token = undefined;
    entry.leasedUntil = 0;
    entry.lane = settlement.kind === "release" ? settlement.lane : undefined;
    if (settlement.kind === "done") this.#entries.delete(entry.key);
    else if (settlement.kind === "setAside") entry.setAside = settlement.error;
    else entry.pausedUntil = settlement.visibleAt.getTime();
    if (settlement.kind === "retry") entry.attempts++;
    return "settled";
  }

  revive(imageId: string | undefined, visibleAt: number): number {
    let revived = 0;
    for (const entry of this.#entries.values()) {
      if (entry.setAside === undefined || (imageId !== undefined && entry.imageId !== imageId)) continue;
      entry.setAside = undefined;
      entry.attempts = 0;
      entry.pausedUntil = visibleAt;
      revived++;
    }
    return revived;
  }

  outcomes(now: number): readonly Outcome[] {
    return Array.from(this.#entries.values(), (entry) => ({
      key: entry.key,
      state: stateOf(entry, now),
      dueAt: entry.dueAt,
      requestedAt: entry.requestedAt,
      attempts: entry.attempts,
      error: entry.setAside,
    }));
  }

  stats(now: number): QueueStats {
    const all = [...this.#entries.values()];
    const of = (state: EntryState): readonly ModelEntry[] => all.filter((entry) => stateOf(entry, now) === state);
    const due = of("waiting").filter(({ dueAt }) => dueAt <= now);
    const next = of("waiting")
      .map(leasableAt)
      .filter((at) => at > now);
    const leased = of("leased").map(leasableAt);
    return {
      waiting: of("waiting").length,
      due: due.length,
      leased: leased.length,
      setAside: of("setAside").length,
      ...(due.length === 0 ? {} : { oldestDueAt: new Date(Math.min(...due.map(({ dueAt }) => dueAt))) }),
      ...(next.length === 0 ? {} : { nextDueAt: new Date(Math.min(...next)) }),
      ...(leased.length === 0 ? {} : { leasedUntil: new Date(Math.min(...leased)) }),
    };
  }
}

function leasableAt({ dueAt, pausedUntil, leasedUntil }: ModelEntry): number {
  return Math.max(dueAt, pausedUntil, leasedUntil);
}

function stateOf({ setAside, leasedUntil }: ModelEntry, now: number): EntryState {
  if (setAside !== undefined) return "setAside";
  return leasedUntil > now ? "leased" : "waiting";
}
