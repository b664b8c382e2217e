import { ScrubberError, type ErrorCode } from "../errors.ts";

/** How a call goes wrong. */
export type Fault =
  /** It rejects, and nothing has happened. Default error: the backend is unavailable. */
  | { readonly kind: "fail"; readonly error?: Error }
  /** It does its work, and rejects all the same: the answer is lost on the way back. */
  | { readonly kind: "lost"; readonly error?: Error }
  /** It does its work now; the answer, true when it was taken, comes once `until` resolves. */
  | { readonly kind: "late"; readonly until: Promise<unknown> }
  /** It does half of what was asked and answers half, as no backend may. */
  | { readonly kind: "half" };

/** Counts the calls of a fake, and makes them fail as a test wants. */
export class Calls<Name extends string> {
  /** How often each call was made. */
  readonly counts: Record<Name, number>;
  /** The fault of each call, until it is taken out again. */
  readonly faults: Map<Name, Fault> = new Map();
  /** Every call is refused while this is true, as after disposing. */
  closed = false;
  readonly #unavailable: ErrorCode;

  constructor(names: readonly Name[], unavailable: ErrorCode) {
    // oxlint-disable-next-line no-unsafe-type-assertion -- fromEntries forgets the names that it was given
    this.counts = Object.fromEntries(names.map((name) => [name, 0])) as Record<Name, number>;
    this.#unavailable = unavailable;
  }

  /** Makes every call fail until the returned function is called. */
  breakAll(error?: Error): () => void {
    // oxlint-disable-next-line no-unsafe-type-assertion -- as above
    const names = Object.keys(this.counts) as Name[];
    for (const name of names) this.faults.set(name, error === undefined ? { kind: "fail" } : { kind: "fail", error });
    return () => {
      for (const name of names) this.faults.delete(name);
    };
  }

  /** Begins a call: counts it, and throws if it is to fail. */
  begin(name: Name): Fault | undefined {
    this.counts[name]++;
    if (this.closed) throw new ScrubberError(this.#unavailable, `${name}: it is closed already`);
    const fault = this.faults.get(name);
    if (fault?.kind === "fail") throw fault.error ?? this.#broken(name);
    return fault;
  }

  /** Makes one call, with its fault. */
  async run<T>(name: Name, work: (half: boolean) => T): Promise<T> {
    const fault = this.begin(name);
    const answer = work(fault?.kind === "half");
    if (fault?.kind === "lost") throw fault.error ?? this.#broken(name);
    if (fault?.kind === "late") await fault.until;
    return answer;
  }

  #broken(name: Name): ScrubberError {
    return new ScrubberError(this.#unavailable, `${name}: the backend was made to fail`, {
      hint: "A test did this; it takes the fault back when it is done.",
    });
  }
}

/** The first half of a list, rounded up. */
export function firstHalf<T>(items: readonly T[]): readonly T[] {
  return items.slice(0, Math.ceil(items.length / 2));
}
