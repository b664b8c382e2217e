import type { Outcome } from "@scrubber/core";
import pLimit, { type LimitFunction } from "p-limit";
import type { Admission } from "./admission.ts";
import { flatten, LaneBuffer, regroup, withTwins } from "./buffer.ts";
import { released, type Consequence } from "./consequences.ts";
import type { RoutedItem } from "./item.ts";
import { judge } from "./judgement.ts";
import { Setbacks } from "./lane-setbacks.ts";
import type { LaneWork } from "./lane-work.ts";
import type { LaneState } from "./lanes.ts";
import { callStore, STORE_GRACE_MS, type Answer, type Cut } from "./store-call.ts";
import { sortByVerdict } from "./verdicts.ts";

/** An entry of which the registry's answer was too old by the time it came is not asked about again at once. */
const LATE_ANSWER_PAUSE_MS = 30_000;
/** How many seconds of work a lane takes in. */
const SECONDS_AHEAD = 5;

/** The work of one pass for one store and group. */
export class Lane {
  readonly state: LaneState;
  readonly #work: LaneWork;
  readonly #buffer = new LaneBuffer();
  /** Most entries that it takes in, however fast it is. */
  readonly #most: number;
  /** Entries that it has, waiting or under way. */
  #backlog = 0;
  /** The ceiling of calls at once; the pace moves below it, so that nothing is ever handed over only to wait. */
  readonly #limit: LimitFunction;
  readonly #setbacks: Setbacks;
  /** Why it begins no more calls. */
  #stopped: string | undefined;
  #cancel: (() => void) | undefined;

  constructor(state: LaneState, work: LaneWork) {
    this.state = state;
    this.#work = work;
    const { batch, concurrency } = state.to.limits;
    this.#limit = pLimit(concurrency);
    this.#setbacks = new Setbacks({
      state,
      work,
      buffer: this.#buffer,
      calls: () => this.#calls,
      stopped: () => this.#stopped !== undefined,
      release: (items, visibleAt, reason) => this.#release(items, visibleAt, reason, true),
    });
    this.#most = Math.max(2 * work.leased, batch * Math.min(concurrency, 8));
  }

  get #calls(): number {
    return this.#limit.activeCount + this.#limit.pendingCount;
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
    this.#release(this.#buffer.clear(), this.#setbacks.probeAt, this.state.breaker.closed?.reason ?? "", true);
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
      this.#calls < Math.min(pace.concurrency, to.limits.concurrency) &&
      breaker.closed === undefined
    ) {
      const now = this.#work.clock.monotonic();
      const most = Math.min(to.limits.batch, pace.keysAtOnce(now));
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
    void this.#limit(() => this.#run(batch, probing))
      .catch((error: unknown) => {
        // Stops this lane, too: all that it still has is handed back.
        this.#work.broke(error);
        const left = flatten(batch).filter(({ answered }) => !answered);
        this.#release(left, this.#work.clock.now(), "it could not be worked on", false);
      })
      .finally(() => {
        this.#pump();
        this.#work.progressed();
      });
  }

  async #run(batch: RoutedItem[], probing: boolean): Promise<void> {
    const beganAt = this.#work.clock.monotonic();
    const usable = await this.#usable(batch, beganAt);
    if (usable.length > 0) await this.#call(usable, probing);
  }

  /** What of a batch may be deleted right now: its lease outlives the call, and the registry's answer is fresh. The rest is settled otherwise. */
  async #usable(batch: RoutedItem[], now: number): Promise<RoutedItem[]> {
    const { admission, clock } = this.#work;
    let usable = batch;
    const freshForMs = admission?.freshForMs ?? Number.POSITIVE_INFINITY;
    if (admission !== undefined && withTwins(batch).some((item) => item.askedAt < now - freshForMs)) {
      usable = await this.#askAgain(admission, flatten(batch));
    }
    if (this.#stopped !== undefined) {
      this.#release(flatten(usable), clock.now(), this.#stopped, false);
      return [];
    }
    const right = clock.monotonic();
    const ends = right + this.#work.callMs + STORE_GRACE_MS;
    const held = (item: RoutedItem): boolean => !item.lost && item.lease.heldUntil >= ends;
    const fresh = (item: RoutedItem): boolean => item.askedAt >= right - freshForMs;
    if (withTwins(usable).every((item) => held(item) && fresh(item))) return usable;
    const all = flatten(usable);
    this.#release(
      all.filter((item) => !held(item)),
      clock.now(),
      "its lease ended before its turn",
      false,
    );
    this.#release(
      all.filter((item) => held(item) && !fresh(item)),
      new Date(clock.now().getTime() + LATE_ANSWER_PAUSE_MS),
      "the registry answers too late",
      false,
    );
    return regroup(all.filter((item) => held(item) && fresh(item)));
  }

  async #askAgain(admission: Admission, items: RoutedItem[]): Promise<RoutedItem[]> {
    const askedAt = this.#work.clock.monotonic();
    try {
      const { dead, kept, consequences } = sortByVerdict(items, await admission.admit(items), 0, askedAt);
      this.#submit(kept, consequences, askedAt);
      return regroup(dead);
    } catch (error) {
      this.#release(items, this.#work.clock.now(), "the registry does not answer", false);
      this.#work.registryFailed(error);
      return [];
    }
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
        this.#setbacks.outage(flatten(batch), answer.reason, false, probing);
        return;
      case "throttled":
        this.#setbacks.paced({ beganAt, accepted: 0, throttled: batch.length });
        this.#setbacks.requestThrottled(flatten(batch), answer.reason, probing);
        return;
      case "rejected": {
        this.#setbacks.answered();
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

  #end(batch: readonly RoutedItem[], outcomes: readonly Outcome[], cut: Cut, beganAt: number, probing: boolean): void {
    const { clock, maxAttempts, random } = this.#work;
    const judgement = judge(batch, outcomes, {
      cut,
      probing,
      lane: this.state.name,
      maxAttempts,
      now: clock.now().getTime(),
      random,
    });
    const { throttled, outage } = judgement;
    const partly = throttled < batch.length;
    this.#submit(judgement.items, judgement.consequences, beganAt, judgement.bytes);
    if (cut !== "stopped") this.#setbacks.paced({ beganAt, accepted: batch.length - throttled, throttled });
    if (outage !== undefined) this.#setbacks.outage(judgement.refused, outage, true, probing);
    else if (cut === "late" && judgement.unknown === batch.length) {
      this.#setbacks.outage([], "it does not answer in time", false, probing);
    } else if (partly && cut !== "stopped") this.#setbacks.answered();
    if (judgement.again.length === 0) return;
    if (probing && !partly) this.#setbacks.outage(judgement.again, "every key was throttled", false, true);
    else this.#setbacks.keysThrottled(judgement.again, judgement.patienceMs, partly);
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
