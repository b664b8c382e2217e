import { ScrubberError, isScrubberError, type ErrorCode } from "@scrubber/core";
import type { Admission } from "./admission.ts";
import type { RunSummary } from "./summary.ts";
import type { Clock } from "./clock.ts";
import { Drain, type Stops } from "./drain.ts";
import type { Emitter } from "./emitter.ts";
import type { Health } from "./health.ts";
import { Intake } from "./intake.ts";
import { interruptible } from "./interruptible.ts";
import type { RoutedItem, WorkQueue } from "./item.ts";
import { Lane } from "./lane.ts";
import type { LaneWork } from "./lane-work.ts";
import type { Lanes } from "./lanes.ts";
import { LeasePlan } from "./lease-plan.ts";
import { Leases } from "./leases.ts";
import type { ReceiptLog } from "./receipts.ts";
import type { Recorder } from "./record.ts";
import type { Router } from "./routing.ts";
import { Settling, type Backbone } from "./settling.ts";
import { Tally } from "./tally.ts";
import type { RunningTotals } from "./totals.ts";

/** What a pass works with. All calls of queue and registry are bounded in time. */
export interface PassEnvironment {
  readonly clock: Clock;
  readonly queue: WorkQueue;
  readonly admission: Admission | undefined;
  readonly receipts: Pick<ReceiptLog, "append" | "head" | "ready"> | undefined;
  /** Made anew for each pass. */
  readonly recorder: ((recorded: (imageId: string) => void) => Recorder) | undefined;
  readonly router: Router;
  readonly lanes: Lanes;
  readonly health: Health;
  readonly totals: Pick<RunningTotals, "save">;
  readonly emitter: Emitter;
  readonly random: () => number;
  readonly batch: number;
  readonly maxAttempts: number;
  readonly leaseMs: number;
  readonly callMs: number;
  readonly drainMs: number;
}

const STOPPED = "stopped before its turn";
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
  readonly #plan: LeasePlan;
  readonly #drain: Drain;
  #outage: { readonly of: Backbone; readonly error: ScrubberError } | undefined;
  #defect: Error | undefined;
  #changed: () => void = () => {};
  #notesAt = Number.NEGATIVE_INFINITY;

  constructor(env: PassEnvironment) {
    this.#env = env;
    const { clock, queue, emitter, receipts, router } = env;
    this.#drain = new Drain(clock, env.drainMs, () => {
      this.#stopped();
    });
    const admission = env.admission === undefined ? undefined : interruptible(env.admission, this.#drain.cut);
    const progressed = (): void => {
      this.#changed();
    };
    const broke = this.#broke.bind(this);
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
      broke,
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
      stopNow: this.#drain.cut,
      submit,
      progressed,
      broke,
      registryFailed: (error) => {
        this.#fail("registry", error);
      },
    };
    this.#plan = new LeasePlan({ clock, health: env.health, known: env.lanes, lanes: this.#lanes, batch: env.batch });
    this.#intake = new Intake({
      clock,
      router,
      admission,
      ready: async () => receipts?.ready(this.#leases.open),
      submit,
      lane: (item) => this.#lane(item),
      detour: (lane) => this.#plan.detour(lane),
    });
  }

  /** @throws What did not answer, if nothing at all could be done; and what nobody foresaw. */
  async run(stops: Stops): Promise<RunSummary> {
    const { clock, emitter, receipts } = this.#env;
    const beganAt = clock.monotonic();
    const headBefore = receipts?.head();
    using _ = this.#drain.follow(stops);
    try {
      const ended = await Promise.race([this.#through().then(() => true), this.#drain.over.then(() => false)]);
      if (!ended) emitter.emit({ type: "daemon.gaveUp", leased: this.#leases.open });
      if (!ended || this.#defect !== undefined) this.#tally.releaseRest();
    } finally {
      this.#leases.stop();
      this.#drain[Symbol.dispose]();
      this.#env.lanes.prune();
    }
    const summary = this.#tally.summary(Math.round(clock.monotonic() - beganAt) / 1000);
    const receiptsHead = receipts?.head();
    const wrote = receiptsHead !== undefined && receiptsHead !== headBefore;
    emitter.emit({ type: "run.finished", summary, ...(wrote && { receiptsHead }) });
    if (this.#defect !== undefined) throw this.#defect;
    if (this.#outage !== undefined && !this.#tally.achieved) throw this.#outage.error;
    return summary;
  }

  /** All of it, without a limit of time. Never rejects. */
  async #through(): Promise<void> {
    const { clock, emitter, queue } = this.#env;
    const startedAt = clock.now().getTime();
    try {
      const { waiting, due } = await queue.stats();
      emitter.emit({ type: "run.started", waiting, due });
      await this.#loop(startedAt);
    } catch (error) {
      this.#fail("queue", error);
    }
    await this.#rest();
    if (this.#outage?.of !== "queue") await this.#save().catch((error: unknown) => this.#fail("queue", error));
  }

  /** Now and then: lets others see how far it is, and looks what they have found. */
  async #refresh(): Promise<void> {
    const { clock } = this.#env;
    if (this.#drain.begun || clock.monotonic() - this.#notesAt < NOTES_FRESH_MS) return;
    if (this.#tally.leased > 0) await this.#save();
    await this.#env.health.load();
    this.#notesAt = clock.monotonic();
  }

  async #save(): Promise<void> {
    await this.#env.health.save();
    await this.#env.totals.save();
  }

  async #loop(startedAt: number): Promise<void> {
    const { health, batch } = this.#env;
    while (!this.#drain.begun) {
      await this.#refresh();
      if (health.allPaused) return;
      if (this.#leases.open >= MOST_LEASES * batch || !this.#plan.room) {
        await this.#change(LOOK_MS);
        continue;
      }
      const { limit, exceptLanes, probing } = this.#plan.next();
      const { lease, entries } = await this.#leases.take(limit, exceptLanes);
      if (entries.length === 0) {
        if (this.#leases.open === 0) return;
        // Nothing more for now: but what is under way may come back, and full lanes may have more.
        while (!this.#drain.begun && this.#leases.open > 0 && !this.#plan.roomAgain) {
          await this.#change(NOTES_FRESH_MS);
          await this.#refresh();
        }
        continue;
      }
      this.#tally.leased += entries.length;
      try {
        this.#plan.took(await this.#intake.take(lease, entries), probing);
      } catch (error) {
        if (isScrubberError(error, "SCRUBBER_RECEIPTS_UNAVAILABLE")) this.#fail("receipts", error);
        else if (isScrubberError(error)) this.#fail("registry", error);
        else this.#broke(error);
        return;
      }
      // What comes due while the pass runs is for the next one.
      if (entries.every(({ dueAt }) => dueAt.getTime() > startedAt)) return;
    }
  }

  #lane({ to, target: { group } }: RoutedItem): Lane {
    const state = this.#env.lanes.get(to, group);
    let lane = this.#lanes.get(state.name);
    if (lane === undefined) {
      lane = new Lane(state, this.#work);
      if (this.#drain.begun) lane.stop(STOPPED);
      this.#lanes.set(state.name, lane);
    }
    return lane;
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
    if (this.#drain.cut.aborted && isScrubberError(cause, "SCRUBBER_ABORTED")) {
      this.#drain.begin();
      return;
    }
    const error = isScrubberError(cause)
      ? cause
      : new ScrubberError(UNAVAILABLE[of], `the ${of} failed in a way of its own`, { cause });
    if (this.#outage === undefined) {
      this.#outage = { of, error };
      this.#env.emitter.emit({ type: "outage", of, code: error.code, message: error.message });
    }
    this.#drain.begin();
  }

  /** What nobody foresaw, in a plugin or here: no outage. All is handed back, and the run rejects. */
  #broke(cause: unknown): void {
    // Only a ScrubberError's words are known to be free of secrets.
    const what = cause instanceof Error ? cause.name : typeof cause;
    this.#defect ??= new Error(`the run was broken off by what nobody foresaw (${what}), in a plugin or in Scrubber`, {
      cause,
    });
    this.#drain.begin();
  }

  #stopped(): void {
    const reason = this.#outage === undefined ? STOPPED : this.#outage.error.message;
    for (const lane of this.#lanes.values()) lane.stop(reason);
    this.#changed();
  }

  /** Waits for what is under way. */
  async #rest(): Promise<void> {
    let isTold = false;
    while (this.#leases.open > 0) {
      if (this.#drain.begun && !isTold) {
        isTold = true;
        this.#env.emitter.emit({ type: "daemon.draining", leased: this.#leases.open });
      }
      await this.#change();
    }
  }
}
