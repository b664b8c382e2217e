import {
  GetBucketVersioningCommand,
  GetObjectLegalHoldCommand,
  GetObjectLockConfigurationCommand,
  GetObjectRetentionCommand,
  HeadBucketCommand,
} from "@aws-sdk/client-s3";
import { isRequestFailure, RequestFailure, type Connection, type Server } from "./client.ts";
import type { ObjectRef } from "./delete-request.ts";

/** `unknown`: the server does not say (it may not know versions, or not tell these credentials); then its answers to deletions tell. */
export type Versioning = "off" | "on" | "unknown";

/** Whether an object is protected: until then, or for a time that cannot be learnt. */
export interface Hold {
  readonly until?: Date;
  readonly reason: string;
}

/** Buckets whose state is remembered; when there are more, it is asked again. */
const MOST_BUCKETS = 10_000;

/** What is known of buckets, asked once and remembered. */
export class Buckets {
  readonly #server: Server;
  readonly #now: () => Date;
  readonly #versioning = new Map<string, Versioning>();
  readonly #locks = new Map<string, boolean>();

  constructor(server: Server, now: () => Date) {
    this.#server = server;
    this.#now = now;
  }

  /**
   * Whether the bucket keeps versions. Suspended versioning counts as `on`: old versions are still there.
   * @throws {RequestFailure} where the server does not answer, or says that there is no such bucket or no such user.
   */
  async versioning(bucket: string, connection: Connection, signal: AbortSignal): Promise<Versioning> {
    const known = this.#versioning.get(bucket);
    if (known !== undefined) return known;
    const found = await this.#askVersioning(bucket, connection, signal);
    this.#remember(this.#versioning, bucket, found);
    return found;
  }

  /** An answer to a deletion showed that the bucket keeps versions. */
  learnVersioned(bucket: string): void {
    this.#remember(this.#versioning, bucket, "on");
  }

  /**
   * Makes sure that the bucket is there and the credentials are good: what a HEAD request answers, without a body, does not tell a missing object from a missing bucket.
   * @throws {RequestFailure} if not.
   */
  async prove(bucket: string, connection: Connection, signal: AbortSignal): Promise<void> {
    if ((await this.#askVersioning(bucket, connection, signal)) !== "unknown") return;
    try {
      await this.#server.request(connection, signal, (client, options) =>
        client.send(new HeadBucketCommand({ Bucket: bucket }), options),
      );
    } catch (error) {
      if (!isRequestFailure(error)) throw error;
      if (error.failure.status === 403) return;
      if (error.failure.status !== 404) throw error;
      throw new RequestFailure({ ...error.failure, code: "NoSuchBucket", message: "the bucket does not exist" });
    }
  }

  /** Why the server refuses to delete an object: its hold; undefined if it has none that can be seen. Costs two requests, where the bucket may have locks at all. */
  async holdOf(bucket: string, ref: ObjectRef, connection: Connection, signal: AbortSignal): Promise<Hold | undefined> {
    if (!(await this.#mayLock(bucket, connection, signal))) return undefined;
    const input = { Bucket: bucket, Key: ref.name, ...(ref.versionId !== undefined && { VersionId: ref.versionId }) };
    const legal = await unlessRefused(
      this.#server.request(connection, signal, (client, options) =>
        client.send(new GetObjectLegalHoldCommand(input), options),
      ),
    );
    if (legal?.LegalHold?.Status === "ON") return { reason: "legal hold" };
    const retained = await unlessRefused(
      this.#server.request(connection, signal, (client, options) =>
        client.send(new GetObjectRetentionCommand(input), options),
      ),
    );
    return retentionHold(retained?.Retention?.Mode, retained?.Retention?.RetainUntilDate, this.#now());
  }

  async #askVersioning(bucket: string, connection: Connection, signal: AbortSignal): Promise<Versioning> {
    try {
      const { Status } = await this.#server.request(connection, signal, (client, options) =>
        client.send(new GetBucketVersioningCommand({ Bucket: bucket }), options),
      );
      return Status === undefined ? "off" : "on";
    } catch (error) {
      if (!isRequestFailure(error)) throw error;
      const { failure } = error;
      if (failure.kind === "denied" || failure.kind === "unsupported" || failure.kind === "rejected") return "unknown";
      throw error;
    }
  }

  async #mayLock(bucket: string, connection: Connection, signal: AbortSignal): Promise<boolean> {
    const known = this.#locks.get(bucket);
    if (known !== undefined) return known;
    let locks = true;
    try {
      const { ObjectLockConfiguration: lock } = await this.#server.request(connection, signal, (client, options) =>
        client.send(new GetObjectLockConfigurationCommand({ Bucket: bucket }), options),
      );
      locks = lock?.ObjectLockEnabled === "Enabled";
    } catch (error) {
      if (!isRequestFailure(error)) throw error;
      // Denied, say: then the object itself is asked.
      if (error.failure.status === undefined || error.failure.status >= 500) return true;
      locks = error.failure.status !== 404;
    }
    this.#remember(this.#locks, bucket, locks);
    return locks;
  }

  #remember<V>(map: Map<string, V>, bucket: string, value: V): void {
    if (map.size >= MOST_BUCKETS) map.clear();
    map.set(bucket, value);
  }
}

/** The hold that a retention period is; undefined once it has ended. */
export function retentionHold(mode: string | undefined, until: Date | undefined, now: Date): Hold | undefined {
  if (until === undefined || until <= now) return undefined;
  return { until, reason: `retention (${(mode ?? "mode unknown").toLowerCase()})` };
}

async function unlessRefused<T>(request: Promise<T>): Promise<T | undefined> {
  try {
    return await request;
  } catch (error) {
    if (isRequestFailure(error)) return undefined;
    throw error;
  }
}
