import type { NewEntry } from "@scrubber/core";
import {
  createMemoryQueue,
  createMemoryStore,
  memoryQueue,
  memoryRegistry,
  memoryStore,
  type MemoryQueue,
  type MemoryRegistry,
  type MemoryStore,
  type MemoryStoreOptions,
} from "@scrubber/core/memory";
import {
  createScrubber,
  type Config,
  type RunSummary,
  type Scrubber,
  type ScrubberEvent,
  type Surroundings,
} from "../src/index.ts";
import type { Clock } from "../src/clock.ts";

interface Timer {
  readonly at: number;
  readonly run: () => void;
}

/** A clock that moves only when a test moves it, or jumps to the next timer while a test waits for something. */
export class TestClock implements Clock {
  #ms = 0;
  readonly #start: number;
  #timers: Timer[] = [];

  constructor(start: Date = new Date("2026-01-01T00:00:00Z")) {
    this.#start = start.getTime();
  }

  readonly now = (): Date => new Date(this.#start + this.#ms);
  readonly monotonic = (): number => this.#ms;
  readonly after = (ms: number, run: () => void): (() => void) => {
    const timer = { at: this.#ms + Math.max(0, ms), run };
    this.#timers.push(timer);
    return () => {
      this.#timers = this.#timers.filter((other) => other !== timer);
    };
  };

  get timers(): number {
    return this.#timers.length;
  }

  /** Moves on, running what comes due in its order. */
  advance(ms: number): void {
    const until = this.#ms + ms;
    for (;;) {
      const next = this.#next();
      if (next === undefined || next.at > until) break;
      this.#run(next);
    }
    this.#ms = until;
  }

  /** Waits for `promise`; whenever nothing else happens, jumps to the next timer. */
  async until<T>(promise: Promise<T>, when: () => boolean = () => true): Promise<T> {
    let settled = false;
    const done = promise.finally(() => {
      settled = true;
    });
    done.catch(() => {});
    while (!settled) {
      await quiet(() => settled);
      if (settled) break;
      const next = this.#next();
      if (next === undefined) throw new Error("it waits for something that is no timer");
      if (!when()) throw new Error("the test has waited for long enough");
      this.#run(next);
    }
    return done;
  }

  #next(): Timer | undefined {
    let next: Timer | undefined;
    for (const timer of this.#timers) if (next === undefined || timer.at < next.at) next = timer;
    return next;
  }

  #run(timer: Timer): void {
    this.#timers = this.#timers.filter((other) => other !== timer);
    this.#ms = Math.max(this.#ms, timer.at);
    timer.run();
  }
}

/** Lets everything run that waits for no timer. */
export async function quiet(enough: () => boolean = () => false): Promise<void> {
  for (let i = 0; i < 20 && !enough(); i++) await new Promise((resolve) => setImmediate(resolve));
}

export interface World extends AsyncDisposable {
  readonly clock: TestClock;
  readonly queue: MemoryQueue;
  readonly stores: Readonly<Record<string, MemoryStore>>;
  readonly scrubber: Scrubber;
  readonly events: ScrubberEvent[];
}

export interface WorldOptions {
  /** By id; default: one, `memory`. The scheme of each is its id. */
  readonly stores?: Readonly<Record<string, MemoryStoreOptions>>;
  readonly scrub?: NonNullable<Config["scrub"]>;
  readonly registry?: (clock: TestClock) => MemoryRegistry;
  readonly sweep?: Config["sweep"];
  readonly receipts?: Config["receipts"];
  readonly clock?: TestClock;
  readonly queue?: MemoryQueue;
  readonly surroundings?: Surroundings;
}

/** A scrubber on fakes, and a hand on each of them. */
export async function createWorld(options: WorldOptions = {}): Promise<World> {
  const clock = options.clock ?? new TestClock();
  const queue = options.queue ?? createMemoryQueue({ now: clock.now });
  const stores: Record<string, MemoryStore> = {};
  for (const [id, own] of Object.entries(options.stores ?? { memory: {} })) {
    stores[id] = createMemoryStore({ now: clock.now, scheme: id, ...own });
  }
  const events: ScrubberEvent[] = [];
  const registry = options.registry?.(clock);
  const scrubber = await createScrubber(
    {
      queue: { use: memoryQueue, with: { instance: queue } },
      stores: Object.entries(stores).map(([id, instance]) => ({ id, use: memoryStore, with: { instance } })),
      ...(registry === undefined ? {} : { registry: { use: memoryRegistry, with: { instance: registry } } }),
      ...(options.sweep === undefined ? {} : { sweep: options.sweep }),
      ...(options.receipts === undefined ? {} : { receipts: options.receipts }),
      ...(options.scrub === undefined ? {} : { scrub: options.scrub }),
    },
    {
      now: clock.now,
      timers: clock,
      onEvent: (event) => events.push(event),
      ...options.surroundings,
    },
  );
  return {
    clock,
    queue,
    stores,
    scrubber,
    events,
    [Symbol.asyncDispose]: () => scrubber[Symbol.asyncDispose](),
  };
}

const COUNTED = ["deleted", "absent", "marker", "kept", "held", "retried", "released", "setAside"] as const;

/** What `leased` must be. */
export function sumOf(summary: RunSummary): number {
  return COUNTED.reduce((total, key) => total + summary[key], 0);
}

/** `count` entries of one group, one image each: `SCHEME://GROUP/PREFIX0` and so on. */
export function entriesOf(count: number, place: string = "memory://group/object"): NewEntry[] {
  return Array.from({ length: count }, (_, index) => ({
    imageId: `${place}-${index}`,
    location: { uri: `${place}${index}` },
  }));
}
