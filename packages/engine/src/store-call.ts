import { isEnvironmentError, isScrubberError, type Outcome, type Store, type Target } from "@scrubber/core";
import type { Timers } from "./clock.ts";

/** How long a store may take to come back once its call is aborted. */
export const STORE_GRACE_MS = 5000;

/** Why a call was aborted: its time was up, or everything stops; undefined: it was not. */
export type Cut = "late" | "stopped" | undefined;

/** What came of one call of a store. */
export type Answer =
  /** One outcome for each target. */
  | { readonly kind: "outcomes"; readonly outcomes: readonly Outcome[]; readonly cut: Cut }
  /** Nothing was answered, and no entry is to blame. */
  | { readonly kind: "outage"; readonly reason: string }
  | { readonly kind: "throttled"; readonly reason: string }
  /** Nothing was answered: something in the batch is poisonous. */
  | { readonly kind: "rejected"; readonly reason: string };

/**
 * Calls a store once, for at most `callMs`: then the call is aborted, and given up if it does not come back soon after. Never rejects.
 * Whatever the store does, there is one outcome for each target: what it did not answer in due form is `unknown`.
 */
export async function callStore(
  store: Store,
  targets: readonly Target[],
  clock: Timers,
  callMs: number,
  stop: AbortSignal,
): Promise<Answer> {
  const controller = new AbortController();
  let cut: Cut;
  let giveUp: ((answer: Answer) => void) | undefined;
  const given = new Promise<Answer>((resolve) => {
    giveUp = resolve;
  });
  let cancel = clock.after(callMs, () => {
    abort("late");
  });
  const abort = (why: "late" | "stopped"): void => {
    if (cut !== undefined) return;
    cut = why;
    cancel();
    cancel = clock.after(STORE_GRACE_MS, () => {
      giveUp?.({ kind: "outcomes", outcomes: unanswered(targets.length, "the store did not come back"), cut: why });
    });
    controller.abort();
  };
  const stopped = (): void => {
    abort("stopped");
  };
  stop.addEventListener("abort", stopped);
  if (stop.aborted) stopped();
  const answered = (async (): Promise<Answer> => {
    try {
      const outcomes = await store.delete(targets, { signal: controller.signal });
      return { kind: "outcomes", outcomes: inDueForm(outcomes, targets.length), cut };
    } catch (error) {
      return fromError(error, targets.length, cut);
    }
  })();
  try {
    return await Promise.race([answered, given]);
  } finally {
    cancel();
    stop.removeEventListener("abort", stopped);
  }
}

function inDueForm(outcomes: readonly Outcome[], length: number): readonly Outcome[] {
  // With a missing or an extra answer it cannot be told which answer is whose.
  if (!Array.isArray(outcomes) || outcomes.length !== length) {
    return unanswered(length, "the store did not answer one for one");
  }
  // By index: what was left out of an array is an answer missing, too.
  for (let at = 0; at < length; at++) {
    if (isOutcome(outcomes[at])) continue;
    return Array.from(outcomes, (one: unknown) => (isOutcome(one) ? one : NO_ANSWER));
  }
  return outcomes;
}

const NO_ANSWER: Outcome = { kind: "unknown", reason: "the store gave no answer" };

/** A store may be anybody's: what is counted, added up or waited for must be what it is called. */
function isOutcome(value: unknown): value is Outcome {
  if (typeof value !== "object" || value === null) return false;
  const outcome = value as { readonly [Name in "kind" | "reason" | "bytes" | "until" | "retryAfterMs"]?: unknown };
  switch (outcome.kind) {
    case "deleted":
      return outcome.bytes === undefined || isAmount(outcome.bytes);
    case "absent":
    case "marker":
      return true;
    case "throttled":
      return outcome.retryAfterMs === undefined || isAmount(outcome.retryAfterMs);
    case "held":
      return typeof outcome.reason === "string" && isEnd(outcome.until);
    case "changed":
    case "denied":
    case "invalid":
    case "unknown":
      return typeof outcome.reason === "string";
    default:
      return false;
  }
}

function isEnd(value: unknown): boolean {
  return value === undefined || (value instanceof Date && Number.isFinite(value.getTime()));
}

function isAmount(value: unknown): boolean {
  return typeof value === "number" && value >= 0 && Number.isFinite(value);
}

function unanswered(length: number, reason: string): readonly Outcome[] {
  return Array.from({ length }, () => ({ kind: "unknown", reason }) as const);
}

function fromError(error: unknown, length: number, cut: Cut): Answer {
  if (cut !== undefined) {
    return { kind: "outcomes", outcomes: unanswered(length, "the store did not answer in time"), cut };
  }
  // Only a ScrubberError's words are known to be free of secrets.
  const reason = isScrubberError(error) ? error.message : "the store failed in a way of its own";
  if (isScrubberError(error, "SCRUBBER_STORE_THROTTLED")) return { kind: "throttled", reason };
  return { kind: isEnvironmentError(error) ? "outage" : "rejected", reason };
}
