import { ScrubberError, isScrubberError, type ErrorCode } from "@scrubber/core";
import type { Admission } from "./admission.ts";
import type { RunSummary } from "./api.ts";
import { sleep, type Clock } from "./clock.ts";
import type { Emitter } from "./emitter.ts";
import type { Health } from "./health.ts";
import { Intake, type Detour } from "./intake.ts";
import type { RoutedItem, WorkQueue } from "./item.ts";
import { Lane } from "./lane.ts";
import type { LaneWork } from "./lane-work.ts";
import type { Lanes } from "./lanes.ts";
import { Leases } from "./leases.ts";
import type { ReceiptLog } from "./receipts.ts";
import type { Recorder } from "./record.ts";
import type { Router } from "./routing.ts";
import { Settling, type Backbone } from "./settling.ts";
import { Tally } from "./tally.ts";

/** What a pass works with. All calls of queue and registry are bounded in time. */
export interface PassEnvironment {
  readonly clock: Clock;
  readonly queue: WorkQueue;
  readonly admission: Admission | undefined;
  readonly receipts: Pick<ReceiptLog, "append"> | undefined;
  /** Made anew for each pass. */
  readonly recorder: ((recorded: (imageId: string) => void) => Recorder) | undefined;
  readonly router: Router;
  readonly lanes: Lanes;
  readonly health: Health;
  readonly emitter: Emitter;
  readonly random: () => number;
  readonly batch: number;
  readonly maxAttempts: number;
  readonly leaseMs: number;
  readonly callMs: number;
  readonly drainMs: number;
}

/** When a pass stops before its work is done. */
export interface Stops {
  /** Takes no more work; what is running may end, within the time to drain. */
  readonly signal?: AbortSignal | undefined;
  /** Aborts what is running. */
  readonly stopNow?: AbortSignal | undefined;
}

const STOPPED = "stopped before its turn";
const MOST_SKIMMED = 10_000;
const NOTES_FRESH_MS = 5000;
const LOOK_MS = 1000;
/** Leased entries at once, in leases: what a pass has in memory at most. */
const MOST_LEASES = 16;
const UNAVAILABLE: Readonly<Record<Backbone, ErrorCode>> = {
  queue: "SCRUBBER_QUEUE_UNAVAILABLE",
  registry: "SCRUBBER_REGISTRY_UNAVAILABLE",
  receipts: "SCRUBBER_RECEIPTS_UNAVAILABLE",
};

/** Works through what is due, once. */
export class Pass {
  readonly #env: PassEnvironment;
  readonly #tally = new Tally();
  readonly #leases: Leases;
  readonly #settling: Settling;
  readonly #intake: Intake;
  readonly #lanes = new Map<string, Lane>();
  readonly #work: LaneWork;
  readonly #stopNow = new AbortController();
  /** Lanes that the lease under way leaves out because they are full. */
  #leftOut = new Set<string>();
  #outage: { readonly of: Backbone; readonly error: ScrubberError } | undefined;
  #stopped = false;
  #changed: () => void = () => {};
  #notesAt = Number.NEGATIVE_INFINITY;
  #fullSince: number | undefined;
  #lookAt = Number.NEGATIVE_INFINITY;

  constructor(env: PassEnvironment) {
    this.#env = env;
    const { clock, queue, emitter, receipts, admission, router } = env;
    const progressed = (): void => {
      this.#changed();
    };
    const recorder = env.recorder?.((imageId) => {
      this.#tally.images += 1;
      emitter.emit({ type: "image.deleted", imageId });
    });
    this.#leases = new Leases(queue, clock, env.leaseMs, (error) => {
      this.#fail("queue", error);
    });
    this.#settling = new Settling({
      queue,
      leases: this.#leases,
      receipts,
      recorder,
      tally: this.#tally,
      clock,
      emitter,
      progressed,
      failed: (of, error) => {
        this.#fail(of, error);
      },
    });
    const submit = this.#settling.submit.bind(this.#settling);
    this.#work = {
      clock,
      emitter,
      admission,
      callMs: env.callMs,
      maxAttempts: env.maxAttempts,
      leased: env.batch,
      random: env.random,
      stopNow: this.#stopNow.signal,
      submit,
      progressed,
      registryFailed: (error) => {
        this.#fail("registry", error);
      },
    };
    this.#intake = new Intake({
      clock,
      router,
      admission,
      submit,
      lane: (item) => this.#lane(item),
      detour: (lane) => this.#detour(lane),
    });
  }

  /** @throws What did not answer, if nothing at all could be done. */
  async run(stops: Stops): Promise<RunSummary> {
    const { clock, emitter, health, queue } = this.#env;
    const beganAt = clock.monotonic();
    const startedAt = clock.now().getTime();
    const stop = (): void => {
      this.#stop();
    };
    const stopNow = (): void => {
      this.#stop();
      this.#stopNow.abort();
    };
    stops.signal?.addEventListener("abort", stop);
    stops.stopNow?.addEventListener("abort", stopNow);
    if (stops.signal?.aborted === true || stops.stopNow?.aborted === true) this.#stopped = true;
    try {
      try {
        const { waiting, due } = await queue.stats();
        emitter.emit({ type: "run.started", waiting, due });
        await this.#loop(startedAt);
      } catch (error) {
        this.#fail("queue", error);
      }
      await this.#drain();
      if (this.#outage?.of !== "queue") await health.save().catch((error: unknown) => this.#fail("queue", error));
    } finally {
      stops.signal?.removeEventListener("abort", stop);
      stops.stopNow?.removeEventListener("abort", stopNow);
      this.#leases.stop();
      this.#env.lanes.prune();
    }
    const summary = this.#tally.summary(Math.round(clock.monotonic() - beganAt) / 1000);
    emitter.emit({ type: "run.finished", summary });
    if (this.#outage !== undefined && !this.#tally.achieved) throw this.#outage.error;
    return summary;
  }

  async #loop(startedAt: number): Promise<void> {
    const { health, batch, clock } = this.#env;
    let limit = batch;
    let mayProbe = true;
    while (!this.#stopped) {
      if (clock.monotonic() - this.#notesAt > NOTES_FRESH_MS) {
        await health.load();
        this.#notesAt = clock.monotonic();
        if (health.allPaused) return;
      }
      if (!this.#hasRoom()) {
        await this.#change(LOOK_MS);
        continue;
      }
      const leftOut = this.#namesLeftOut();
      const probed: number | undefined = mayProbe ? this.#probeSize() : undefined;
      const { lease, entries } = await this.#leases.take(probed ?? limit, leftOut);
      if (entries.length === 0) {
        if (this.#leases.open === 0) return;
        // Nothing more for now: but what is under way may come back, and full lanes may have more.
        while (!this.#stopped && this.#leases.open > 0 && !this.#roomAgain()) await this.#change();
        continue;
      }
      this.#tally.leased += entries.length;
      let taken: number;
      try {
        taken = await this.#intake.take(lease, entries);
      } catch (error) {
        this.#fail("registry", error);
        return;
      }
      // A small lease that did not reach the lane to be tried: its entries are further back.
      mayProbe = probed === undefined || this.#probeSize() === undefined;
      if (taken > 0) limit = batch;
      else if (probed === undefined) limit = Math.min(limit * 2, MOST_SKIMMED);
      if (taken === 0 && this.#leftOut.size > 0) this.#lookAt = clock.monotonic() + LOOK_MS;
      // What comes due while the pass runs is for the next one.
      if (entries.every(({ dueAt }) => dueAt.getTime() > startedAt)) return;
    }
  }

  #lane({ to, target: { group } }: RoutedItem): Lane {
    const state = this.#env.lanes.get(to, group);
    let lane = this.#lanes.get(state.name);
    if (lane === undefined) {
      lane = new Lane(state, this.#work);
      if (this.#stopped) lane.stop(STOPPED);
      this.#lanes.set(state.name, lane);
    }
    return lane;
  }

  #detour({ state }: Lane): (Detour & { readonly take: number }) | undefined {
    const { health, clock } = this.#env;
    if (health.pausedStores.has(state.to.id)) {
      return { visibleAt: clock.now(), reason: "its store is paused", name: pausedName(state.to.id), take: 0 };
    }
    const { closed } = state.breaker;
    if (closed !== undefined) {
      const due = state.breaker.probeDue(clock.now().getTime()) && this.#lanes.get(state.name)?.idle !== false;
      const visibleAt = new Date(due ? clock.now() : closed.probeAt);
      return { visibleAt, reason: closed.reason, name: state.name, take: due ? closed.size : 0 };
    }
    if (this.#leftOut.has(state.name)) {
      return { visibleAt: clock.now(), reason: "others of its store are in front", name: state.name, take: 0 };
    }
    return undefined;
  }

  /** Whether to take more work now. Past a full lane others are looked for at once if they have nothing to do, else now and then. */
  #hasRoom(): boolean {
    if (this.#leases.open >= MOST_LEASES * this.#env.batch) return false;
    let full = false;
    let hungry = false;
    for (const lane of this.#lanes.values()) {
      if (lane.state.breaker.closed !== undefined) continue;
      if (lane.full) full = true;
      else if (lane.idle) hungry = true;
    }
    const now = this.#env.clock.monotonic();
    this.#fullSince = full ? (this.#fullSince ?? now) : undefined;
    if (this.#fullSince === undefined) return true;
    return now >= this.#lookAt && (hungry || now >= this.#fullSince + LOOK_MS);
  }

  /** What leases leave out: stores that are paused, lanes that are closed and not to be tried yet, lanes that are full. */
  #namesLeftOut(): ReadonlySet<string> {
    const { health, lanes, clock } = this.#env;
    const names = new Set<string>();
    for (const id of health.pausedStores) names.add(pausedName(id));
    const now = clock.now().getTime();
    for (const { breaker, name } of lanes.all()) {
      const trying = this.#lanes.get(name)?.idle === false;
      if (breaker.closed !== undefined && (trying || !breaker.probeDue(now))) names.add(name);
    }
    this.#leftOut = new Set();
    for (const [name, lane] of this.#lanes) if (lane.full) this.#leftOut.add(name);
    for (const name of this.#leftOut) names.add(name);
    return names;
  }

  /** How many entries a lane wants that is to be tried now; undefined: none is. */
  #probeSize(): number | undefined {
    const { lanes, clock, health, batch } = this.#env;
    const now = clock.now().getTime();
    for (const { breaker, name, to } of lanes.all()) {
      if (breaker.closed === undefined || !breaker.probeDue(now) || health.pausedStores.has(to.id)) continue;
      if (this.#lanes.get(name)?.idle !== false) return Math.min(breaker.closed.size, batch);
    }
    return undefined;
  }

  #roomAgain(): boolean {
    for (const name of this.#leftOut) if (this.#lanes.get(name)?.full !== true) return true;
    return false;
  }

  #change(atMost?: number): Promise<void> {
    return new Promise((resolve) => {
      const cancel = atMost === undefined ? undefined : this.#env.clock.after(atMost, () => this.#changed());
      this.#changed = () => {
        cancel?.();
        resolve();
      };
    });
  }

  #fail(of: Backbone, cause: unknown): void {
    const error = isScrubberError(cause)
      ? cause
      : new ScrubberError(UNAVAILABLE[of], `the ${of} failed in a way of its own`, { cause });
    if (this.#outage === undefined) {
      this.#outage = { of, error };
      this.#env.emitter.emit({ type: "outage", of, code: error.code, message: error.message });
    }
    this.#stop();
  }

  #stop(): void {
    if (this.#stopped) return;
    this.#stopped = true;
    const reason = this.#outage === undefined ? STOPPED : this.#outage.error.message;
    for (const lane of this.#lanes.values()) lane.stop(reason);
    this.#changed();
  }

  /** Waits for what is under way; once something said stop, no longer than the time to drain. */
  async #drain(): Promise<void> {
    const { clock, drainMs, emitter } = this.#env;
    const ended = new AbortController();
    let late: Promise<void> | undefined;
    while (this.#leases.open > 0) {
      if (this.#stopped && late === undefined) {
        emitter.emit({ type: "daemon.draining", leased: this.#leases.open });
        late = sleep(clock, drainMs, ended.signal).then(() => {
          if (!ended.signal.aborted) this.#stopNow.abort();
        });
      }
      await this.#change();
    }
    ended.abort();
    await late;
  }
}

/** The name by which leases leave out the entries of a paused store. */
function pausedName(storeId: string): string {
  return `paused:${storeId}`;
}
