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
  type RegistryPlugin,
} from "@scrubber/core";
import { bounded, type Timers } from "./clock.ts";
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

/**
 * Opens registry, queue and stores, in that order. If one cannot be opened, those that are open are closed again.
 *
 * @throws {ScrubberError} What the plugin throws; `SCRUBBER_PLUGIN_INVALID` for what it opened but is not of its kind; `SCRUBBER_CONFIG_INVALID` for a queue
 *   that cannot be leased from, and for a store that deletes where queue, registry or receipts are.
 */
export async function openAll(config: CheckedConfig, place: Place): Promise<Opened> {
  await using opened = new AsyncDisposableStack();
  const paths = new OwnPaths();
  const context = (id: string, note: (path: string) => string): Context => ({
    id,
    log: place.log,
    now: place.now,
    resolvePath: (path) => note(resolve(place.baseDirectory, path)),
    cipher: config.cipher,
  });
  const ownContext = (id: string): Context => context(id, (path) => paths.own(path, `the ${id}`));
  const use = async <T extends AsyncDisposable>(
    plugin: AnyPlugin,
    path: string,
    open: () => Promise<T>,
  ): Promise<T> => {
    const value = await openPlugin(plugin, path, open);
    opened.defer(() => close(path, value, place));
    return value;
  };
  const openRegistry = ({ plugin, options }: CheckedPlugin<RegistryPlugin>): Promise<Registry> =>
    use(plugin, "registry", () => plugin.open(options, ownContext("registry")));
  const registry = config.registry === undefined ? undefined : await openRegistry(config.registry);
  const openQueue = ({ plugin, options }: CheckedPlugin<QueuePlugin>, id: string): Promise<Queue> => {
    const queueContext: QueueContext = { ...ownContext(id), registry, delayMs: config.scrub.delayMs };
    return use(plugin, id, () => plugin.open(options, queueContext));
  };
  const queue = await openQueue(config.queue, "queue");
  if (!queue.supports.lease) {
    throw new ScrubberError(
      "SCRUBBER_CONFIG_INVALID",
      `queue.use: nothing can be leased from the queue "${config.queue.plugin.name}": it can only be read`,
      { hint: "Put it under sweep.from, and name another plugin under queue (for one machine, @scrubber/queue-file)." },
    );
  }
  const sweepFrom = config.sweep?.from === undefined ? undefined : await openQueue(config.sweep.from, "sweep");
  const stores = new Map<string, OpenStore>();
  for (const { id, plugin, options, limits } of config.stores) {
    const storeContext = context(id, (path) => paths.store(path, id));
    const store = await use(plugin, `the store "${id}"`, () => plugin.open(options, storeContext));
    const batch = Math.min(store.limits.batch, limits.batch ?? Number.POSITIVE_INFINITY);
    const concurrency = Math.min(store.limits.concurrency, limits.concurrency ?? Number.POSITIVE_INFINITY);
    stores.set(id, { id, store, limits: { batch, concurrency } });
  }
  const receiptLog =
    config.receipts === undefined
      ? undefined
      : {
          directory: paths.own(resolve(place.baseDirectory, config.receipts.directory), "the receipts"),
          now: place.now,
          ...(config.receipts.key === undefined ? {} : { key: config.receipts.key }),
        };
  paths.assertApart();
  const receipts = receiptLog === undefined ? undefined : opened.use(openReceiptLog(receiptLog));
  const stack = opened.move();
  return {
    registry,
    queue,
    sweepFrom,
    stores,
    receipts,
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}

/** What does not close is left as it is: it is told, and holds up nothing. */
async function close(path: string, value: AsyncDisposable, { timers, log }: Place): Promise<void> {
  const closing = async (): Promise<void> => await value[Symbol.asyncDispose]();
  await bounded(timers, CLOSE_MS, "SCRUBBER_ABORTED", path, closing).catch((error: unknown) => {
    if (!isScrubberError(error, "SCRUBBER_ABORTED")) throw error;
    log.warn(`${path} did not close within ${CLOSE_MS / 1000} s and is left as it is`);
  });
}
