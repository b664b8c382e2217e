import type { Timers } from "./clock.ts";
import { STORE_GRACE_MS } from "./store-call.ts";

/** How long after calls are cut off their entries may take to be handed back. */
const GIVE_UP_MS = STORE_GRACE_MS + 10_000;

/** When a run stops before its work is done. */
export interface Stops {
  /** Takes no more work; what is running may end, within the time to drain. */
  readonly signal?: AbortSignal | undefined;
  /** Aborts what is running. */
  readonly stopNow?: AbortSignal | undefined;
}

/** How a run ends before its work is done, step by step: it takes nothing more; what is running is cut off; what is still open is given up. */
export class Drain implements Disposable {
  readonly #timers: Timers;
  readonly #drainMs: number;
  readonly #cut = new AbortController();
  readonly #over = Promise.withResolvers<void>();
  #cancel: (() => void) | undefined;
  readonly #onBegin: () => void;
  #begun = false;

  /** `drainMs`: how long what is running may go on. `onBegin` is called once, when the time to drain begins. */
  constructor(timers: Timers, drainMs: number, onBegin: () => void = () => {}) {
    this.#timers = timers;
    this.#drainMs = drainMs;
    this.#onBegin = onBegin;
  }

  get begun(): boolean {
    return this.#begun;
  }

  /** Aborts what is running. */
  get cut(): AbortSignal {
    return this.#cut.signal;
  }

  /** Resolves when nothing is waited for any more, whatever is still open. */
  get over(): Promise<void> {
    return this.#over.promise;
  }

  /** From now on the time to drain runs. */
  begin(): void {
    if (this.#begun) return;
    this.#begun = true;
    this.#cancel = this.#timers.after(this.#drainMs, () => {
      this.cutOff();
    });
    this.#onBegin();
  }

  /** Obeys from now on, until what this returns is disposed of. */
  follow({ signal, stopNow }: Stops): Disposable {
    const begin = (): void => {
      this.begin();
    };
    const cutOff = (): void => {
      this.cutOff();
    };
    signal?.addEventListener("abort", begin);
    stopNow?.addEventListener("abort", cutOff);
    if (signal?.aborted === true) begin();
    if (stopNow?.aborted === true) cutOff();
    return {
      [Symbol.dispose]() {
        signal?.removeEventListener("abort", begin);
        stopNow?.removeEventListener("abort", cutOff);
      },
    };
  }

  /** The time to drain is over. */
  cutOff(): void {
    if (this.#cut.signal.aborted) return;
    this.begin();
    this.#cancel?.();
    this.#cancel = this.#timers.after(GIVE_UP_MS, () => {
      this.#over.resolve();
    });
    this.#cut.abort();
  }

  [Symbol.dispose](): void {
    this.#cancel?.();
  }
}
