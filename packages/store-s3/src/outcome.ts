import type { Outcome } from "@scrubber/core";
import { isThrottling, type Failure } from "./failure.ts";

/** Gone, and nothing was compared before: what an unversioned bucket without `identity: check` can say. */
export const DELETED_UNCHECKED: Outcome = { kind: "deleted", note: "identity: unchecked" };
export const ABORTED: Extract<Outcome, { kind: "unknown" }> = {
  kind: "unknown",
  reason: "the call was aborted before the server answered",
};

const DENIED = /^(?:AccessDenied|AllAccessDisabled|Forbidden|HTTP 403|403)$/;
const GONE = /^(?:NoSuchKey|NoSuchVersion|NotFound|HTTP 404)$/;
const GONE_FOR_CERTAIN = /^NoSuch/;
const NEVER = /^(?:KeyTooLongError|KeyTooLong|InvalidURI|InvalidObjectName)$/;

/** Whether the server refused for want of permission, which a hold looks like too. */
export function isDenial(code: string): boolean {
  return DENIED.test(code);
}

/** Whether a refusal says that there is nothing to delete. */
function isGone(code: string): boolean {
  return GONE.test(code);
}

/** Whether that may as well be said by somebody who stands before the server and does not find it. */
export function isUnprovenGone(code: string): boolean {
  return isGone(code) && !GONE_FOR_CERTAIN.test(code);
}

/** What a refusal of a single object means. Equal causes get equal reasons, so a message that names the object is left out. */
export function refusal(name: string, code: string, message: string): Outcome {
  if (isThrottling(code)) return { kind: "throttled" };
  if (isGone(code)) return { kind: "absent" };
  const reason = message === "" || message === code || message.includes(name) ? code : `${code}: ${message}`;
  if (isDenial(code)) return { kind: "denied", reason };
  return { kind: NEVER.test(code) ? "invalid" : "unknown", reason };
}

/**
 * What becomes of an object for which no answer came, in a call where others were answered.
 * Untouched, it is handed back uncounted; if the server may have acted, nobody knows.
 */
export function unanswered(failure: Failure, sent: boolean): Outcome {
  if (failure.kind === "aborted") return ABORTED;
  return sent
    ? { kind: "unknown", reason: `${failure.code}: the server may have acted or not` }
    : { kind: "throttled" };
}
