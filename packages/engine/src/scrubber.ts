import { ScrubberError, type Finding, type Queue, type QueueEntry, type Registry } from "@scrubber/core";
import { createAdmission, type Admission } from "./admission.ts";
import type { Config, DryRunEntry, RestoreSummary, Scrubber, Status, Surroundings } from "./api.ts";
import { boundQueue, boundRegistry } from "./bounds.ts";
import type { Clock } from "./clock.ts";
import { checkConfig, type CheckedConfig } from "./config.ts";
import { configError } from "./config-problems.ts";
import { discard } from "./discard.ts";
import { dryRun } from "./dry-run.ts";
import { Emitter } from "./emitter.ts";
import type { ScrubberEvent } from "./events.ts";
import { Health } from "./health.ts";
import { Lanes } from "./lanes.ts";
import { PROBE_MS, probeAll } from "./probing.ts";
import { openAll, placeOf, type Opened } from "./opening.ts";
import { oldestReady, secondsSince } from "./overdue.ts";
import { Recorder } from "./record.ts";
import { createRestore } from "./restore.ts";
import { Router } from "./routing.ts";
import { Runs } from "./runs.ts";
import type { RunSummary, SweepSummary } from "./summary.ts";
import { SweepSchedule, sweptAt } from "./sweep-schedule.ts";
import { createSweep } from "./sweep.ts";
import { RunningTotals, totalsIn } from "./totals.ts";

const LEASE_MS = 600_000;
const CALL_MS = 120_000;

/**
 * Opens everything that the configuration names and makes a scrubber of it. Dispose of it to close everything.
 *
 * @throws {ScrubberError} `SCRUBBER_CONFIG_INVALID` (all problems at once) or the code of the one problem there is; what a plugin throws when it cannot be opened.
 */
export async function createScrubber(config: Config, surroundings: Surroundings = {}): Promise<Scrubber> {
  const checked = await checkConfig(config);
  if (checked.config === undefined) throw configError(checked.problems);
  const place = placeOf(surroundings);
  const { log, now, timers } = place;
  const opened = await openAll(checked.config, place);
  const emitter = new Emitter(log);
  if (surroundings.onEvent !== undefined) emitter.on(surroundings.onEvent);
  const clock: Clock = {
    now,
    monotonic: () => timers.monotonic(),
    after: (ms, run) => timers.after(ms, run),
  };
  try {
    return new Machine(checked.config, opened, clock, emitter);
  } catch (error) {
    await opened[Symbol.asyncDispose]();
    throw error;
  }
}

class Machine implements Scrubber {
  readonly queue: Queue;
  readonly registry: Registry | undefined;
  readonly stores: Scrubber["stores"];
  readonly #config: CheckedConfig;
  readonly #opened: Opened;
  readonly #clock: Clock;
  readonly #emitter: Emitter;
  readonly #queue: Queue;
  readonly #registry: Registry | undefined;
  readonly #router: Router;
  readonly #admission: Admission | undefined;
  readonly #health: Health;
  readonly #sweeps: SweepSchedule;
  readonly #runs: Runs;

  constructor(config: CheckedConfig, opened: Opened, clock: Clock, emitter: Emitter) {
    this.#config = config;
    this.#opened = opened;
    this.#clock = clock;
    this.#emitter = emitter;
    this.queue = opened.queue;
    this.registry = opened.registry;
    this.stores = new Map(Array.from(opened.stores.values(), ({ id, store }) => [id, store]));
    this.#queue = boundQueue(opened.queue, clock, CALL_MS);
    this.#registry = opened.registry === undefined ? undefined : boundRegistry(opened.registry, clock, CALL_MS);
    this.#router = new Router(opened.stores.values());
    const lanes = new Lanes();
    this.#health = new Health(this.#queue, opened.stores, lanes, clock);
    this.#admission =
      this.#registry === undefined
        ? undefined
        : createAdmission({
            registry: this.#registry,
            stores: [...opened.stores.values()],
            route: this.#router.route,
            unknownImage: config.scrub.unknownImage,
            delayMs: config.scrub.delayMs,
            now: clock.now,
            monotonic: clock.monotonic,
            emit: emitter.emit,
            notes: this.#queue,
          });
    this.#sweeps = new SweepSchedule({
      sweep:
        config.sweep === undefined
          ? undefined
          : createSweep({
              registry: this.#registry,
              queue: this.#queue,
              from: opened.sweepFrom,
              delayMs: config.scrub.delayMs,
              nextInMs: Math.max(config.sweep.everyMs, config.scrub.wakeupMs),
              now: clock.now,
              emit: emitter.emit,
            }),
      everyMs: config.sweep?.everyMs ?? 0,
      health: this.#health,
      clock,
      emitter,
    });
    const [queue, registry] = [this.#queue, this.#registry];
    const totals = new RunningTotals(queue, clock.now);
    emitter.on(totals.listen);
    const { batch, maxAttempts, drainMs, wakeupMs } = config.scrub;
    this.#runs = new Runs({
      pass: {
        clock,
        queue,
        admission: this.#admission,
        receipts: opened.receipts,
        recorder: registry === undefined ? undefined : (recorded) => new Recorder(registry, queue, recorded),
        router: this.#router,
        lanes,
        health: this.#health,
        totals,
        emitter,
        random: Math.random,
        batch,
        maxAttempts,
        leaseMs: LEASE_MS,
        callMs: CALL_MS,
        drainMs,
      },
      sweeps: this.#sweeps,
      wakeupMs,
    });
  }

  get receiptsHead(): string | undefined {
    return this.#opened.receipts?.head();
  }

  on(listener: (event: ScrubberEvent) => void): () => void {
    return this.#emitter.on(listener);
  }

  add(...args: Parameters<Queue["add"]>): ReturnType<Queue["add"]> {
    return this.#queue.add(...args);
  }

  runOnce({ signal }: { readonly signal?: AbortSignal } = {}): Promise<RunSummary> {
    return this.#runs.once(signal);
  }

  runForever(stops: { readonly signal: AbortSignal; readonly stopNow?: AbortSignal }): Promise<void> {
    return this.#runs.forever(stops);
  }

  async *dryRun({ signal }: { readonly signal?: AbortSignal } = {}): AsyncGenerator<DryRunEntry> {
    yield* dryRun({
      queue: this.#queue,
      router: this.#router,
      admission: this.#admission,
      clock: this.#clock,
      batch: this.#config.scrub.batch,
      callMs: CALL_MS,
      signal,
    });
  }

  sweep(options: { readonly signal?: AbortSignal } = {}): Promise<SweepSummary> {
    return this.#sweeps.run({ ...options, whole: true });
  }

  restore(imageId: string): Promise<RestoreSummary> {
    return createRestore({
      registry: this.#registry,
      queue: this.#queue,
      stores: [...this.#opened.stores.values()],
      route: this.#router.route,
      receipts: this.#opened.receipts,
      now: this.#clock.now,
    }).restore(imageId);
  }

  retry(filter: { readonly imageId?: string }): Promise<number> {
    return this.#queue.revive(filter, this.#clock.now());
  }

  discard(imageId: string, reason: string): Promise<number> {
    const { receipts } = this.#opened;
    return discard(imageId, reason, { queue: this.#queue, receipts, clock: this.#clock, leaseMs: LEASE_MS });
  }

  async pause(storeId?: string): Promise<void> {
    this.#known(storeId);
    await this.#health.pause(storeId);
  }

  async resume(storeId?: string): Promise<void> {
    this.#known(storeId);
    await this.#health.resume(storeId);
  }

  async status(): Promise<Status> {
    const stats = await this.#queue.stats();
    const notes = await this.#health.load();
    const now = this.#clock.now();
    return {
      ...stats,
      overdueSeconds: secondsSince(stats.oldestDueAt, now),
      readyOverdueSeconds: stats.due === 0 ? 0 : secondsSince(await oldestReady(this.#queue, now), now),
      stores: this.#health.statuses(notes),
      paused: this.#health.allPaused,
      lastSweepAt: sweptAt(notes),
      totals: totalsIn(notes) ?? null,
    };
  }

  async show(imageId: string): ReturnType<Scrubber["show"]> {
    const entries: QueueEntry[] = [];
    for await (const entry of this.#queue.entries({ imageId })) entries.push(entry);
    const images = await this.#registry?.images([imageId]);
    return { image: images?.get(imageId), entries };
  }

  async probe(options: {
    readonly write: boolean;
    readonly signal?: AbortSignal;
  }): Promise<ReadonlyMap<string, readonly Finding[]>> {
    return probeAll(this.#opened.stores, options, this.#clock, PROBE_MS);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#runs.close();
    await this.#opened[Symbol.asyncDispose]();
  }

  #known(storeId: string | undefined): void {
    if (storeId === undefined || this.stores.has(storeId)) return;
    throw new ScrubberError("SCRUBBER_USAGE", `there is no store "${storeId}"`, {
      hint: `The stores are: ${[...this.stores.keys()].join(", ")}.`,
    });
  }
}
