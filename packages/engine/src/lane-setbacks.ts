import type { LaneBuffer } from "./buffer.ts";
import type { RoutedItem } from "./item.ts";
import type { LaneWork } from "./lane-work.ts";
import type { LaneState } from "./lanes.ts";

/** Sent so often without an answer that ends it, an entry goes back to the queue. */
const MOST_TRIES = 8;
const FIRST_PAUSE_MS = 100;
/** What a backend asks for beyond this is waited for in the queue. */
const LONGEST_PAUSE_MS = 5000;

export interface SetbacksOptions {
  readonly state: LaneState;
  readonly work: LaneWork;
  /** Where entries go that the lane itself tries again. */
  readonly buffer: LaneBuffer;
  /** Calls under way, the one that met the setback included. */
  readonly calls: () => number;
  /** Whether the lane begins no more calls. */
  readonly stopped: () => boolean;
  /** Hands entries back to the queue, under the name of the lane. */
  readonly release: (items: RoutedItem[], visibleAt: Date, reason: string) => void;
}

/** What a lane does when its backend throttles, refuses or is down: it slows down, pauses, tries again, hands back, closes. */
export class Setbacks {
  readonly #options: SetbacksOptions;
  #throttledInRow = 0;

  constructor(options: SetbacksOptions) {
    this.#options = options;
  }

  /** The backend answered: it is there. */
  answered(): void {
    const { breaker, to, group } = this.#options.state;
    this.#throttledInRow = 0;
    if (breaker.succeeded()) this.#options.work.emitter.emit({ type: "lane.opened", store: to.id, group });
  }

  paced(call: { readonly beganAt: number; readonly accepted: number; readonly throttled: number }): void {
    const { pace, meter, to, group } = this.#options.state;
    const { clock, emitter } = this.#options.work;
    const now = clock.monotonic();
    if (call.accepted > 0) meter.add(call.accepted, now);
    if (!pace.ended(call, now)) return;
    const keysPerSecond = pace.keysPerSecond(now);
    emitter.emit({
      type: "lane.paced",
      store: to.id,
      group,
      concurrency: pace.concurrency,
      ...(Number.isFinite(keysPerSecond) ? { keysPerSecond } : {}),
    });
  }

  /** A request was throttled as a whole. Alone and still too much, five times in a row, is as good as down. */
  requestThrottled(items: RoutedItem[], reason: string, probing: boolean): void {
    if (probing) this.outage(items, reason, false, true);
    else if (
      this.#options.calls() <= 1 &&
      this.#options.state.breaker.failed(reason, this.#options.work.clock.now().getTime())
    ) {
      this.#shut(items, reason);
    } else this.#pause(items, this.#backOff(), reason);
  }

  /** Single keys were throttled: they come again after the others. `partly`: the rest of their batch was not. */
  keysThrottled(items: RoutedItem[], patienceMs: number, partly: boolean): void {
    this.#pause(items, Math.max(patienceMs, partly ? 0 : this.#backOff()), "the backend asks for patience");
  }

  #backOff(): number {
    return FIRST_PAUSE_MS * 2 ** Math.min(this.#throttledInRow++, 6);
  }

  #pause(items: RoutedItem[], ms: number, reason: string): void {
    const { clock } = this.#options.work;
    if (this.#options.state.breaker.closed === undefined && ms <= LONGEST_PAUSE_MS) {
      this.#options.state.pace.hold(ms, clock.monotonic());
      this.#tryAgain(items, reason, "last");
    } else {
      this.#options.release(items, new Date(clock.now().getTime() + Math.max(ms, 1000)), reason);
    }
  }

  /** Nothing was done, and no entry is to blame. `denied`: the backend is there, but refuses. */
  outage(items: RoutedItem[], reason: string, denied: boolean, probing: boolean): void {
    const { breaker, pace, to } = this.#options.state;
    const { clock } = this.#options.work;
    const now = clock.now().getTime();
    this.#options.state.lastError = reason;
    if (probing) {
      const at = breaker.probeFailed(reason, denied, now, to.limits.batch);
      this.#options.release(items, new Date(at), reason);
    } else if (breaker.closed !== undefined) {
      this.#options.release(items, this.probeAt, reason);
    } else if (breaker.failed(reason, now)) {
      this.#shut(items, reason);
    } else {
      pace.hold(FIRST_PAUSE_MS * 2 ** (breaker.failures - 1), clock.monotonic());
      this.#tryAgain(items, reason, "first");
    }
  }

  #shut(items: RoutedItem[], reason: string): void {
    const { breaker, to, group } = this.#options.state;
    this.#options.state.lastError = reason;
    this.#options.work.emitter.emit({
      type: "lane.closed",
      store: to.id,
      group,
      reason,
      probeInMs: breaker.closed?.intervalMs ?? 0,
    });
    this.#options.release([...items, ...this.#options.buffer.clear()], this.probeAt, reason);
  }

  #tryAgain(items: RoutedItem[], reason: string, place: "first" | "last"): void {
    const tired: RoutedItem[] = [];
    const fit: RoutedItem[] = [];
    for (const item of items) (++item.tries > MOST_TRIES || this.#options.stopped() ? tired : fit).push(item);
    if (place === "first") this.#options.buffer.addAgain(fit);
    else for (const item of fit) this.#options.buffer.add(item);
    const at = new Date(this.#options.work.clock.now().getTime() + (this.#options.stopped() ? 0 : LONGEST_PAUSE_MS));
    this.#options.release(tired, at, reason);
  }

  /** When a closed lane is tried next. */
  get probeAt(): Date {
    return new Date(this.#options.state.breaker.closed?.probeAt ?? this.#options.work.clock.now().getTime());
  }
}
