import type { JsonValue, Location, StoredLocation } from "./location.ts";

/** A location on its way into the queue. */
export interface NewEntry {
  /** 1 to 255 bytes, no control characters (see `imageIdProblem`). */
  readonly imageId: string;
  readonly location: Location;
  /** When the deletion was asked for. Default: the queue's now. An object written later than this is not deleted, where the store can tell. */
  readonly requestedAt?: Date;
  /** When its time comes. Left out: `requestedAt` + the configured delay, and a changed delay moves it. */
  readonly dueAt?: Date;
}

/** What became of an added entry. `setAside`: it was there already, set aside, and was left so; `revive` brings it back. */
export type AddResult = "added" | "present" | "setAside";

/** Names a leased entry, and fences off whoever held it before. */
export interface LeaseRef {
  /** The entry, within its queue. */
  readonly id: string;
  /** Changes with every lease and with every add that meets a leased entry. May be shared by the entries of one lease. */
  readonly token: string;
}

/** An entry handed to one scrubber for a while. */
export type LeasedEntry = LeaseRef &
  StoredLocation & {
    readonly imageId: string;
    readonly requestedAt: Date;
    readonly dueAt: Date;
    /** `dueAt` came with no add, so it is the configured delay after a request: the first one, where later adds met the entry, while `requestedAt` is that of the last. */
    readonly dueByDelay?: true;
    /** Counted failures so far. */
    readonly attempts: number;
    /** The error with which it had been set aside, where a lease by image took it out of there. To put it back: settle as `setAside` with this error. */
    readonly setAside?: string;
  };

export interface LeaseRequest {
  /** Most entries to hand out, 1 or more. */
  readonly limit: number;
  /** How long, in milliseconds, from the queue's now. */
  readonly leaseMs: number;
  /** Only this image's entries: due or not, waiting out a retry or not, and set-aside ones too; but not those that somebody else holds. */
  readonly imageId?: string;
  /** Leave out the entries that were last released with one of these lanes. */
  readonly exceptLanes?: ReadonlySet<string>;
}

/** How a leased entry ended. */
export type Settlement = LeaseRef &
  (
    | { /** Leaves the queue. */ readonly kind: "done" }
    /** Back to waiting, uncounted. `lane`: leases may leave it out by this name. `reason` is shown as its error. */
    | { readonly kind: "release"; readonly visibleAt: Date; readonly lane?: string; readonly reason?: string }
    /** Back to waiting, counted as an attempt. */
    | { readonly kind: "retry"; readonly visibleAt: Date; readonly error: string }
    /** Out of the way until somebody revives it. */
    | { readonly kind: "setAside"; readonly error: string }
  );

/** `stale`: the token is not current any more (or the entry is gone); nothing was changed. */
export type SettleResult = "settled" | "stale";

export type EntryState = "waiting" | "leased" | "setAside";

/** An entry as a listing shows it. */
export type QueueEntry = StoredLocation & {
  readonly id: string;
  readonly imageId: string;
  readonly state: EntryState;
  readonly requestedAt: Date;
  readonly dueAt: Date;
  /** When it can next be leased: `dueAt`, the end of a retry's pause, or the end of a lease. */
  readonly visibleAt: Date;
  readonly attempts: number;
  /** The last error or reason. No secrets. */
  readonly error?: string;
};

export interface EntryFilter {
  readonly state?: EntryState;
  readonly imageId?: string;
  /** Only entries with `dueAt` at this instant or before. */
  readonly dueBefore?: Date;
}

export interface QueueStats {
  /** Not leased and not set aside; includes `due`. */
  readonly waiting: number;
  /** Waiting, with `dueAt` now or before. */
  readonly due: number;
  readonly leased: number;
  readonly setAside: number;
  /** The earliest `dueAt` of what is due. */
  readonly oldestDueAt?: Date;
  /** When the first of what waits, and cannot be leased yet, can be: its due time, or the end of a retry's pause. What is leased does not count. */
  readonly nextDueAt?: Date;
  /** When the first of what is leased can be leased again, if nobody settles it before: the end of its lease, or its due time where that is later. A time to wake up, too: its scrubber may have died. */
  readonly leasedUntil?: Date;
  /** How many files, given to the queue by another way than `add`, were put away because they could not be read whole, and wait for a person. Left out where the queue has no such place. */
  readonly quarantined?: number;
}

/** What a queue can do. Tested both ways: what is `false` is refused with `SCRUBBER_UNSUPPORTED`, or is not promised. */
export interface QueueSupports {
  readonly add: boolean;
  /** lease, renew, settle, revive, notes. */
  readonly lease: boolean;
  /** What is accepted survives `kill -9` and a loss of power. */
  readonly durable: boolean;
  /** Several processes may use it at once. */
  readonly shared: boolean;
}

/**
 * Locations that wait for deletion. Opened by a queue plugin; closed by disposing of it, which settles nothing: open leases run out.
 *
 * All calls reject with `SCRUBBER_QUEUE_UNAVAILABLE` (or another `SCRUBBER_QUEUE_*`) where the queue cannot answer; then nothing has changed, or the
 * change is whole. A failed listing is never an empty one.
 */
export interface Queue extends AsyncDisposable {
  readonly supports: QueueSupports;

  /**
   * Takes entries in, durably when it resolves; one answer each, in order.
   *
   * Idempotent by (imageId, uri, store). Meeting a waiting entry keeps the earlier `dueAt` and the later `requestedAt`. Meeting a leased one does that too and replaces its token,
   * so that the running settlement changes nothing and the entry comes back. In both cases identity and metadata, where the new one has them, take the place of those that are
   * there, and else they stay: whoever knows less of a location forgets nothing. Meeting a set-aside one leaves it and says so. After `done` it is new.
   *
   * @throws {ScrubberError} `SCRUBBER_IMAGE_ID_INVALID`; then nothing of the call is added.
   */
  add(entries: readonly NewEntry[]): Promise<readonly AddResult[]>;

  /** Hands out what is due and visible, oldest due first. An empty answer means that there is nothing to hand out now. */
  lease(request: LeaseRequest): Promise<readonly LeasedEntry[]>;

  /** Prolongs leases to `leaseMs` from the queue's now. False: that lease is lost (it ran out, or the token changed). */
  renew(leases: readonly LeaseRef[], leaseMs: number): Promise<readonly boolean[]>;

  /** Ends leases, all in one transaction, durable when it resolves; one answer each, in order. A lease that ran out but was not handed on can still be settled. */
  settle(settlements: readonly Settlement[]): Promise<readonly SettleResult[]>;

  /** Brings set-aside entries (of one image, or all) back to waiting, visible at `visibleAt`, with no attempts counted. Resolves with how many. */
  revive(filter: { readonly imageId?: string }, visibleAt: Date): Promise<number>;

  /** Which of these images have any entry here, in whatever state. */
  hasImages(ids: readonly string[]): Promise<ReadonlySet<string>>;

  /**
   * The state of each location's entry, in order; undefined: it has none. Found by what `add` goes by: image id, URI and store, whatever key sealed it.
   * Optional: where it is left out, a sweep lists the entries of one image after the other, which costs it some twenty times as much.
   */
  statesOf?(locations: readonly Pick<NewEntry, "imageId" | "location">[]): Promise<readonly (EntryState | undefined)[]>;

  /** Streams entries, never all in memory, oldest due first. What changes meanwhile may or may not show; nothing shows twice. */
  entries(filter?: EntryFilter): AsyncIterable<QueueEntry>;

  stats(): Promise<QueueStats>;

  /** Small durable facts that every scrubber on this queue shares: when the last sweep ended, what is paused, how each store does. */
  notes(): Promise<ReadonlyMap<string, JsonValue>>;

  /** Writes one note; `undefined` removes it. */
  setNote(key: string, value: JsonValue | undefined): Promise<void>;
}
