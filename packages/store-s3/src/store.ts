import {
  type Call,
  type Context,
  type Finding,
  type Location,
  type Outcome,
  type Presence,
  readAuthority,
  type Store,
  type StoreLimits,
  type StoreSupports,
} from "@scrubber/core";
import { placeOf } from "./addressing.ts";
import { MOST_KEYS } from "./batch-size.ts";
import { Buckets, retentionHold } from "./bucket.ts";
import { CONCURRENCY, inTurns, isRequestFailure, RequestFailure, Server } from "./client.ts";
import type { Tools } from "./call.ts";
import { deleteTargets } from "./delete-call.ts";
import { Deleter } from "./deletion.ts";
import { withEnvironment } from "./environment.ts";
import { outage, type Failure } from "./failure.ts";
import { bareEtag, createLocationReader, type LocationReader, type S3Target, type UriCredentials } from "./location.ts";
import { difference, isChecked, lookAt, reportedBy, type Look } from "./look.ts";
import type { S3Options } from "./options.ts";
import { ABORTED, unanswered } from "./outcome.ts";
import { probe } from "./probe.ts";

/** Opens a store. Nothing is asked of the server yet. */
export async function openStore(options: S3Options, context: Context): Promise<Store<S3Target>> {
  const whole = withEnvironment(options, process.env);
  return new S3Store(whole, await readAuthority(whole.ca, context), context);
}

class S3Store implements Store<S3Target> {
  readonly schemes: readonly string[];
  readonly supports: StoreSupports;
  readonly limits: StoreLimits = { batch: MOST_KEYS, concurrency: CONCURRENCY };
  readonly place: string;
  readonly #reader: LocationReader;
  readonly #options: S3Options;
  readonly #server: Server;
  readonly #tools: Tools;
  readonly #now: () => Date;

  constructor(options: S3Options, ca: string | undefined, { now }: Pick<Context, "now">) {
    const reader = createLocationReader(options);
    const checks = options.identity === "check";
    this.schemes = reader.schemes;
    this.place = placeOf(options.endpoint);
    this.#reader = reader;
    this.supports = { identity: checks, holds: true, versions: true, bytes: checks };
    this.#options = options;
    this.#now = now;
    this.#server = new Server(options, ca);
    this.#tools = {
      server: this.#server,
      deleter: new Deleter(this.#server, options.bypassGovernance),
      buckets: new Buckets(this.#server, now),
      options,
    };
  }

  target(of: { readonly location: Location; readonly requestedAt: Date }): S3Target | undefined {
    return this.#reader.target(of);
  }

  async delete(targets: readonly S3Target[], call: Call): Promise<readonly Outcome[]> {
    const positions = new Map<string, number>();
    for (const target of targets) if (!positions.has(target.key)) positions.set(target.key, positions.size);
    if (positions.size === targets.length) return this.#delete(targets, call);
    // The same object twice is one deletion and two answers.
    const distinct = targets.filter(({ key }, index) => targets.findIndex((other) => other.key === key) === index);
    const outcomes = await this.#delete(distinct, call);
    return targets.map(({ key }) => outcomes[positions.get(key) ?? -1] ?? ABORTED);
  }

  async #delete(targets: readonly S3Target[], { signal }: Call): Promise<readonly Outcome[]> {
    const outcomes: (Outcome | undefined)[] = Array.from({ length: targets.length });
    let answered = false;
    let first: ReturnType<typeof outage> | undefined;
    for (const { bucket, credentials, indexes } of bySigner(targets)) {
      try {
        const found = await deleteTargets({
          tools: this.#tools,
          connection: this.#server.connection(credentials),
          bucket,
          targets: indexes.map((index) => targets[index] as S3Target),
          signal,
        });
        indexes.forEach((index, i) => (outcomes[index] = found[i]));
        answered = true;
      } catch (error) {
        if (!isRequestFailure(error)) throw error;
        const { failure } = error;
        // Credentials that came with the location are no part of the environment.
        const refused = credentials !== undefined && areRefused(failure);
        const outcome: Outcome = refused
          ? { kind: "denied", reason: `the credentials in the location are refused (${failure.code})` }
          : unanswered(failure, true);
        for (const index of indexes) outcomes[index] = outcome;
        if (refused || failure.kind === "aborted") answered = true;
        else first ??= outage(failure, this.#where(bucket));
      }
    }
    if (!answered && first !== undefined) throw first;
    return outcomes.map((outcome) => outcome ?? ABORTED);
  }

  async inspect(targets: readonly S3Target[], { signal }: Call): Promise<readonly Presence[]> {
    const found: (Presence | undefined)[] = Array.from({ length: targets.length });
    let failure: Failure | undefined;
    const proven = new Map<string, Promise<void>>();
    await inTurns(targets, async (target, index) => {
      if (failure !== undefined) return;
      const connection = this.#server.connection(target.credentials);
      try {
        const look = await lookAt(this.#server, connection, target, signal);
        if (look.kind === "missing" || (look.kind === "failed" && look.failure.status === 403)) {
          // See deleteTargets: a HEAD request does not tell whose fault it is.
          const id = target.credentials?.identifier() ?? "";
          if (!proven.has(id)) proven.set(id, this.#tools.buckets.prove(target.group, connection, signal));
          await proven.get(id);
        } else if (look.kind === "failed") throw new RequestFailure(look.failure);
        found[index] = this.#presence(target, look);
      } catch (error) {
        if (!isRequestFailure(error)) throw error;
        if (target.credentials !== undefined && areRefused(error.failure)) {
          found[index] = {
            kind: "unknown",
            reason: `the credentials in the location are refused (${error.failure.code})`,
          };
        } else failure ??= error.failure;
      }
    });
    if (failure !== undefined && failure.kind !== "aborted" && found.every((presence) => presence === undefined)) {
      throw outage(failure, this.#where(targets[0]?.group ?? ""));
    }
    const rest: Presence = {
      kind: "unknown",
      reason: failure === undefined || failure.kind === "aborted" ? ABORTED.reason : `${failure.code}: no answer`,
    };
    return found.map((presence) => presence ?? rest);
  }

  async probe({ signal, write }: Call & { readonly write: boolean }): Promise<readonly Finding[]> {
    return probe(this.#tools, this.#options, signal, write);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.close();
  }

  #presence(target: S3Target, look: Look): Presence {
    if (look.kind === "missing") return { kind: "absent" };
    if (look.kind === "failed")
      return { kind: "unknown", reason: `looking at the object is denied (${look.failure.code})` };
    const { head } = look;
    const reason = isChecked(target, this.#options) ? difference(target, reportedBy(head)) : undefined;
    if (reason !== undefined) return { kind: "changed", reason };
    if (head.ObjectLockLegalHoldStatus === "ON") return { kind: "held", reason: "legal hold" };
    const bypassed = this.#options.bypassGovernance && head.ObjectLockMode === "GOVERNANCE";
    const hold = bypassed ? undefined : retentionHold(head.ObjectLockMode, head.ObjectLockRetainUntilDate, this.#now());
    if (hold !== undefined) return { kind: "held", ...hold };
    return {
      kind: "present",
      ...(head.ContentLength !== undefined && { bytes: head.ContentLength }),
      identity: {
        ...(head.ETag !== undefined && { etag: bareEtag(head.ETag) }),
        ...(head.VersionId !== undefined && { versionId: head.VersionId }),
        ...(head.ContentLength !== undefined && { size: head.ContentLength }),
        ...(head.LastModified !== undefined && { modifiedAt: head.LastModified }),
      },
    };
  }

  #where(bucket: string): string {
    return `bucket ${bucket} at ${this.#server.name}`;
  }
}

function areRefused({ kind, code }: Failure): boolean {
  return kind === "denied" || code === "InvalidAccessKeyId" || code === "SignatureDoesNotMatch";
}

interface Signed {
  readonly bucket: string;
  readonly credentials: UriCredentials | undefined;
  readonly indexes: number[];
}

/** Targets apart by who signs for them. */
function bySigner(targets: readonly S3Target[]): readonly Signed[] {
  const groups = new Map<string, Signed>();
  targets.forEach(({ group, credentials }, index) => {
    const id = credentials === undefined ? "" : credentials.identifier();
    let signed = groups.get(id);
    if (signed === undefined) groups.set(id, (signed = { bucket: group, credentials, indexes: [] }));
    signed.indexes.push(index);
  });
  return [...groups.values()];
}
