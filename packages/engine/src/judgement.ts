import type { Outcome } from "@scrubber/core";
import { consequenceOf, outageReason, released, type Circumstances, type Consequence } from "./consequences.ts";
import type { RoutedItem } from "./item.ts";
import type { Cut } from "./store-call.ts";

/** What came of one batch. `consequences` and `bytes` are in the order of `items`. */
export interface Judgement {
  /** What ended, with what follows. */
  readonly items: RoutedItem[];
  readonly consequences: Consequence[];
  readonly bytes: (number | undefined)[];
  /** Throttled, or not looked at: to be tried again. */
  readonly again: RoutedItem[];
  /** Denied for the one reason that is an outage. */
  readonly refused: RoutedItem[];
  readonly outage: string | undefined;
  /** Keys that were throttled, and those of which nothing is known. */
  throttled: number;
  unknown: number;
  /** The longest pause that the backend asked for. */
  patienceMs: number;
}

/** What a judgement depends on, besides the outcomes. */
export type Case = Omit<Circumstances, "attempts"> & {
  readonly cut: Cut;
  readonly probing: boolean;
  readonly lane: string;
};

/** Sorts a batch by its outcomes, one for each key. Twins share the outcome of their key, or are tried by themselves; no entry is lost. */
export function judge(batch: readonly RoutedItem[], outcomes: readonly Outcome[], of: Case): Judgement {
  const judgement: Judgement = {
    items: [],
    consequences: [],
    bytes: [],
    again: [],
    refused: [],
    outage: outageReason(outcomes),
    throttled: 0,
    unknown: 0,
    patienceMs: 0,
  };
  const circumstances = { ...of, attempts: 0 };
  for (let i = 0; i < batch.length; i++) {
    const item = batch[i];
    const outcome = outcomes[i];
    if (item === undefined || outcome === undefined) throw new TypeError("not one outcome for each key");
    if (outcome.kind === "unknown") judgement.unknown += 1;
    if (outcome.kind === "throttled") {
      judgement.throttled += 1;
      judgement.patienceMs = Math.max(judgement.patienceMs, outcome.retryAfterMs ?? 0);
    }
    const { twins } = item;
    item.twins = undefined;
    place(item, outcome, judgement, circumstances, outcome.kind === "deleted" ? outcome.bytes : undefined);
    if (twins === undefined) continue;
    for (const twin of twins) {
      // Of another request or identity, or with credentials of its own: that the first one differs, or is denied, says nothing of this one.
      const isItsOwn = outcome.kind === "changed" || (outcome.kind === "denied" && outcome.reason !== judgement.outage);
      if (isItsOwn) judgement.again.push(twin);
      else place(twin, outcome, judgement, circumstances, undefined);
    }
  }
  return judgement;
}

function place(
  item: RoutedItem,
  outcome: Outcome,
  judgement: Judgement,
  of: Case & { attempts: number },
  bytes: number | undefined,
): void {
  if (outcome.kind === "throttled") {
    judgement.again.push(item);
    return;
  }
  if (outcome.kind === "denied" && outcome.reason === judgement.outage) {
    judgement.refused.push(item);
    return;
  }
  of.attempts = item.entry.attempts;
  // What a stop or a probe cut off is no failure of the entry.
  const excused = outcome.kind === "unknown" && (of.cut === "stopped" || (of.cut === "late" && of.probing));
  judgement.items.push(item);
  judgement.bytes.push(bytes);
  judgement.consequences.push(
    excused ? released(new Date(of.now), outcome.reason, of.lane) : consequenceOf(outcome, of),
  );
}
