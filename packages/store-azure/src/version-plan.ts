import type { Outcome } from "@scrubber/core";
import type { Listed } from "./listing.ts";
import type { AzureTarget } from "./location.ts";
import { difference } from "./look.ts";

/** What is to be done about one blob in a container that keeps versions. */
export interface VersionPlan {
  /** What was there when the deletion was requested. */
  readonly goes: readonly Listed[];
  /** The one of them that is the blob itself now, as is what has no version yet; undefined where it was deleted or written anew. */
  readonly current: Listed | undefined;
  /** How it ends whatever becomes of `goes`; undefined: as that does. */
  readonly outcome: Outcome | undefined;
}

const NEWER: Outcome = {
  kind: "changed",
  reason: "a version was written after the deletion was requested; that one stays",
};

/** The newest version that was there when the deletion was requested is the one that was meant, and with `check` compared. */
export function planVersions(target: AzureTarget, found: readonly Listed[], check: boolean): VersionPlan {
  const goes = found.filter(({ modifiedAt }) => modifiedAt.getTime() <= target.unmodifiedSince);
  const current = goes.find(({ current: isCurrent, versionId }) => isCurrent || versionId === "");
  const meant = current ?? goes.toSorted((a, b) => b.modifiedAt.getTime() - a.modifiedAt.getTime())[0];
  const reason = check && meant !== undefined ? difference(target, meant) : undefined;
  if (reason !== undefined) return { goes: [], current: undefined, outcome: { kind: "changed", reason } };
  if (goes.length < found.length) return { goes, current, outcome: NEWER };
  return { goes, current, outcome: goes.length === 0 ? { kind: "absent" } : undefined };
}
