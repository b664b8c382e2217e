import type { Outcome } from "@scrubber/core";
import { outcomeOfRefusal, type DeleteCall } from "./call.ts";
import { inTurns, isRequestFailure } from "./client.ts";
import type { ObjectRef } from "./delete-request.ts";
import type { S3Target } from "./location.ts";
import { unanswered } from "./outcome.ts";
import { planVersions, type VersionPlan } from "./versions.ts";

/** Objects whose versions are held in memory at once. */
const OBJECTS_AT_ONCE = 250;

/** Frees what was there of objects in a bucket that keeps versions. By index: the marker that this call itself left, if it did. */
export async function sweepVersions(call: DeleteCall, swept: ReadonlyMap<number, string | undefined>): Promise<void> {
  const { ends } = call;
  const all = [...swept];
  for (let at = 0; at < all.length && ends.failure === undefined; at += OBJECTS_AT_ONCE) {
    const plans = await plansFor(call, all.slice(at, at + OBJECTS_AT_ONCE));
    const outcomes = new Map([...plans].map(([index, { outcome }]) => [index, outcome]));
    await deleteVersions(call, plans, ({ versions }) => versions, outcomes);
    await deleteVersions(
      call,
      plans,
      ({ markers, ownMarker, outcome }, end) => [
        ...(end === outcome ? markers : []),
        ...(ownMarker ? [ownMarker] : []),
      ],
      outcomes,
    );
    for (const [index, outcome] of outcomes) if (outcome !== undefined) ends.answer(index, outcome);
  }
}

async function plansFor(
  { tools: { server }, connection, targets, signal, ends }: DeleteCall,
  swept: readonly (readonly [number, string | undefined])[],
): Promise<ReadonlyMap<number, VersionPlan>> {
  const plans = new Map<number, VersionPlan>();
  await inTurns(swept, async ([index, ownMarker]) => {
    if (ends.failure !== undefined) return;
    try {
      plans.set(index, await planVersions(server, connection, targets[index] as S3Target, ownMarker, signal));
    } catch (error) {
      if (!isRequestFailure(error)) throw error;
      const { failure } = error;
      if (failure.kind === "denied" || failure.kind === "unsupported")
        ends.answer(index, { kind: "denied", reason: `listing its versions: ${failure.code}` });
      else ends.fail(failure);
    }
  });
  return plans;
}

/** Deletes the chosen versions of all plans together; what does not go takes the place of the planned end. */
async function deleteVersions(
  call: DeleteCall,
  plans: ReadonlyMap<number, VersionPlan>,
  choose: (plan: VersionPlan, end: Outcome | undefined) => readonly ObjectRef[],
  outcomes: Map<number, Outcome | undefined>,
): Promise<void> {
  const owners: number[] = [];
  const refs: ObjectRef[] = [];
  for (const [index, plan] of plans) {
    for (const ref of choose(plan, outcomes.get(index))) {
      owners.push(index);
      refs.push(ref);
    }
  }
  if (refs.length === 0) return;
  const { tools, connection, bucket, signal, ends } = call;
  const answers = await tools.deleter.delete({ connection, bucket, refs, signal });
  await inTurns(answers, async (answer, i) => {
    const index = owners[i] as number;
    if (answer.kind === "deleted") return;
    let end: Outcome;
    if (answer.kind === "refused") {
      end = await outcomeOfRefusal(call, refs[i] as ObjectRef, answer);
      if (end.kind === "absent") return;
    } else if (answer.kind === "unknown") end = answer;
    else {
      ends.fail(answer.failure);
      end = unanswered(answer.failure, answer.sent);
    }
    outcomes.set(index, worse(outcomes.get(index), end));
  });
}

const SEVERITY: readonly Outcome["kind"][] = [
  "deleted",
  "absent",
  "changed",
  "throttled",
  "unknown",
  "invalid",
  "denied",
  "held",
];

/** Of two ends of one object, the one that keeps more of it. */
function worse(one: Outcome | undefined, other: Outcome): Outcome {
  return one !== undefined && SEVERITY.indexOf(one.kind) > SEVERITY.indexOf(other.kind) ? one : other;
}
