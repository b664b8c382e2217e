import type {
  AddResult,
  Finding,
  Image,
  NewEntry,
  Queue,
  QueueEntry,
  QueuePlugin,
  QueueStats,
  Registry,
  RegistryPlugin,
  Store,
  StorePlugin,
  Logger,
} from "@scrubber/core";
import type { Timers } from "./clock.ts";
import type { ScrubberEvent } from "./events.ts";
import type { RunSummary, SweepSummary } from "./summary.ts";

/** A plugin and what it is opened with. `use` is the plugin itself; `scrubber.yaml` names a package instead, which the app resolves. */
export interface Use<P> {
  readonly use: P;
  readonly with?: unknown;
}

/** A duration as text: whole numbers with units `ms s m h d`, joined (`1h30m`). */
export type Duration = string;

/** The whole configuration. `scrubber.yaml` has this shape; see docs/configuration.md. */
export interface Config {
  readonly queue: Use<QueuePlugin>;
  readonly registry?: Use<RegistryPlugin>;
  /** How the queue learns what only the registry knows. Default: on (`every: 24h`) where there is a registry that can list. `every: 0s`: at every wake-up. */
  readonly sweep?: false | { readonly every?: Duration; readonly from?: Use<QueuePlugin> };
  readonly stores: readonly (Use<StorePlugin> & {
    /** Default: the plugin's short name. */
    readonly id?: string;
    /** Lower ceilings than the store's own. */
    readonly limits?: { readonly batch?: number; readonly concurrency?: number };
  })[];
  readonly scrub?: {
    /** Default `0s`. */
    readonly delay?: Duration;
    /** The longest that the daemon sleeps. Default `300s`. */
    readonly wakeup?: Duration;
    /** Entries leased at once, 1 to 10,000. Default 1000. */
    readonly batch?: number;
    /** Counted failures after which an entry is set aside. Default 10. */
    readonly maxAttempts?: number;
    /** What to do with an entry whose image the registry does not know. Default `setAside`. */
    readonly unknownImage?: "setAside" | "delete";
    /** How long a stop waits for what is running. Default `30s`. */
    readonly drain?: Duration;
  };
  /** Keys for locations at rest: the first seals, all open; 16, 24 or 32 bytes each. */
  readonly encryption?: { readonly keys: readonly string[] };
  /** Where receipts are written; left out: none are. `key` chains them by HMAC, so that changes are found. */
  readonly receipts?: { readonly directory: string; readonly key?: string };
}

/** What a scrubber is made with, besides the configuration. All have defaults. */
export interface Surroundings {
  /** Default: silent. */
  readonly log?: Logger;
  /** Default: the system's clock. */
  readonly now?: () => Date;
  /** What measures spans and waits. Default: the machine's; tests that do not want to wait bring their own. */
  readonly timers?: Timers;
  /** What relative paths are relative to. Default: the working directory. */
  readonly baseDirectory?: string;
  /** Called with each event; one that throws stops nothing. More can be added with `on`. */
  readonly onEvent?: (event: ScrubberEvent) => void;
}

/** What a dry run saw: how each due entry would end. */
export interface DryRunEntry {
  readonly imageId: string;
  /** Masked. */
  readonly uri: string;
  readonly store: string | undefined;
  readonly would: "delete" | "absent" | "keep" | "hold" | "setAside" | "wait";
  readonly reason: string | undefined;
  readonly bytes: number | undefined;
}

export interface StoreStatus {
  /** `paused` by a person; `down`: its breaker is open; `unknown`: nothing was tried yet. */
  readonly health: "ok" | "slow" | "down" | "paused" | "unknown";
  /** Locations settled a second, over the last minute of work. */
  readonly perSecond: number;
  readonly lastError: string | null;
}

/** How many locations of one store ended in which way, and the bytes freed. */
export type StoreTotals = Pick<RunSummary, "deleted" | "absent" | "marker" | "kept" | "retried" | "setAside" | "bytes">;

/** What all runs on one queue have done, in every process: a statistic, not a proof. */
export interface Totals {
  /** When it began to be added up. */
  readonly since: Date;
  /** Images that the registry was told are deleted. */
  readonly images: number;
  /** By the store's id; `""`: locations that no store takes. */
  readonly stores: Readonly<Record<string, StoreTotals>>;
}

export interface Status extends QueueStats {
  /** How late the oldest due entry is, whatever it waits for. */
  readonly overdueSeconds: number;
  /**
   * How late the oldest entry is that could be tried now: what its store holds, and what waits out the pause before another try, is left out. Past a hundred
   * thousand of those it is not looked; then it is at most this late.
   */
  readonly readyOverdueSeconds: number;
  readonly stores: Readonly<Record<string, StoreStatus>>;
  /** Paused as a whole. */
  readonly paused: boolean;
  readonly lastSweepAt: Date | null;
  /** Null: there was no run yet that did anything. */
  readonly totals: Totals | null;
}

export interface RestoreSummary {
  readonly imageId: string;
  readonly restored: boolean;
  /** Why not, or what the restoring could not do; for a person. */
  readonly reason: string | null;
  /** The registry's word for the image's status where that is why it was refused. */
  readonly nativeStatus?: string;
  /** True where the registry does not know the image. */
  readonly missing?: boolean;
  /** How many entries were taken out of the queue. */
  readonly entries: number;
}

/** One scrubber: opened plugins and the machinery on them. It installs no signal handler and never ends the process. */
export interface Scrubber extends AsyncDisposable {
  readonly queue: Queue;
  readonly registry: Registry | undefined;
  readonly stores: ReadonlyMap<string, Store>;
  /** The head of the receipts that this scrubber has written: what finds a cut end later. Undefined while there are none. */
  readonly receiptsHead: string | undefined;

  /** Adds a listener; returns what removes it. */
  on(listener: (event: ScrubberEvent) => void): () => void;

  /** As `Queue.add`. Refuses (`SCRUBBER_LOCATION_INVALID`) nothing that could be deleted later: routing is judged when the time comes. */
  add(entries: readonly NewEntry[]): Promise<readonly AddResult[]>;

  /**
   * Works until nothing that was due at its start is left to try. `signal`: stops taking new work, finishes or hands back what is leased within `drain`.
   * Resolves with the summary even where stores failed; rejects where queue, registry or receipts do not answer and nothing could be done.
   */
  runOnce(options?: { readonly signal?: AbortSignal }): Promise<RunSummary>;

  /**
   * Works now and at every wake-up, until `signal` aborts; then drains. `stopNow` aborts what is running too. Never rejects for an outage; rejects
   * (`SCRUBBER_ABORTED`) where something does not come back within 16 s after the drain.
   */
  runForever(options: { readonly signal: AbortSignal; readonly stopNow?: AbortSignal }): Promise<void>;

  /** Says how each due entry would end; leases and changes nothing. */
  dryRun(options?: { readonly signal?: AbortSignal }): AsyncIterable<DryRunEntry>;

  sweep(options?: { readonly signal?: AbortSignal }): Promise<SweepSummary>;
  restore(imageId: string): Promise<RestoreSummary>;
  /** Set-aside entries (of one image, or all) are due again now. Resolves with how many. */
  retry(filter: { readonly imageId?: string }): Promise<number>;
  /** Takes an image's set-aside entries out for good, without deleting their data; the receipt says why. Resolves with how many. */
  discard(imageId: string, reason: string): Promise<number>;
  /** Holds one store, or all, in every process on this queue, within a wake-up. */
  pause(storeId?: string): Promise<void>;
  resume(storeId?: string): Promise<void>;
  status(): Promise<Status>;
  /** All that is known of one image. */
  show(imageId: string): Promise<{ readonly image: Image | undefined; readonly entries: readonly QueueEntry[] }>;
  /** What each store finds of its backend. */
  probe(options: {
    readonly write: boolean;
    readonly signal?: AbortSignal;
  }): Promise<ReadonlyMap<string, readonly Finding[]>>;
}
