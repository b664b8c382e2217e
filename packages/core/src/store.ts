import type { Identity, Location } from "./location.ts";

/** What bounds one call of a backend. */
export interface Call {
  /** Aborted when the call's time is up or the scrubber stops at once. Then the call resolves soon, with `unknown` for what is unanswered. */
  readonly signal: AbortSignal;
}

/**
 * One object as a store addresses it. A store may extend it with private fields (credentials, conditions):
 * `delete` and `inspect` get the very objects that `target` made.
 */
export interface Target {
  /**
   * What the store calls the object, free of credentials. Two locations are the same object if and only if the same store, or two with an equal
   * {@link Store.place}, give them the same key, so every spelling of one object must end in one key. It may be shown and logged.
   */
  readonly key: string;
  /**
   * Where this is a version of an object: the key of the object as a whole. Who names the whole may mean this version, and who deletes the whole may delete it;
   * so each keeps the other. Two different versions are different objects. Also where the backend may take this name for another object's: the key of that one.
   */
  readonly within?: string;
  /** What one request can address together: a bucket, a container, a device. Free of credentials. */
  readonly group: string;
}

/** How one location ended, as the store knows it. */
export type Outcome =
  /** Gone now, by this call. `bytes`: what that freed, where the store can tell. `note`: what the receipt should say (`identity: unchecked`). */
  | { readonly kind: "deleted"; readonly bytes?: number; readonly note?: string }
  /** It was not there, and its bucket, container or root is known to be there. */
  | { readonly kind: "absent"; readonly note?: string }
  /** Only a delete marker was left: nothing is freed. `asked`: the store was configured to leave markers, so this is what was wanted. */
  | { readonly kind: "marker"; readonly asked: boolean }
  /** Protected by the backend (retention, legal hold, lease) until then, or for a time that cannot be learnt. */
  | { readonly kind: "held"; readonly until?: Date; readonly reason: string }
  /** Not the object that was meant: written after the deletion was requested, or of another identity. It was not touched. */
  | { readonly kind: "changed"; readonly reason: string }
  /** The backend asks for patience with this key. It was not touched. */
  | { readonly kind: "throttled"; readonly retryAfterMs?: number }
  /** Refused by the backend. `reason` should be equal for equal causes: many of one reason in one batch are taken for an outage. */
  | { readonly kind: "denied"; readonly reason: string }
  /** This location can never be deleted as it stands. */
  | { readonly kind: "invalid"; readonly reason: string }
  /** It cannot be told whether the object is gone. */
  | { readonly kind: "unknown"; readonly reason: string };

/** What a store sees of an object without touching it. */
export type Presence =
  | { readonly kind: "present"; readonly bytes?: number; readonly identity?: Identity }
  | { readonly kind: "absent" }
  | { readonly kind: "held"; readonly until?: Date; readonly reason: string }
  | { readonly kind: "changed"; readonly reason: string }
  | { readonly kind: "unknown"; readonly reason: string };

/** One line of a probe's report. */
export interface Finding {
  /** `problem`: deletion would not work; `warning`: it works, with a consequence that one should know; `ok`: looked at and in order. */
  readonly level: "ok" | "warning" | "problem";
  /** What was found, where. No secrets. */
  readonly message: string;
  /** What to do about it. */
  readonly hint?: string;
}

/** What a store can do. Tested both ways: what is declared `false` must be absent from its answers. */
export interface StoreSupports {
  /** Recorded identities and `requestedAt` are compared, and `changed` is answered. */
  readonly identity: boolean;
  /** Retention and holds of the backend are told apart from a denial. */
  readonly holds: boolean;
  /** A `versionId` addresses one version of an object. */
  readonly versions: boolean;
  /** `deleted` says how many bytes were freed. */
  readonly bytes: boolean;
}

/** Ceilings; the engine's pace moves below them. */
export interface StoreLimits {
  /** Most targets in one call of `delete` or `inspect`. */
  readonly batch: number;
  /** Most calls at the same time for one group. */
  readonly concurrency: number;
}

/**
 * Where objects are, and how they are deleted. Opened by a store plugin, for one configured id; closed by disposing of it.
 *
 * A store touches nothing outside its configured roots, buckets or containers.
 */
export interface Store<T extends Target = Target> extends AsyncDisposable {
  /** The URI schemes that it answers for, in lower case, without colon. Two stores may share one. */
  readonly schemes: readonly string[];
  readonly supports: StoreSupports;
  readonly limits: StoreLimits;

  /**
   * What the keys are relative to: the server, the account, the file system. Two stores with an equal place call the same object by the same key, so what a live
   * image names through one of them is kept from the other. Written so that every spelling of one place ends in the same text, beginning with the name of
   * what is there (`s3:`, `file:`), and free of credentials; never changes while the store is open. In doubt rather equal: data is then kept that could go, and
   * in the other case lost. Left out: the keys mean something within this store alone, and another one over the same objects does not see what it refers to.
   */
  readonly place?: string;

  /**
   * Recognises a location: synchronous, without any input or output.
   *
   * @returns The target; undefined if the location belongs to somebody else.
   * @throws {ScrubberError} `SCRUBBER_LOCATION_INVALID`: it is this store's, but malformed or outside of what the store may touch. Not retried: set aside.
   */
  target(of: { readonly location: Location; readonly requestedAt: Date }): T | undefined;

  /**
   * Deletes 1 to `limits.batch` targets of one group, with distinct keys.
   *
   * Exactly one outcome for each target, in the same order. It must not read what it did not do as done: what is not known is `unknown`.
   * An object written after `requestedAt`, or that differs from the recorded identity, is not touched wherever the backend can tell.
   * When `call.signal` aborts, it resolves with `unknown` for what is unanswered.
   *
   * @throws {ScrubberError} Only if nothing at all was answered. `SCRUBBER_STORE_UNAVAILABLE`, `SCRUBBER_STORE_MISCONFIGURED` (a bucket,
   * container or root that is missing, wrong credentials) or `SCRUBBER_STORE_THROTTLED`: an outage, no entry is to blame. `SCRUBBER_BATCH_REJECTED`, or
   * any other error: something in the batch is poisonous; the engine halves the batch to find it.
   */
  delete(targets: readonly T[], call: Call): Promise<readonly Outcome[]>;

  /** Looks at 1 to `limits.batch` targets of one group and changes nothing. Same length, same order; errors as `delete`. */
  inspect(targets: readonly T[], call: Call): Promise<readonly Presence[]>;

  /**
   * Looks whether deletion would work: is the root, bucket or container there, are the credentials good.
   * With `write`, proves it with an object of its own, which it removes again; else it only reads.
   * Does not throw for what it finds: that is a finding.
   */
  probe(call: Call & { readonly write: boolean }): Promise<readonly Finding[]>;
}
