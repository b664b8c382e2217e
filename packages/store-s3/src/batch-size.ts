/** Most keys in one DeleteObjects request (Amazon S3 API Reference, DeleteObjects). */
export const MOST_KEYS = 1000;

/** After so many answers in time, a size that was too slow once is tried again. */
const FORGIVEN_AFTER = 10;

/** A permission to send one request of `size` keys. Say how it ended, then `end` it; both matter to those who wait. */
export interface Grant {
  readonly size: number;
  worked(): void;
  /**
   * The server refused the request, or took too long for it (`slow`).
   * False: as many were taken before, so that the number of keys is not what is wrong.
   */
  tooLarge(slow: boolean): boolean;
  end(): void;
}

/**
 * How many keys a server takes in one request: learnt from its answers, and remembered.
 *
 * Starts at {@link MOST_KEYS}, halves on refusal down to 1, then closes in on the limit from below, so that a server that takes 100 gets hundreds in the end and
 * not sixty-twos. One request at a time tries a size that is not known to work; the others wait for what it finds out, instead of failing beside it.
 */
export class BatchSize {
  /** The most keys that were taken. */
  #good = 0;
  /** The fewest keys that were refused. */
  #bad: number = MOST_KEYS + 1;
  #badBySlowness = false;
  #inTime = 0;
  #trial: Promise<void> | undefined;

  /** Whether it is known that only one key is taken at a time. */
  get onlySingles(): boolean {
    return this.#bad === 2;
  }

  /** Waits until it is clear how many of `wanted` keys (1 or more) may be sent. */
  async grant(wanted: number): Promise<Grant> {
    for (;;) {
      const size = Math.min(wanted, this.#candidate());
      if (size <= this.#good) return this.#permit(size, () => {});
      if (this.#trial === undefined) {
        const { promise, resolve } = Promise.withResolvers<void>();
        this.#trial = promise;
        return this.#permit(size, () => {
          this.#trial = undefined;
          resolve();
        });
      }
      await this.#trial;
    }
  }

  /** A single key was refused, so the refusals before were about that key and not about the number of keys. */
  forget(): void {
    this.#good = 0;
    this.#bad = MOST_KEYS + 1;
  }

  /** The server knows no requests of several keys. */
  oneByOne(): void {
    this.#good = 1;
    this.#bad = 2;
    this.#badBySlowness = false;
  }

  #candidate(): number {
    if (this.#bad > MOST_KEYS) return MOST_KEYS;
    return Math.max(1, Math.floor((this.#good + this.#bad) / 2));
  }

  #permit(size: number, end: () => void): Grant {
    return {
      size,
      worked: () => {
        this.#good = Math.max(this.#good, size);
        if (this.#bad <= size) this.#bad = MOST_KEYS + 1;
        if (this.#badBySlowness && ++this.#inTime >= FORGIVEN_AFTER) {
          this.#inTime = 0;
          this.#bad = Math.min(MOST_KEYS + 1, this.#bad * 2);
        }
      },
      tooLarge: (slow) => {
        if (size <= this.#good && !slow) return false;
        this.#bad = Math.max(2, Math.min(this.#bad, size));
        if (size <= this.#good) this.#good = Math.floor(size / 2);
        this.#badBySlowness = slow;
        this.#inTime = 0;
        return true;
      },
      end,
    };
  }
}
