import { DeleteObjectCommand } from "@aws-sdk/client-s3";
import { matchAnswers, DELETED, type Answer } from "./answer.ts";
import { BatchSize, type Grant } from "./batch-size.ts";
import { inTurns, isRequestFailure, type Connection, type Server } from "./client.ts";
import { fitsXml, writeDeleteRequest, type ObjectRef } from "./delete-request.ts";
import type { Failure } from "./failure.ts";

/** Single keys refused in a row, with nothing accepted: then it is the request that the server cannot read, not the keys. */
const REFUSED_IN_A_ROW = 3;

/** Objects of one bucket, and who asks for their deletion. */
export interface DeletionRequest {
  readonly connection: Connection;
  readonly bucket: string;
  readonly refs: readonly ObjectRef[];
  readonly signal: AbortSignal;
}

/** Deletes objects in as few requests as the server takes. */
export class Deleter {
  readonly #server: Server;
  readonly #sizes = new BatchSize();
  readonly #bypassGovernance: boolean;

  constructor(server: Server, bypassGovernance: boolean) {
    this.#server = server;
    this.#bypassGovernance = bypassGovernance;
  }

  /** One answer for each, in order. Those whose keys XML cannot carry go one by one. What the server fails on ends the call; what was answered before stands. */
  async delete(request: DeletionRequest): Promise<readonly Answer[]> {
    const answers: (Answer | undefined)[] = Array.from({ length: request.refs.length });
    const fit: number[] = [];
    const unfit: number[] = [];
    request.refs.forEach(({ name }, index) => (fitsXml(name) ? fit : unfit).push(index));
    const failure = (await this.#inBatches(request, fit, answers)) ?? (await this.#oneByOne(request, unfit, answers));
    if (failure === undefined) return answers as Answer[];
    const rest: Answer = { kind: "unanswered", failure, sent: false };
    return answers.map((answer) => answer ?? rest);
  }

  /** Fills in `answers`; returns the failure that stopped it. */
  async #inBatches(
    request: DeletionRequest,
    indexes: readonly number[],
    answers: (Answer | undefined)[],
  ): Promise<Failure | undefined> {
    const progress = { cap: Number.POSITIVE_INFINITY, accepted: false, refusedInARow: 0, slow: 0 };
    let at = 0;
    while (at < indexes.length) {
      if (this.#sizes.onlySingles) return this.#oneByOne(request, indexes.slice(at), answers);
      const grant = await this.#sizes.grant(Math.min(indexes.length - at, progress.cap));
      const chunk = indexes.slice(at, at + grant.size);
      try {
        const failure = await this.#send(request, chunk, answers);
        if (failure === undefined) {
          grant.worked();
          progress.accepted = true;
          progress.refusedInARow = 0;
          progress.cap *= 2;
          at += chunk.length;
        } else {
          const stop = this.#judge(failure, grant, progress);
          if (stop) {
            // Refused one by one, with nothing accepted: those before were not to blame either.
            if (failure.kind === "rejected") for (const index of indexes) answers[index] = undefined;
            return markSent(failure, chunk, answers);
          }
          if (failure.kind === "rejected" && chunk.length === 1) {
            answers[chunk[0] as number] = { kind: "refused", code: failure.code, message: failure.message };
            at += 1;
          }
        }
      } finally {
        grant.end();
      }
    }
    return undefined;
  }

  /** Learns from a failed request; true: the call is over. */
  #judge(
    failure: Failure,
    grant: Grant,
    progress: { cap: number; accepted: boolean; refusedInARow: number; slow: number },
  ): boolean {
    switch (failure.kind) {
      case "unsupported":
        this.#sizes.oneByOne();
        return false;
      case "timeout":
        // Once may be the size. Twice, each with half, is a server that hangs.
        if (grant.size === 1 || ++progress.slow > 1) return true;
        grant.tooLarge(true);
        return false;
      case "rejected":
        if (grant.size > 1) {
          if (!grant.tooLarge(false)) progress.cap = Math.floor(grant.size / 2);
          return false;
        }
        this.#sizes.forget();
        progress.cap = 1;
        return ++progress.refusedInARow >= REFUSED_IN_A_ROW && !progress.accepted;
      case "aborted":
      case "throttled":
      case "unavailable":
      case "misconfigured":
      case "denied":
      case "contentMd5":
        return true;
    }
  }

  async #send(
    { connection, bucket, refs, signal }: DeletionRequest,
    chunk: readonly number[],
    answers: (Answer | undefined)[],
  ): Promise<Failure | undefined> {
    const asked = chunk.map((index) => refs[index] as ObjectRef);
    try {
      const answer = await this.#server.deleteObjects(connection, signal, {
        bucket,
        body: writeDeleteRequest(asked),
        bypassGovernance: this.#bypassGovernance,
      });
      const found = matchAnswers(asked, answer);
      chunk.forEach((index, i) => (answers[index] = found[i]));
      return undefined;
    } catch (error) {
      if (isRequestFailure(error)) return error.failure;
      throw error;
    }
  }

  async #oneByOne(
    { connection, bucket, refs, signal }: DeletionRequest,
    indexes: readonly number[],
    answers: (Answer | undefined)[],
  ): Promise<Failure | undefined> {
    let stop: Failure | undefined;
    await inTurns(indexes, async (index) => {
      if (stop !== undefined) return;
      const { name, versionId } = refs[index] as ObjectRef;
      try {
        const { DeleteMarker, VersionId } = await this.#server.request(connection, signal, (client, options) =>
          client.send(
            new DeleteObjectCommand({
              Bucket: bucket,
              Key: name,
              ...(versionId !== undefined && { VersionId: versionId }),
              ...(this.#bypassGovernance && { BypassGovernanceRetention: true }),
            }),
            options,
          ),
        );
        answers[index] =
          DeleteMarker === true
            ? { kind: "deleted", marker: true, markerVersionId: versionId === undefined ? VersionId : undefined }
            : DELETED;
      } catch (error) {
        if (!isRequestFailure(error)) throw error;
        const { failure } = error;
        if (isAboutOneObject(failure))
          answers[index] = { kind: "refused", code: failure.code, message: failure.message };
        else {
          stop ??= failure;
          markSent(failure, [index], answers);
        }
      }
    });
    return stop;
  }
}

/** A request for a single object may fail for reasons of that object alone. */
function isAboutOneObject({ kind, code }: Failure): boolean {
  return (
    kind === "denied" ||
    kind === "rejected" ||
    kind === "unsupported" ||
    /^(?:NoSuchKey|NoSuchVersion|HTTP 404|NotFound)$/.test(code)
  );
}

/** What was sent and not answered may have been done. A server that asks for patience, or refuses the whole request, did nothing. */
function markSent(failure: Failure, indexes: readonly number[], answers: (Answer | undefined)[]): Failure {
  const sent = failure.kind === "timeout" || failure.kind === "unavailable" || failure.kind === "aborted";
  const answer: Answer = { kind: "unanswered", failure, sent };
  for (const index of indexes) answers[index] = answer;
  return failure;
}
