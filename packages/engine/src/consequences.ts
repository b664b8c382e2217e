import type { Outcome, Settlement } from "@scrubber/core";
import type { Verdict } from "./verdict.ts";
import type { Counts } from "./events.ts";
import type { Receipt } from "./receipts.ts";

type WithoutLease<T> = T extends unknown ? Omit<T, "id" | "token"> : never;

/** What follows from an outcome: the row of the normative table. */
export interface Consequence {
  /** How the entry is settled. */
  readonly settle: WithoutLease<Settlement>;
  /** The one count of the summary that it adds to; undefined: none, it was handed back untried and nothing is wrong: its turn comes, in this pass or a later one. */
  readonly counted: keyof Counts | undefined;
  /** Whether the registry is told that this location is gone (or kept for another image). */
  readonly positive: boolean;
  /** What the receipt says; undefined: nothing ended, so there is none. */
  readonly receipt: Receipt["outcome"] | undefined;
  /** For a person: why it did not end well, or what the receipt notes. */
  readonly reason: string | undefined;
}

/** What a consequence depends on, besides the outcome. */
export interface Circumstances {
  readonly attempts: number;
  readonly maxAttempts: number;
  /** Milliseconds since 1970. */
  readonly now: number;
  /** 0 to 1, as `Math.random`. */
  readonly random: () => number;
}

const DAY_MS = 86_400_000;
const HOUR_MS = 3_600_000;
const FIRST_RETRY_MS = 30_000;
const SHORTEST_HOLD_MS = 60_000;
const LONGEST_DATE_MS = 8.64e15;

const done = { kind: "done" } as const;
const ended = (counted: "deleted" | "absent" | "marker" | "kept", positive: boolean, reason?: string): Consequence => ({
  settle: done,
  counted,
  positive,
  receipt: counted,
  reason,
});

const DELETED = ended("deleted", true);
const ABSENT = ended("absent", true);
const MARKER = ended("marker", true);

/** How long a counted failure waits: 30 s doubling to an hour, give or take a fifth. */
export function retryDelayMs(attempts: number, random: () => number): number {
  const plain = Math.min(HOUR_MS, FIRST_RETRY_MS * 2 ** Math.min(attempts, 30));
  return Math.round(plain * (0.8 + 0.4 * random()));
}

/** The entry is out of the way at once. */
export function setAside(reason: string): Consequence {
  return {
    settle: { kind: "setAside", error: reason },
    counted: "setAside",
    positive: false,
    receipt: "setAside",
    reason,
  };
}

/** The entry waits, uncounted: it is not to blame. `lane`: leases may leave it out by this name. */
export function released(visibleAt: Date, reason: string, lane?: string): Consequence {
  return {
    settle: lane === undefined ? { kind: "release", visibleAt, reason } : { kind: "release", visibleAt, reason, lane },
    counted: "released",
    positive: false,
    receipt: undefined,
    reason,
  };
}

/** The entry goes back as if it had not been leased: others of its lane are in front, or a person paused its store. */
export function passedOver(visibleAt: Date, reason: string, lane: string): Consequence {
  return { ...released(visibleAt, reason, lane), counted: undefined };
}

function retried(reason: string, of: Circumstances): Consequence {
  if (of.attempts + 1 >= of.maxAttempts) return setAside(reason);
  const visibleAt = new Date(of.now + retryDelayMs(of.attempts, of.random));
  return {
    settle: { kind: "retry", visibleAt, error: reason },
    counted: "retried",
    positive: false,
    receipt: undefined,
    reason,
  };
}

/** What follows from a store's answer for one location. */
export function consequenceOf(outcome: Outcome, of: Circumstances): Consequence {
  switch (outcome.kind) {
    case "deleted":
      return outcome.note === undefined ? DELETED : ended("deleted", true, outcome.note);
    case "absent":
      return outcome.note === undefined ? ABSENT : ended("absent", true, outcome.note);
    case "marker":
      return outcome.asked ? MARKER : setAside("only a delete marker was left: nothing was freed");
    case "held": {
      const until = Math.max(outcome.until?.getTime() ?? of.now + DAY_MS, of.now + SHORTEST_HOLD_MS);
      const visibleAt = new Date(Math.min(until, LONGEST_DATE_MS));
      return {
        settle: { kind: "release", visibleAt, reason: outcome.reason },
        counted: "held",
        positive: false,
        receipt: undefined,
        reason: outcome.reason,
      };
    }
    case "changed":
    case "invalid":
      return setAside(outcome.reason);
    case "denied":
    case "unknown":
      return retried(outcome.reason, of);
    case "throttled":
      return released(new Date(of.now + Math.max(outcome.retryAfterMs ?? 0, 1000)), "the backend asks for patience");
  }
}

/** What follows from a verdict that allows no deletion. */
export function consequenceOfVerdict(verdict: Exclude<Verdict, { kind: "delete" }>): Consequence {
  switch (verdict.kind) {
    case "shared":
      return ended("kept", true, `shared with ${verdict.with}`);
    case "alive":
      return ended("kept", false, verdict.reason);
    case "held": {
      const { until: visibleAt, reason } = verdict;
      return {
        settle: { kind: "release", visibleAt, reason },
        counted: "held",
        positive: false,
        receipt: undefined,
        reason,
      };
    }
    case "unknownImage":
      return setAside("the registry does not know the image");
  }
}

const OUTAGE_SHARE = 0.9;
const OUTAGE_LEAST = 10;

/** The reason for which at least nine tenths of a batch of ten or more were denied: that is an outage, and no entry is to blame. */
export function outageReason(outcomes: readonly Outcome[]): string | undefined {
  if (outcomes.length < OUTAGE_LEAST) return undefined;
  const least = Math.ceil(outcomes.length * OUTAGE_SHARE);
  let others = 0;
  const reasons = new Map<string, number>();
  for (const outcome of outcomes) {
    if (outcome.kind === "denied") reasons.set(outcome.reason, (reasons.get(outcome.reason) ?? 0) + 1);
    else if (++others > outcomes.length - least) return undefined;
  }
  for (const [reason, count] of reasons) if (count >= least) return reason;
  return undefined;
}
