import type { Outcome } from "@scrubber/core";
import type { Answer } from "./answer.ts";
import { Ends, outcomeOfRefusal, type DeleteCall } from "./call.ts";
import { inTurns, isRequestFailure, RequestFailure } from "./client.ts";
import type { ObjectRef } from "./delete-request.ts";
import type { S3Target } from "./location.ts";
import { difference, isChecked, lookAt, reportedBy } from "./look.ts";
import { DELETED_UNCHECKED, unanswered } from "./outcome.ts";
import { abortUploads } from "./uploads.ts";
import { sweepVersions } from "./version-sweep.ts";

/** Bytes of what was looked at, by the target's place; undefined where the server did not say. */
type Seen = Map<number, number | undefined>;

/**
 * Deletes the targets of one bucket under the same credentials. One outcome for each, in order.
 * @throws {RequestFailure} if the server answered for none of them.
 */
export async function deleteTargets(order: Omit<DeleteCall, "ends">): Promise<readonly Outcome[]> {
  const { tools, bucket, connection, signal, targets } = order;
  const call: DeleteCall = { ...order, ends: new Ends(targets.length) };
  const { ends } = call;
  const versioning = await tools.buckets.versioning(bucket, connection, signal);
  const sweeps = versioning === "on" && tools.options.versions === "all";
  const direct: number[] = [];
  const swept = new Map<number, string | undefined>();
  targets.forEach(({ identity }, index) => {
    if (sweeps && identity?.versionId === undefined) swept.set(index, undefined);
    else direct.push(index);
  });
  const seen: Seen = new Map();
  await deleteDirectly(call, await lookedAt(call, direct, seen), versioning === "on", seen, swept);
  await sweepVersions(call, swept);
  if (tools.options.abortUploads) await abortUploadsOf(call);
  const { failure } = ends;
  if (failure === undefined) return ends.all({ kind: "unknown", reason: "the server did not answer for it" });
  if (!ends.answered) throw new RequestFailure(failure);
  return ends.all(unanswered(failure, false));
}

/** Looks at those that ask for it, and returns what is left to delete. */
async function lookedAt(
  { tools: { server, buckets, options }, connection, bucket, targets, signal, ends }: DeleteCall,
  indexes: readonly number[],
  seen: Seen,
): Promise<readonly number[]> {
  const toLookAt = indexes.filter((index) => isChecked(targets[index] as S3Target, options));
  if (toLookAt.length === 0) return indexes;
  const kept = new Set(indexes);
  /** Missing or denied, once the bucket and the credentials are proven. */
  const unproven: number[] = [];
  await inTurns(toLookAt, async (index) => {
    const target = targets[index] as S3Target;
    kept.delete(index);
    if (ends.failure !== undefined) return;
    const look = await lookAt(server, connection, target, signal);
    if (look.kind === "missing") unproven.push(index);
    else if (look.kind === "failed") {
      if (look.failure.status !== 403) return ends.fail(look.failure);
      ends.suppose(index, { kind: "denied", reason: `looking at the object is denied (${look.failure.code})` });
      unproven.push(index);
    } else {
      const reason = difference(target, reportedBy(look.head));
      if (reason !== undefined) return ends.answer(index, { kind: "changed", reason });
      seen.set(index, look.head.ContentLength);
      kept.add(index);
    }
  });
  if (unproven.length > 0) {
    // A HEAD request has no body that would tell a missing object, a missing bucket and wrong credentials apart.
    try {
      await buckets.prove(bucket, connection, signal);
      for (const index of unproven) ends.answer(index, ends.of(index) ?? { kind: "absent" });
    } catch (error) {
      if (!isRequestFailure(error)) throw error;
      for (const index of unproven) ends.suppose(index, undefined);
      ends.fail(error.failure);
    }
  }
  return ends.failure === undefined ? [...kept] : [];
}

/** Deletes objects, or the versions that are recorded. What turns out to have versions is added to `swept`. */
async function deleteDirectly(
  call: DeleteCall,
  indexes: readonly number[],
  versioned: boolean,
  seen: Seen,
  swept: Map<number, string | undefined>,
): Promise<void> {
  if (indexes.length === 0) return;
  const { tools, connection, bucket, targets, signal, ends } = call;
  const refs = indexes.map((index): ObjectRef => {
    const { name, identity } = targets[index] as S3Target;
    return { name, versionId: identity?.versionId };
  });
  const answers = await tools.deleter.delete({ connection, bucket, refs, signal });
  const refused: {
    readonly index: number;
    readonly ref: ObjectRef;
    readonly answer: Extract<Answer, { kind: "refused" }>;
  }[] = [];
  answers.forEach((answer, i) => {
    const index = indexes[i] as number;
    const ref = refs[i] as ObjectRef;
    if (answer.kind === "refused") refused.push({ index, ref, answer });
    else if (answer.kind === "unknown") ends.answer(index, answer);
    else if (answer.kind === "unanswered") ends.unanswered(index, answer);
    else if (ref.versionId !== undefined || !(versioned || answer.marker))
      ends.answer(index, deleted(index, ref, seen));
    else if (tools.options.versions === "current") ends.answer(index, { kind: "marker", asked: true });
    else {
      ends.heard();
      swept.set(index, answer.markerVersionId);
    }
  });
  if (swept.size > 0) tools.buckets.learnVersioned(bucket);
  await inTurns(refused, async ({ index, ref, answer }) =>
    ends.answer(index, await outcomeOfRefusal(call, ref, answer)),
  );
}

function deleted(index: number, { versionId }: ObjectRef, seen: Seen): Outcome {
  const bytes = seen.get(index);
  if (bytes !== undefined) return { kind: "deleted", bytes };
  // A version is what it is: there is nothing to compare.
  return seen.has(index) || versionId !== undefined ? { kind: "deleted" } : DELETED_UNCHECKED;
}

async function abortUploadsOf({ tools: { server }, connection, targets, signal, ends }: DeleteCall): Promise<void> {
  const isOver = (index: number): boolean => {
    const kind = ends.of(index)?.kind;
    return kind === "deleted" || kind === "absent";
  };
  const failed = await abortUploads(
    server,
    connection,
    targets.filter((_, index) => isOver(index)),
    signal,
  );
  if (failed.size === 0) return;
  targets.forEach(({ name }, index) => {
    const code = failed.get(name);
    if (code === undefined || !isOver(index)) return;
    ends.answer(index, {
      kind: "unknown",
      reason: `the object is gone, but its unfinished uploads could not be aborted (${code})`,
    });
  });
}
