import { resolve } from "node:path";
import {
  isScrubberError,
  ScrubberError,
  type AnyPlugin,
  type Context,
  type Logger,
  type Queue,
  type QueueContext,
  type QueuePlugin,
  type Registry,
} from "@scrubber/core";
import type { Surroundings } from "./api.ts";
import { bounded, systemTimers, type Timers } from "./clock.ts";
import type { CheckedConfig } from "./config.ts";
import type { CheckedPlugin } from "./config-plugins.ts";
import { openPlugin } from "./opened-plugin.ts";
import { OwnPaths } from "./own-paths.ts";
import { openReceiptLog, type ReceiptLog } from "./receipts.ts";
import type { OpenStore } from "./routing.ts";

/** All that a configuration names, opened. Disposing of it closes everything, in reverse. */
export interface Opened extends AsyncDisposable {
  readonly registry: Registry | undefined;
  readonly queue: Queue;
  /** The queue that the sweep reads instead of the registry. */
  readonly sweepFrom: Queue | undefined;
  readonly stores: ReadonlyMap<string, OpenStore>;
  readonly receipts: ReceiptLog | undefined;
}

const CLOSE_MS = 10_000;

/** What is opened with. */
export interface Place {
  readonly log: Logger;
  readonly now: () => Date;
  readonly timers: Timers;
  readonly baseDirectory: string;
}

/** With the default of each. */
export function placeOf({ log, now, timers, baseDirectory }: Surroundings): Place {
  return {
    log: log ?? SILENT,
    now: now ?? (() => new Date()),
    timers: timers ?? systemTimers,
    baseDirectory: baseDirectory ?? process.cwd(),
  };
}

const SILENT: Logger = { debug() {}, info() {}, warn() {}, error() {} };

/**
 * Opens registry, queue and stores, in that order. If one cannot be opened, those that are open are closed again.
 *
 * @throws {ScrubberError} What the plugin throws; `SCRUBBER_PLUGIN_INVALID` for what it opened but is not of its kind; `SCRUBBER_CONFIG_INVALID` for a queue
 *   that cannot be leased from, and for a store that deletes where queue, registry or receipts are.
 */
export async function openAll(config: CheckedConfig, place: Place): Promise<Opened> {
  await using opening = new Opening(config, place);
  const registry = await opening.registry();
  const queue = await opening.queue(config.queue, "queue", registry);
  if (!queue.supports.lease) {
    throw new ScrubberError(
      "SCRUBBER_CONFIG_INVALID",
      `queue.use: nothing can be leased from the queue "${config.queue.plugin.name}": it can only be read`,
      { hint: "Put it under sweep.from, and name another plugin under queue (for one machine, @scrubber/queue-file)." },
    );
  }
  const from = config.sweep?.from;
  const sweepFrom = from === undefined ? undefined : await opening.queue(from, "sweep", registry);
  const stores = await opening.stores();
  const receipts = opening.receipts();
  return { registry, queue, sweepFrom, stores, receipts, ...opening.done() };
}

/** What can be opened without changing anything: a queue that is not there would be made. */
export type OpenedStores = Pick<Opened, "registry" | "stores"> & AsyncDisposable;

/** As {@link openAll}, but of the queue it is only asked where it would be. */
export async function openStores(config: CheckedConfig, place: Place): Promise<OpenedStores> {
  await using opening = new Opening(config, place);
  const registry = await opening.registry();
  await opening.placeOfQueue(registry);
  const stores = await opening.stores();
  opening.receipts();
  return { registry, stores, ...opening.done() };
}

/** Thrown where a plugin asks for a path, so that it does nothing more. */
const NO_FURTHER = new Error("no further than its path");

/** Opens one thing after the other. Disposing of it closes what is open, unless all was `done`. */
class Opening implements AsyncDisposable {
  readonly #config: CheckedConfig;
  readonly #place: Place;
  readonly #opened = new AsyncDisposableStack();
  readonly #paths = new OwnPaths();

  constructor(config: CheckedConfig, place: Place) {
    this.#config = config;
    this.#place = place;
  }

  async registry(): Promise<Registry | undefined> {
    if (this.#config.registry === undefined) return undefined;
    const { plugin, options } = this.#config.registry;
    return this.#use(plugin, "registry", () => plugin.open(options, this.#ownContext("registry")));
  }

  queue({ plugin, options }: CheckedPlugin<QueuePlugin>, id: string, registry: Registry | undefined): Promise<Queue> {
    return this.#use(plugin, id, () => plugin.open(options, this.#queueContext(id, registry)));
  }

  /** Learns where the queue is, without opening it: it is let come as far as its first path. */
  async placeOfQueue(registry: Registry | undefined): Promise<void> {
    const { plugin, options } = this.#config.queue;
    const context = this.#queueContext("queue", registry);
    let asked = false;
    const resolvePath = (path: string): never => {
      asked = true;
      context.resolvePath(path);
      throw NO_FURTHER;
    };
    await this.#use(plugin, "queue", () => plugin.open(options, { ...context, resolvePath })).catch(
      (error: unknown) => {
        if (!asked) throw error;
      },
    );
  }

  async stores(): Promise<ReadonlyMap<string, OpenStore>> {
    const stores = new Map<string, OpenStore>();
    for (const { id, plugin, options, limits } of this.#config.stores) {
      const context = this.#context(id, (path) => this.#paths.store(path, id));
      const store = await this.#use(plugin, `the store "${id}"`, () => plugin.open(options, context));
      const batch = Math.min(store.limits.batch, limits.batch ?? Number.POSITIVE_INFINITY);
      const concurrency = Math.min(store.limits.concurrency, limits.concurrency ?? Number.POSITIVE_INFINITY);
      stores.set(id, { id, store, limits: { batch, concurrency } });
    }
    return stores;
  }

  /** The last of all: by then it is known where everything is. */
  receipts(): ReceiptLog | undefined {
    const { receipts } = this.#config;
    const { baseDirectory, now } = this.#place;
    const directory =
      receipts === undefined ? undefined : this.#paths.own(resolve(baseDirectory, receipts.directory), "the receipts");
    this.#paths.assertApart();
    return directory === undefined
      ? undefined
      : this.#opened.use(openReceiptLog({ directory, now, key: receipts?.key }));
  }

  /** All is open, and whoever has it closes it. */
  done(): AsyncDisposable {
    const stack = this.#opened.move();
    return { [Symbol.asyncDispose]: () => stack.disposeAsync() };
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#opened.disposeAsync();
  }

  async #use<T extends AsyncDisposable>(plugin: AnyPlugin, path: string, open: () => Promise<T>): Promise<T> {
    const value = await openPlugin(plugin, path, open);
    this.#opened.defer(() => close(path, value, this.#place));
    return value;
  }

  #queueContext(id: string, registry: Registry | undefined): QueueContext {
    return { ...this.#ownContext(id), registry, delayMs: this.#config.scrub.delayMs };
  }

  #ownContext(id: string): Context {
    return this.#context(id, (path) => this.#paths.own(path, `the ${id}`));
  }

  #context(id: string, note: (path: string) => string): Context {
    const { log, now, baseDirectory } = this.#place;
    return { id, log, now, resolvePath: (path) => note(resolve(baseDirectory, path)), cipher: this.#config.cipher };
  }
}

/** What does not close is left as it is: it is told, and holds up nothing. */
async function close(path: string, value: AsyncDisposable, { timers, log }: Place): Promise<void> {
  const closing = async (): Promise<void> => await value[Symbol.asyncDispose]();
  await bounded(timers, CLOSE_MS, "SCRUBBER_ABORTED", path, closing).catch((error: unknown) => {
    if (!isScrubberError(error, "SCRUBBER_ABORTED")) throw error;
    log.warn(`${path} did not close within ${CLOSE_MS / 1000} s and is left as it is`);
  });
}
