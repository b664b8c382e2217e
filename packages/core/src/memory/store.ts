import { ScrubberError } from "../errors.ts";
import type { Identity, Location } from "../location.ts";
import type { Call, Finding, Outcome, Presence, Store, StoreLimits, StoreSupports } from "../store.ts";
import { Calls, type Fault } from "./calls.ts";
import { difference, memoryTarget, type MemoryTarget } from "./store-target.ts";

/** The calls of a store that can be counted and made to fail. */
export type StoreCall = "delete" | "inspect" | "probe";

/** What goes wrong in a store; set and taken back at any time. Keys are `group/name`, and mean every version of it. */
export interface MemoryStoreFaults {
  /** Whole calls; `half` is not known here. */
  readonly calls: Map<StoreCall, Fault>;
  /** Groups that are gone, as a missing bucket or an unmounted root. */
  readonly missingGroups: Set<string>;
  readonly throttled: Set<string>;
  /** Keys that are refused, each with its reason; `*` refuses all. */
  readonly denied: Map<string, string>;
  /** Keys under a hold, each with its end, if there is one. */
  readonly held: Map<string, Date | undefined>;
  /** Keys of which nothing can be told, each with its reason. */
  readonly unknown: Map<string, string>;
  /** Keys that make the backend reject every batch that has one of them. */
  readonly poisonous: Set<string>;
  /** Keys whose answers are left out, so that fewer answers come than targets went: what no store may do. */
  readonly unanswered: Set<string>;
  /** A deletion leaves only a delete marker: as the store was told, or to its surprise. */
  marker: "asked" | "unasked" | undefined;
  /** Once so many targets of a call are done, nothing more comes until the call is aborted; 0: it never answers. */
  hangsAfter: number | undefined;
}

export interface MemoryStoreOptions {
  /** Default: the system's clock. */
  readonly now?: () => Date;
  /** Default `memory`. */
  readonly scheme?: string;
  /** The groups it may touch, in lower case. Default: any. */
  readonly groups?: readonly string[];
  /** Default: everything. */
  readonly supports?: Partial<StoreSupports>;
  /** Default: batch 1000, concurrency 8. */
  readonly limits?: Partial<StoreLimits>;
  /** Over the objects of this other store, as two configured ids over one bucket are. Default: over objects of its own. */
  readonly sharing?: MemoryStore;
}

/** One version of an object. */
export interface MemoryVersion {
  readonly versionId: string;
  readonly etag: string;
  readonly size: number;
  readonly modifiedAt: Date;
}

/** A store that lives as long as the object. Locations are `memory://GROUP/NAME`. */
export interface MemoryStore extends Store<MemoryTarget> {
  readonly place: string;
  /** What is there: keys (`group/name`) with their versions, the latest last. */
  readonly objects: Map<string, readonly MemoryVersion[]>;
  readonly calls: Readonly<Record<StoreCall, number>>;
  readonly faults: MemoryStoreFaults;
  /** Makes every call fail until the returned function is called. Default error: `SCRUBBER_STORE_UNAVAILABLE`. */
  breakBackend(error?: Error): () => void;
  /** Opens it again after it was disposed of. */
  reopen(): MemoryStore;
  /** Writes an object; over one that is there it is a new version. Default size 1 byte, modified now. */
  put(uri: string, object?: { readonly size?: number; readonly modifiedAt?: Date }): Location;
  has(uri: string): boolean;
  /** The identity of an object as it is now. */
  identify(uri: string): Identity | undefined;
}

/** Makes an empty store in memory. A mistake in the use of `delete` or `inspect` (no target, too many, one twice, two groups) is a TypeError. */
export function createMemoryStore(options: MemoryStoreOptions = {}): MemoryStore {
  return new ObjectStore(options);
}

let made = 0;
let written = 0;

const ALL_SUPPORTED: StoreSupports = { identity: true, holds: true, versions: true, bytes: true };

class ObjectStore implements MemoryStore {
  readonly schemes: readonly string[];
  readonly supports: StoreSupports;
  readonly limits: StoreLimits;
  readonly place: string;
  readonly objects: Map<string, readonly MemoryVersion[]>;
  readonly faults: MemoryStoreFaults;
  readonly #calls = new Calls<StoreCall>(["delete", "inspect", "probe"], "SCRUBBER_STORE_UNAVAILABLE");
  readonly #now: () => Date;
  readonly #scheme: string;
  readonly #groups: readonly string[] | undefined;

  constructor(options: MemoryStoreOptions) {
    this.#now = options.now ?? (() => new Date());
    this.#scheme = options.scheme ?? "memory";
    this.#groups = options.groups;
    this.schemes = [this.#scheme];
    this.supports = { ...ALL_SUPPORTED, ...options.supports };
    this.limits = { batch: 1000, concurrency: 8, ...options.limits };
    this.place = options.sharing?.place ?? `memory:${++made}`;
    this.objects = options.sharing?.objects ?? new Map();
    this.faults = {
      calls: this.#calls.faults,
      missingGroups: new Set(),
      throttled: new Set(),
      denied: new Map(),
      held: new Map(),
      unknown: new Map(),
      poisonous: new Set(),
      unanswered: new Set(),
      marker: undefined,
      hangsAfter: undefined,
    };
  }

  get calls(): Readonly<Record<StoreCall, number>> {
    return this.#calls.counts;
  }

  breakBackend(error?: Error): () => void {
    return this.#calls.breakAll(error);
  }

  reopen(): MemoryStore {
    this.#calls.closed = false;
    return this;
  }

  put(uri: string, object: { readonly size?: number; readonly modifiedAt?: Date } = {}): Location {
    const n = ++written;
    const { size = 1, modifiedAt = this.#now() } = object;
    const key = this.#keyOf(uri);
    const before = this.supports.versions ? (this.objects.get(key) ?? []) : [];
    this.objects.set(key, [...before, { versionId: `v${n}`, etag: `e${n}`, size, modifiedAt }]);
    return { uri };
  }

  has(uri: string): boolean {
    return this.objects.has(this.#keyOf(uri));
  }

  identify(uri: string): Identity | undefined {
    const latest = this.objects.get(this.#keyOf(uri))?.at(-1);
    return latest === undefined ? undefined : this.#identityOf(latest);
  }

  target(of: { readonly location: Location; readonly requestedAt: Date }): MemoryTarget | undefined {
    return memoryTarget(of, this.#scheme, this.#groups, this.supports.versions);
  }

  delete(targets: readonly MemoryTarget[], call: Call): Promise<readonly Outcome[]> {
    return this.#batch("delete", targets, call, (target) => this.#deleteOne(target));
  }

  inspect(targets: readonly MemoryTarget[], call: Call): Promise<readonly Presence[]> {
    return this.#batch("inspect", targets, call, (target) => this.#inspectOne(target));
  }

  async #batch<T>(
    name: "delete" | "inspect",
    targets: readonly MemoryTarget[],
    { signal }: Call,
    one: (target: MemoryTarget) => T,
  ): Promise<readonly (T | { readonly kind: "unknown"; readonly reason: string })[]> {
    this.#assertBatch(name, targets);
    const { hangsAfter } = this.faults;
    const answers = await this.#calls.run(name, () => {
      if (signal.aborted) return [];
      this.#assertBackend(targets);
      return targets.slice(0, hangsAfter).map(one);
    });
    if (hangsAfter !== undefined && !signal.aborted) await aborted(signal);
    return targets.flatMap((target, i) => {
      if (this.faults.unanswered.has(target.whole)) return [];
      return [answers[i] ?? { kind: "unknown" as const, reason: "the call was aborted before an answer came" }];
    });
  }

  #assertBatch(name: string, targets: readonly MemoryTarget[]): void {
    const { batch } = this.limits;
    if (targets.length < 1 || targets.length > batch) {
      throw new TypeError(`${name}: ${targets.length} targets; it takes 1 to ${batch}`);
    }
    if (new Set(targets.map(({ key }) => key)).size !== targets.length) {
      throw new TypeError(`${name}: a key is there twice`);
    }
    if (targets.some(({ group }) => group !== targets[0]?.group)) throw new TypeError(`${name}: more than one group`);
  }

  #assertBackend(targets: readonly MemoryTarget[]): void {
    const group = targets[0]?.group ?? "";
    if (this.faults.missingGroups.has(group)) {
      throw new ScrubberError("SCRUBBER_STORE_MISCONFIGURED", `the group ${group} is missing`, {
        hint: "Make it, or correct the configuration.",
      });
    }
    if (targets.some(({ whole }) => this.faults.poisonous.has(whole))) {
      throw new ScrubberError("SCRUBBER_BATCH_REJECTED", "the backend cannot read the batch");
    }
  }

  #deleteOne(target: MemoryTarget): Outcome {
    const { whole: key } = target;
    if (this.faults.throttled.has(key)) return { kind: "throttled" };
    const denied = this.faults.denied.get(key) ?? this.faults.denied.get("*");
    if (denied !== undefined) return { kind: "denied", reason: denied };
    const seen = this.#inspectOne(target);
    if (seen.kind === "held" && !this.supports.holds) return { kind: "denied", reason: seen.reason };
    if (seen.kind !== "present") return seen;
    const { marker } = this.faults;
    if (marker !== undefined) return { kind: "marker", asked: marker === "asked" };
    const meant = target.location.identity?.versionId;
    const left = meant === undefined ? [] : this.#versions(key).filter(({ versionId }) => versionId !== meant);
    if (left.length > 0 && this.supports.versions) this.objects.set(key, left);
    else this.objects.delete(key);
    return {
      kind: "deleted",
      ...(seen.bytes === undefined ? {} : { bytes: seen.bytes }),
      ...(this.supports.identity ? {} : { note: "identity: unchecked" }),
    };
  }

  #inspectOne({ whole: key, location, requestedAt }: MemoryTarget): Presence {
    const unknown = this.faults.unknown.get(key);
    if (unknown !== undefined) return { kind: "unknown", reason: unknown };
    const named = this.supports.versions ? location.identity?.versionId : undefined;
    const versions = this.#versions(key).filter(({ versionId }) => named === undefined || versionId === named);
    const latest = versions.at(-1);
    if (latest === undefined) return { kind: "absent" };
    if (this.faults.held.has(key)) {
      const until = this.faults.held.get(key);
      return { kind: "held", reason: "a hold protects it", ...(until === undefined ? {} : { until }) };
    }
    if (this.supports.identity) {
      const reason = difference(latest, location.identity, requestedAt);
      if (reason !== undefined) return { kind: "changed", reason };
    }
    const bytes = versions.reduce((sum, { size }) => sum + size, 0);
    return {
      kind: "present",
      ...(this.supports.bytes ? { bytes } : {}),
      ...(this.supports.identity ? { identity: this.#identityOf(latest) } : {}),
    };
  }

  probe({ signal, write }: Call & { readonly write: boolean }): Promise<readonly Finding[]> {
    const work = this.#calls.run("probe", (): readonly Finding[] => {
      const missing = [...this.faults.missingGroups];
      if (missing.length > 0) return missing.map((group) => problem(`the group ${group} is missing`));
      if (signal.aborted) return [problem("the probe was aborted")];
      if (!write) return [{ level: "ok", message: "the memory is there" }];
      const group = this.#groups?.[0] ?? "probe";
      const { uri } = this.put(`${this.#scheme}://${group}/.scrubber-probe`);
      const gone = this.objects.delete(this.#keyOf(uri));
      return [gone ? { level: "ok", message: "an object was written and deleted" } : problem("nothing was written")];
    });
    return work.catch((error: unknown) => [problem(error instanceof Error ? error.message : "the backend failed")]);
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#calls.closed = true;
    return Promise.resolve();
  }

  #keyOf(uri: string): string {
    const target = this.target({ location: { uri }, requestedAt: new Date(0) });
    if (target === undefined) throw new TypeError(`${uri} is not of this store`);
    return target.whole;
  }

  #versions(key: string): readonly MemoryVersion[] {
    return this.objects.get(key) ?? [];
  }

  #identityOf({ etag, size, modifiedAt, versionId }: MemoryVersion): Identity {
    return { etag, size, modifiedAt, ...(this.supports.versions ? { versionId } : {}) };
  }
}

function problem(message: string): Finding {
  return { level: "problem", message, hint: "A test did this; it takes the fault back when it is done." };
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    signal.addEventListener("abort", () => resolve(), { once: true });
  });
}
