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

export interface ReceiptLogOptions {
  /** Absolute. Made, with its parents, when there is something to write. */
  readonly directory: string;
  /** Chains the receipts by HMAC-SHA256. Left out: a plain SHA-256 chain, which whoever can write the files can also forge. */
  readonly key?: string;
  readonly now: () => Date;
}

/** Makes a log with a file of its own. Touches nothing before the first receipt. */
export function openReceiptLog(options: ReceiptLogOptions): ReceiptLog {
  void options;
  throw new TypeError("openReceiptLog is being written");
}
