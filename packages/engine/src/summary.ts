/** What a run did. `leased` is the sum of deleted, absent, marker, kept, held, retried, released and setAside. */
export interface RunSummary {
  readonly leased: number;
  readonly deleted: number;
  readonly absent: number;
  readonly marker: number;
  readonly kept: number;
  readonly held: number;
  readonly retried: number;
  readonly released: number;
  readonly setAside: number;
  /** Images that the registry was told are deleted. */
  readonly images: number;
  /** Bytes freed, where the stores can tell. */
  readonly bytes: number;
  readonly seconds: number;
  /** Only of a single run: the stores that are down while something of theirs waits that was due at its start, tried in vain or not at all. Left out: there is none. */
  readonly untried?: readonly Untried[];
}

/** A store (or a bucket, container or device of it) that was left alone because it is down. */
export interface Untried {
  readonly store: string;
  readonly group: string;
  readonly since: Date;
  /** The last failure, for a person. */
  readonly reason: string;
  /** A run before then leaves it alone. */
  readonly triedAgainAt: Date;
}

/** What a sweep did. */
export interface SweepSummary {
  readonly seen: number;
  readonly added: number;
  readonly present: number;
  readonly setAside: number;
  /** Pending images without a location left that were finished. */
  readonly finished: number;
}
