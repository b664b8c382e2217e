import type { Registry } from "@scrubber/core";
import { createMemoryQueue, createMemoryStore, type MemoryQueue, type MemoryStore } from "@scrubber/core/memory";
import type { Admission } from "../src/admission.ts";
import { Emitter } from "../src/emitter.ts";
import type { ScrubberEvent } from "../src/events.ts";
import { Health } from "../src/health.ts";
import { Lanes } from "../src/lanes.ts";
import { Pass } from "../src/pass.ts";
import type { Receipt, ReceiptLog } from "../src/receipts.ts";
import { Recorder } from "../src/record.ts";
import { Router, type Routed } from "../src/routing.ts";
import { RunningTotals } from "../src/totals.ts";
import type { Verdict } from "../src/verdict.ts";
import { TestClock } from "./world.ts";

export interface PassWorld {
  readonly clock: TestClock;
  readonly queue: MemoryQueue;
  readonly store: MemoryStore;
  readonly events: ScrubberEvent[];
  readonly receipts: Receipt[];
  readonly receiptLog: Pick<ReceiptLog, "append" | "head" | "ready">;
  readonly pass: () => Pass;
}

export interface PassWorldOptions {
  readonly admit?: (batch: readonly Routed[], clock: TestClock) => readonly Verdict[] | Promise<readonly Verdict[]>;
  readonly registry?: Registry;
  readonly batch?: number;
  readonly limits?: { readonly batch: number; readonly concurrency: number };
  readonly drainMs?: number;
  readonly random?: () => number;
}

/** One pass at a time on fakes, with an admission that a test writes itself. */
export function createPassWorld(options: PassWorldOptions = {}): PassWorld {
  const clock = new TestClock();
  const queue = createMemoryQueue({ now: clock.now });
  const store = createMemoryStore({ now: clock.now });
  const to = { id: "memory", store, limits: options.limits ?? store.limits };
  const stores = new Map([["memory", to]]);
  const lanes = new Lanes();
  const events: ScrubberEvent[] = [];
  const emitter = new Emitter({ debug() {}, info() {}, warn() {}, error() {} });
  emitter.on((event) => events.push(event));
  const receipts: Receipt[] = [];
  const receiptLog = {
    append: (more: readonly Receipt[]) => {
      receipts.push(...more);
      return Promise.resolve();
    },
    head: () => undefined,
    ready: () => Promise.resolve(),
  };
  const { admit, registry } = options;
  const admission: Admission | undefined =
    admit === undefined ? undefined : { freshForMs: 30_000, admit: async (batch) => admit(batch, clock) };
  return {
    clock,
    queue,
    store,
    events,
    receipts,
    receiptLog,
    pass: () =>
      new Pass({
        clock,
        queue,
        admission,
        receipts: receiptLog,
        recorder: registry === undefined ? undefined : (recorded) => new Recorder(registry, queue, recorded),
        router: new Router([to]),
        lanes,
        health: new Health(queue, stores, lanes, clock),
        totals: new RunningTotals(queue, clock.now),
        emitter,
        random: options.random ?? (() => 0.5),
        batch: options.batch ?? 1000,
        maxAttempts: 10,
        leaseMs: 600_000,
        callMs: 120_000,
        drainMs: options.drainMs ?? 30_000,
      }),
  };
}

/** Makes each deletion take so long. */
export function slowDown(store: MemoryStore, clock: TestClock, ms: number): void {
  const plain = store.delete.bind(store);
  store.delete = async (targets, call) => {
    await new Promise<void>((resolve) => {
      const cancel = clock.after(ms, resolve);
      call.signal.addEventListener("abort", () => {
        cancel();
        resolve();
      });
    });
    return plain(targets, call);
  };
}
