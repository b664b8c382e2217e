import type { Location, NewEntry, Queue, Registry, Store, AnyPlugin, QueueSupports } from "../index.ts";

/** The test runner, passed in: `{ describe, test }` of vitest or of node:test. */
export interface Runner {
  readonly describe: (title: string, body: () => void) => unknown;
  /** A case that does not apply says so by `context.skip(why)`, where the runner has it; else it ends at once. */
  readonly test: (title: string, body: (context?: Skippable) => Promise<void>) => unknown;
}

export interface Skippable {
  readonly skip?: (why?: string) => unknown;
}

/** A store on a fresh, empty place of its own, and other hands on the same place. */
export interface StoreUnderTest extends AsyncDisposable {
  readonly store: Store;
  /** Makes an object by another client than the store. `name` is a plain word; the store's own keys may be longer. */
  create(name: string, content: Uint8Array): Promise<Location>;
  /** Where an object of that name would be, without making one. */
  locate(name: string): Location;
  /** Writes other content over an object, by another client; later than its creation where the backend's clock can show it. */
  replace(location: Location): Promise<void>;
  /** Whether the object is there, asked of the backend by another client. */
  exists(location: Location): Promise<boolean>;
  /** The identity of the object as it is now, for stores that support it. */
  identify?(location: Location): Promise<NonNullable<Location["identity"]>>;
  /** Protects an object (retention, legal hold, lease); for stores with `supports.holds`. */
  hold?(location: Location): Promise<void>;
  /** Other spellings of the same object, at least one where the scheme allows any. */
  spellings(location: Location): readonly Location[];
  /**
   * Another store over the same objects, for stores with a `place`: as somebody else would configure it, with other credentials and another spelling of the
   * place (the host in capitals, another root around the first). Closed by the case.
   */
  second?(): Promise<Store>;
  /** How many objects are there, asked of the backend by another client; to show that a probe leaves nothing. */
  count?(): Promise<number>;
  /** Locations of somebody else: `target` answers undefined. */
  readonly foreign: readonly Location[];
  /** Locations that are this store's, but malformed or outside of what it may touch: `target` throws SCRUBBER_LOCATION_INVALID. */
  readonly refused: readonly Location[];
  /** Makes the whole backend fail (server stopped, root gone), until the returned function is called. */
  breakBackend(): Promise<() => Promise<void>>;
}

export interface StoreHarness {
  /** Stands in the titles. */
  readonly name: string;
  open(): Promise<StoreUnderTest>;
}

/** A fresh, empty queue with a clock that only the test moves. */
export interface QueueUnderTest extends AsyncDisposable {
  readonly queue: Queue;
  /** Moves the clock of this queue, and of every other handle on the same place. */
  advance(ms: number): void;
  /** The queue's now. */
  now(): Date;
  /** Closes the queue and opens it again on the same place, perhaps with another delay; for durable queues. */
  reopen?(options?: { readonly delayMs?: number }): Promise<Queue>;
  /** Another handle on the same place, as another process would have; for shared queues. */
  second?(): Promise<Queue>;
  /** Puts an entry in that the queue cannot read (sealed under a key that it does not have, or damaged). */
  addUnreadable?(imageId: string): Promise<void>;
  /** Gives the queue a file that it cannot read, by another way than `add`; for queues that put such a file away. */
  dropUnreadable?(): Promise<void>;
  /** Puts entries in by another way than `add`; for queues that do not support it. */
  seed?(entries: readonly NewEntry[]): Promise<void>;
}

export interface QueueHarness {
  readonly name: string;
  /** Opens it with a delay of `delayMs` (default 0). */
  open(options?: { readonly delayMs?: number }): Promise<QueueUnderTest>;
}

/** A registry on a fresh, empty place, and other hands on it. */
export interface RegistryUnderTest extends AsyncDisposable {
  readonly registry: Registry;
  advance(ms: number): void;
  now(): Date;
  /** Adds an image by another way than the registry's own methods. `locations` may be in another state than the image. */
  seed(image: SeedImage): Promise<void>;
  /** Sets the native status of an image's row, as its application would. */
  setStatus(imageId: string, status: "live" | "pending" | "deleted"): Promise<void>;
  /** Takes the claim away from whoever has it, as a server does that ends the connection; for registries whose claims can be lost. */
  loseClaim?(): Promise<void>;
  /** Makes every call fail until the returned function is called. */
  breakBackend(): Promise<() => Promise<void>>;
}

export interface SeedImage {
  readonly id: string;
  readonly status: "live" | "pending" | "deleted";
  /** When it was deleted; default: the registry's now, if it is not live. */
  readonly deletedAt?: Date;
  readonly locations: readonly {
    readonly uri: string;
    readonly store?: string;
    readonly status: "live" | "pending" | "deleted";
    /** Seeds a row that cannot be opened. */
    readonly unreadable?: boolean;
  }[];
}

export interface RegistryHarness {
  readonly name: string;
  open(): Promise<RegistryUnderTest>;
}

export interface PluginHarness {
  readonly name: string;
  readonly plugin: AnyPlugin;
  /** Options that are accepted; the plugin is opened with them. A function, where they need a fresh place. */
  options(): Promise<unknown>;
  /** Options that are refused, each with a word that the message or path names. */
  readonly refused: readonly { readonly options: unknown; readonly names: string }[];
}

export type { NewEntry, QueueSupports };
