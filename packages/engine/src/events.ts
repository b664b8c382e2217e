import type { RunSummary, SweepSummary } from "./summary.ts";

/** How many entries ended in which way. */
export type Counts = Pick<
  RunSummary,
  "deleted" | "absent" | "marker" | "kept" | "held" | "retried" | "released" | "setAside"
>;

/**
 * What happens, as it happens. Progress, logs and metrics are made of these and of nothing else. docs/events.md lists each with its fields.
 * URIs are masked; no field carries a secret.
 */
export type ScrubberEvent =
  | { readonly type: "run.started"; readonly waiting: number; readonly due: number }
  /** `receiptsHead`: the head of the receipts, where the run wrote some. */
  | { readonly type: "run.finished"; readonly summary: RunSummary; readonly receiptsHead?: string }
  /** A batch is settled: in the queue, and durable. */
  | {
      readonly type: "batch.settled";
      readonly store: string | undefined;
      readonly group: string | undefined;
      readonly counts: Counts;
      readonly bytes: number;
      readonly ms: number;
    }
  /** One entry did not end well; one event for each. */
  | {
      readonly type: "entry.failed";
      readonly imageId: string;
      readonly uri: string | undefined;
      readonly store: string | undefined;
      readonly as: "retried" | "setAside" | "held";
      readonly reason: string;
    }
  | { readonly type: "image.deleted"; readonly imageId: string }
  | {
      readonly type: "lane.closed";
      readonly store: string;
      readonly group: string;
      readonly reason: string;
      readonly probeInMs: number;
    }
  | { readonly type: "lane.opened"; readonly store: string; readonly group: string }
  /** A backend throttles, and the lane goes slower. `keysPerSecond`: the bound, where there is one. */
  | {
      readonly type: "lane.paced";
      readonly store: string;
      readonly group: string;
      readonly concurrency: number;
      readonly keysPerSecond?: number;
    }
  | { readonly type: "sweep.finished"; readonly summary: SweepSummary; readonly ms: number }
  | {
      readonly type: "outage";
      readonly of: "queue" | "registry" | "receipts" | "sweep";
      readonly code: string;
      readonly message: string;
    }
  | { readonly type: "warning"; readonly message: string }
  | { readonly type: "daemon.sleeping"; readonly until: Date }
  | { readonly type: "daemon.draining"; readonly leased: number }
  /** What was waited for when a run stopped did not come back in time. */
  | { readonly type: "daemon.gaveUp"; readonly leased: number };
