import type { Finding } from "@scrubber/core";

/** What a recorded identity says of a file. */
export interface FileIdentity {
  readonly size?: number;
  readonly modifiedAtMs?: number;
  readonly inode?: string;
}

/** How a root shows that it is there. */
export interface RootCheck {
  readonly path: string;
  readonly marker: string | false;
  /** Without the marker, nothing in the root may be called absent. */
  readonly markerRequired: boolean;
  readonly mounted: boolean;
}

/** A job waits until the thread begins it. Cancelled from outside, no further file of it is touched: none at all if it had not begun. */
export const PROGRESS = { waiting: 0, begun: 1, cancelled: 2 } as const;

/** One batch on its way to the thread: few large values instead of many small ones, because each value is copied. */
export interface Job {
  readonly id: number;
  readonly act: "delete" | "inspect" | "probe" | "probeByWriting";
  readonly root: RootCheck;
  /** Absolute paths below the root, joined by NUL. */
  readonly paths: string;
  /** For each path: modified later than this (milliseconds since 1970), it is not the file that was meant. */
  readonly unmodifiedSince: Float64Array;
  /** Recorded identities by index; most batches have none. */
  readonly identities: ReadonlyMap<number, FileIdentity>;
  /** One of {@link PROGRESS}, shared with whoever asked. */
  readonly progress: Int32Array;
  /** What is not tried by then (milliseconds since 1970) is handed back. */
  readonly until: number;
}

/** How one path can end. What travels is the index in this list; 0 is what was not tried. */
export const ENDS = [
  "untried",
  "deleted",
  "absent",
  "present",
  "changed",
  "denied",
  "invalid",
  "unknown",
  "throttled",
] as const;

export type End = (typeof ENDS)[number];

/** What was seen of one file. */
export interface Seen {
  readonly bytes: number;
  readonly size: number;
  readonly modifiedAtMs: number;
  readonly inode: string;
}

/** Why nothing at all was answered. */
export interface Outage {
  readonly code: "SCRUBBER_STORE_MISCONFIGURED" | "SCRUBBER_STORE_UNAVAILABLE";
  readonly message: string;
  readonly hint: string;
}

/** The answers to a batch, in its order. */
export interface Answers {
  /** Indexes in {@link ENDS}. */
  readonly ends: Uint8Array;
  /** What deletion freed. */
  readonly bytes: Float64Array;
  /** Reasons and notes by index. */
  readonly texts: ReadonlyMap<number, string>;
  /** Of an inspection, by index. */
  readonly seen: ReadonlyMap<number, Seen>;
}

/** The answer to a {@link Job}: an outage, or one end for each path. Of a probe: what was found. */
export interface JobAnswer {
  readonly id: number;
  readonly markerSeen: boolean;
  readonly result: Outage | Answers | readonly Finding[];
}

export function isOutage(result: JobAnswer["result"]): result is Outage {
  return "code" in result;
}
