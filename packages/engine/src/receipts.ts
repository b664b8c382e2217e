/** What a receipt proves. The log adds sequence, chain and writer. */
export interface Receipt {
  /** RFC 3339, UTC. */
  readonly at: string;
  readonly imageId: string;
  /** Masked. */
  readonly uri: string;
  readonly store: string | undefined;
  /** What the store calls the object. */
  readonly key: string | undefined;
  readonly outcome: "deleted" | "absent" | "marker" | "kept" | "setAside" | "discarded" | "restored";
  readonly bytes?: number;
  readonly requestedAt: string;
  readonly note?: string;
}

/** Where receipts go. */
export interface ReceiptLog extends AsyncDisposable {
  /** Durable when it resolves. Rejects with `SCRUBBER_RECEIPTS_UNAVAILABLE`; then the entries are not settled. */
  append(receipts: readonly Receipt[]): Promise<void>;
  /** The chain's head as it is now: what `verify --head` checks against; undefined while nothing is written. */
  head(): string | undefined;
}
