import type { Outcome } from "@scrubber/core";
import type { Admission } from "./admission.ts";
import { flatten, LaneBuffer } from "./buffer.ts";
import type { Clock } from "./clock.ts";
import {
  consequenceOf,
  consequenceOfVerdict,
  outageReason,
  released,
  type Circumstances,
  type Consequence,
} from "./consequences.ts";
import type { Emitter } from "./emitter.ts";
import type { RoutedItem } from "./item.ts";
import type { LaneState } from "./lanes.ts";
import type { Slip } from "./settling.ts";
import { callStore, STORE_GRACE_MS, type Answer } from "./store-call.ts";

/** What a lane needs of the pass that it belongs to. */
export interface LaneWork {
  readonly clock: Clock;
  readonly emitter: Emitter;
  readonly admission: Admission | undefined;
  readonly callMs: number;
  readonly maxAttempts: number;
  /** Entries leased at once. */
  readonly leased: number;
  readonly random: () => number;
  /** Aborts calls that are running. */
  readonly stopNow: AbortSignal;
  readonly submit: (slip: Slip) => void;
  /** A call ended. */
  readonly progressed: () => void;
  readonly registryFailed: (error: unknown) => void;
}

/** Sent so often without an answer that ends it, an entry goes back to the queue. */
const MOST_TRIES = 8;
const FIRST_PAUSE_MS = 100;
/** What a backend asks for beyond this is waited for in the queue. */
const LONGEST_PAUSE_MS = 5000;
/** How many seconds of work a lane takes in. */
const SECONDS_AHEAD = 5;
/** At a bounded rate, one call takes this share of a second, so that it is no burst to the backend. */
const CALL_SHARE = 0.25;

type Ending = "ended" | "again" | "refused";

/** The work of one pass for one store and group. */
export class Lane {
  readonly state: LaneState;
  readonly #work: LaneWork;
  readonly #buffer = new LaneBuffer();
  /** Most entries that it takes in, however fast it is. */
  readonly #most: number;
  /** Entries that it has, waiting or under way. */
  #backlog = 0;
  #calls = 0;
  #throttledInRow = 0;
  /** Why it begins no more calls. */
  #stopped: string | undefined;
  #cancel: (() => void) | undefined;

  constructor(state: LaneState, work: LaneWork) {
    this.state = state;
    this.#work = work;
    const { batch, concurrency } = state.to.limits;
    this.#most = Math.max(2 * work.leased, batch * Math.min(concurrency, 4));
  }

  get idle(): boolean {
    return this.#backlog === 0;
  }

  /** It has as much as it will do in the next seconds. */
  get full(): boolean {
    const { meter, to } = this.state;
    const soon = meter.seconds < 2 ? this.#most : meter.perSecond * SECONDS_AHEAD;
    return this.#backlog >= Math.min(this.#most, Math.max(soon, to.limits.batch));
  }

  /** Takes entries in, and begins as many calls as the pace allows. */
  add(items: readonly RoutedItem[]): void {
    this.#take(items);
    this.#pump();
  }

  /** Tries a closed lane with these entries alone. */
  probe(items: readonly RoutedItem[]): void {
    this.#take(items);
    if (this.#stopped !== undefined) return;
    this.#start(this.#buffer.take(this.state.to.limits.batch), true);
    this.#release(this.#buffer.clear(), this.#probeAt(), this.state.breaker.closed?.reason ?? "", true);
  }

  /** Begins no more calls; what waited is handed back. */
  stop(reason: string): void {
    this.#stopped = reason;
    this.#cancel?.();
    this.#handBack();
  }

  #take(items: readonly RoutedItem[]): void {
    this.#backlog += items.length;
    for (const item of items) this.#buffer.add(item);
    if (this.#stopped !== undefined) this.#handBack();
  }

  #handBack(): void {
    this.#release(this.#buffer.clear(), this.#work.clock.now(), this.#stopped ?? "", false);
  }

  #pump(): void {
    const { pace, breaker, to } = this.state;
    while (
      this.#stopped === undefined &&
      !this.#buffer.empty &&
      this.#calls < pace.concurrency &&
      breaker.closed === undefined
    ) {
      const now = this.#work.clock.monotonic();
      const most = Math.max(1, Math.min(to.limits.batch, Math.ceil(pace.keysPerSecond(now) * CALL_SHARE)));
      // With a call under way, a batch may still become whole.
      if (this.#calls > 0 && !this.#buffer.hasWhole(most)) return;
      const wait = pace.waitMs(now);
      if (wait > 0) {
        this.#wakeIn(wait);
        return;
      }
      const batch = this.#buffer.take(most);
      pace.began(batch.length, now);
      this.#start(batch, false);
    }
  }

  #wakeIn(ms: number): void {
    this.#cancel?.();
    this.#cancel = this.#work.clock.after(ms, () => {
      this.#cancel = undefined;
      this.#pump();
    });
  }

  #start(batch: RoutedItem[], probing: boolean): void {
    this.#calls += 1;
    void this.#run(batch, probing);
  }

  async #run(batch: RoutedItem[], probing: boolean): Promise<void> {
    try {
      const beganAt = this.#work.clock.monotonic();
      const usable = await this.#usable(batch, beganAt);
      if (usable.length > 0) await this.#call(usable, probing);
    } finally {
      this.#calls -= 1;
      this.#pump();
      this.#work.progressed();
    }
  }

  /** What of a batch may be deleted right now: its lease outlives the call, and the registry's answer is fresh. The rest is settled otherwise. */
  async #usable(batch: RoutedItem[], now: number): Promise<RoutedItem[]> {
    const { admission, clock } = this.#work;
    let usable = batch;
    const oldest = now - (admission?.freshForMs ?? Number.POSITIVE_INFINITY);
    if (admission !== undefined && flat(batch).some((item) => item.askedAt < oldest)) {
      usable = await this.#askAgain(admission, flatten(batch));
    }
    if (this.#stopped !== undefined) {
      this.#release(flatten(usable), clock.now(), this.#stopped, false);
      return [];
    }
    const until = clock.monotonic() + this.#work.callMs + STORE_GRACE_MS;
    if (!flat(usable).some((item) => item.lost || item.lease.heldUntil < until)) return usable;
    const all = flatten(usable);
    const lost = all.filter((item) => item.lost || item.lease.heldUntil < until);
    this.#release(lost, clock.now(), "its lease ended before its turn", false);
    return regroup(all.filter((item) => !lost.includes(item)));
  }

  async #askAgain(admission: Admission, items: RoutedItem[]): Promise<RoutedItem[]> {
    const askedAt = this.#work.clock.monotonic();
    const dead: RoutedItem[] = [];
    const kept: RoutedItem[] = [];
    const consequences: Consequence[] = [];
    try {
      const verdicts = await admission.admit(items);
      for (const [index, item] of items.entries()) {
        const verdict = verdicts[index];
        if (verdict === undefined) throw new TypeError("the admission did not answer one for one");
        if (verdict.kind === "delete") {
          item.askedAt = verdict.askedAt ?? askedAt;
          item.ref = verdict.ref;
          item.note = verdict.note;
          dead.push(item);
        } else {
          if (verdict.kind === "shared") item.ref = verdict.ref;
          kept.push(item);
          consequences.push(consequenceOfVerdict(verdict));
        }
      }
    } catch (error) {
      this.#release(items, this.#work.clock.now(), "the registry does not answer", false);
      this.#work.registryFailed(error);
      return [];
    }
    this.#submit(kept, consequences, askedAt);
    return regroup(dead);
  }

  async #call(batch: RoutedItem[], probing: boolean): Promise<void> {
    const { clock, callMs, stopNow } = this.#work;
    const beganAt = clock.monotonic();
    const targets = batch.map(({ target }) => target);
    const answer = await callStore(this.state.to.store, targets, clock, callMs, stopNow);
    this.#judge(batch, answer, beganAt, probing);
  }

  #judge(batch: RoutedItem[], answer: Answer, beganAt: number, probing: boolean): void {
    switch (answer.kind) {
      case "outcomes":
        this.#end(batch, answer.outcomes, answer.cut, beganAt, probing);
        return;
      case "outage":
        this.#outage(flatten(batch), answer.reason, false, probing);
        return;
      case "throttled":
        this.#paced({ beganAt, accepted: 0, throttled: batch.length });
        this.#throttled(flatten(batch), undefined, answer.reason, probing);
        return;
      case "rejected": {
        this.#answered();
        const [first] = batch;
        if (batch.length === 1 && first !== undefined) {
          this.#end(batch, [{ kind: "unknown", reason: answer.reason }], undefined, beganAt, probing);
          return;
        }
        const middle = Math.ceil(batch.length / 2);
        this.#buffer.addBatch(batch.slice(middle));
        this.#buffer.addBatch(batch.slice(0, middle));
        return;
      }
    }
  }

  #end(
    batch: RoutedItem[],
    outcomes: readonly Outcome[],
    cut: "late" | "stopped" | undefined,
    beganAt: number,
    probing: boolean,
  ): void {
    const { clock, maxAttempts, random } = this.#work;
    const items: RoutedItem[] = [];
    const consequences: Consequence[] = [];
    const bytes: (number | undefined)[] = [];
    const again: RoutedItem[] = [];
    const refused: RoutedItem[] = [];
    let unanswered = 0;
    let patienceMs = 0;
    let throttled = 0;
    const outage = outageReason(outcomes);
    const of: { -readonly [K in keyof Circumstances]: Circumstances[K] } = {
      attempts: 0,
      maxAttempts,
      now: clock.now().getTime(),
      random,
    };
    const judge = (item: RoutedItem, outcome: Outcome): Ending => {
      if (outcome.kind === "throttled") return "again";
      if (outcome.kind === "denied" && outcome.reason === outage) return "refused";
      of.attempts = item.entry.attempts;
      items.push(item);
      // What a stop or a probe cut off is no failure of the entry.
      const excused = outcome.kind === "unknown" && (cut === "stopped" || (cut === "late" && probing));
      consequences.push(
        excused ? released(new Date(of.now), outcome.reason, this.state.name) : consequenceOf(outcome, of),
      );
      return "ended";
    };
    for (let i = 0; i < batch.length; i++) {
      const item = batch[i]!;
      const outcome = outcomes[i]!;
      const twins = item.twins;
      const ending = judge(item, outcome);
      if (ending === "ended") {
        bytes.push(outcome.kind === "deleted" ? outcome.bytes : undefined);
        if (outcome.kind === "unknown") unanswered += 1;
      } else (ending === "again" ? again : refused).push(item);
      if (outcome.kind === "throttled") {
        throttled += 1;
        patienceMs = Math.max(patienceMs, outcome.retryAfterMs ?? 0);
      }
      if (twins === undefined) continue;
      item.twins = undefined;
      for (const twin of twins) {
        // Of another request or identity: that the first one differs says nothing of this one.
        const own = outcome.kind === "changed" ? "again" : judge(twin, outcome);
        if (own === "ended") bytes.push(undefined);
        else (own === "again" ? again : refused).push(twin);
      }
    }
    this.#submit(items, consequences, beganAt, bytes);
    if (cut !== "stopped") this.#paced({ beganAt, accepted: batch.length - throttled, throttled });
    if (outage !== undefined) this.#outage(refused, outage, true, probing);
    else if (cut === "late" && unanswered === batch.length)
      this.#outage([], "it does not answer in time", false, probing);
    else if (throttled < batch.length && cut !== "stopped") this.#answered();
    if (again.length > 0) {
      if (throttled < batch.length) this.#throttledInRow = 0;
      this.#throttled(again, patienceMs, "the backend asks for patience", probing, throttled < batch.length);
    }
  }

  /** The backend answered: it is there. */
  #answered(): void {
    const { breaker, to, group } = this.state;
    this.#throttledInRow = 0;
    if (breaker.succeeded()) this.#work.emitter.emit({ type: "lane.opened", store: to.id, group });
  }

  #paced(call: { readonly beganAt: number; readonly accepted: number; readonly throttled: number }): void {
    const { pace, meter, to, group } = this.state;
    const { clock, emitter } = this.#work;
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

  /** Tries again at the pace that is right now; `partly`: others of the same batch went through. */
  #throttled(
    items: RoutedItem[],
    patienceMs: number | undefined,
    reason: string,
    probing: boolean,
    partly: boolean = false,
  ): void {
    const { clock } = this.#work;
    const { breaker, pace } = this.state;
    if (probing && !partly) {
      this.#outage(items, reason, false, true);
      return;
    }
    const pauseMs = Math.max(patienceMs ?? 0, partly ? 0 : FIRST_PAUSE_MS * 2 ** Math.min(this.#throttledInRow++, 6));
    // Alone and still too much: as good as down.
    if (!partly && this.#calls <= 1 && breaker.failed(reason, clock.now().getTime())) {
      this.#shut(items, reason);
      return;
    }
    if (breaker.closed === undefined && pauseMs <= LONGEST_PAUSE_MS) {
      pace.hold(pauseMs, clock.monotonic());
      this.#tryAgain(items, reason);
    } else {
      this.#release(items, new Date(clock.now().getTime() + Math.max(pauseMs, 1000)), reason, true);
    }
  }

  /** Nothing was done, and no entry is to blame. `denied`: the backend is there, but refuses. */
  #outage(items: RoutedItem[], reason: string, denied: boolean, probing: boolean): void {
    const { breaker, pace, to } = this.state;
    const { clock } = this.#work;
    const now = clock.now().getTime();
    this.state.lastError = reason;
    if (probing) {
      const at = breaker.probeFailed(reason, denied, now, to.limits.batch);
      this.#release(items, new Date(at), reason, true);
    } else if (breaker.closed !== undefined) {
      this.#release(items, this.#probeAt(), reason, true);
    } else if (breaker.failed(reason, now)) {
      this.#shut(items, reason);
    } else {
      pace.hold(FIRST_PAUSE_MS * 2 ** (breaker.failures - 1), clock.monotonic());
      this.#tryAgain(items, reason);
    }
  }

  #shut(items: RoutedItem[], reason: string): void {
    const { breaker, to, group } = this.state;
    this.state.lastError = reason;
    this.#work.emitter.emit({
      type: "lane.closed",
      store: to.id,
      group,
      reason,
      probeInMs: breaker.closed?.intervalMs ?? 0,
    });
    this.#release([...items, ...this.#buffer.clear()], this.#probeAt(), reason, true);
  }

  #tryAgain(items: RoutedItem[], reason: string): void {
    const tired: RoutedItem[] = [];
    const fit: RoutedItem[] = [];
    for (const item of items) (++item.tries > MOST_TRIES || this.#stopped !== undefined ? tired : fit).push(item);
    this.#buffer.addAgain(fit);
    const at = new Date(this.#work.clock.now().getTime() + (this.#stopped !== undefined ? 0 : LONGEST_PAUSE_MS));
    this.#release(tired, at, reason, true);
  }

  #probeAt(): Date {
    return new Date(this.state.breaker.closed?.probeAt ?? this.#work.clock.now().getTime());
  }

  #release(items: RoutedItem[], visibleAt: Date, reason: string, named: boolean): void {
    const one = released(visibleAt, reason, named ? this.state.name : undefined);
    this.#submit(
      items,
      items.map(() => one),
      this.#work.clock.monotonic(),
    );
  }

  #submit(
    items: readonly RoutedItem[],
    consequences: readonly Consequence[],
    beganAt: number,
    bytes?: readonly (number | undefined)[],
  ): void {
    if (items.length === 0) return;
    this.#backlog -= items.length;
    const { to, group } = this.state;
    this.#work.submit({ store: to.id, group, items, consequences, beganAt, ...(bytes === undefined ? {} : { bytes }) });
  }
}

/** The entries of a batch with their twins, to be looked at. */
function flat(batch: readonly RoutedItem[]): readonly RoutedItem[] {
  return batch.some(({ twins }) => twins !== undefined)
    ? batch.flatMap((item) => (item.twins === undefined ? [item] : [item, ...item.twins]))
    : batch;
}

/** One batch of distinct keys again. */
function regroup(items: readonly RoutedItem[]): RoutedItem[] {
  const buffer = new LaneBuffer();
  for (const item of items) buffer.add(item);
  return buffer.take(Number.POSITIVE_INFINITY);
}
