import type { Outcome } from "@scrubber/core";
import type { Part } from "./batch-answer.ts";

/** Not asked, or not answered, before the call's time was up. */
export const ABORTED: Outcome = { kind: "unknown", reason: "the call's time was up before the service answered" };

export const TAKEN_FOR_ANOTHER: Outcome = {
  kind: "invalid",
  reason: "the service does not tell its name from another's, because of the dots or backslashes in it",
};
export const KNOWN_AS_ANOTHER: Extract<Outcome, { kind: "invalid" }> = {
  kind: "invalid",
  reason:
    "no blob has this name, but one that the service may have made of it, because of the dots or backslashes in it",
};

/** What the service's word on one deletion means. An absence is believed only where the container is known to be there. */
export function outcomeOf(part: Part | undefined): Outcome {
  if (part === undefined) return { kind: "unknown", reason: "the service gave no readable answer for this blob" };
  const { status, code, retryAfterMs } = part;
  const said = code === "" ? `HTTP ${status}` : code;
  if (status >= 200 && status < 300) {
    return part.retained
      ? { kind: "deleted", note: "retained by the account's soft delete for its time" }
      : { kind: "deleted" };
  }
  if (status === 404) return code === "ContainerNotFound" ? unknown(said) : { kind: "absent" };
  if (status === 429 || status === 503) {
    return { kind: "throttled", ...(retryAfterMs !== undefined && { retryAfterMs }) };
  }
  if (/Immutab|LegalHold/i.test(code)) return { kind: "held", reason: `a retention policy or legal hold (${said})` };
  if (/Lease/i.test(code)) return { kind: "held", reason: `a lease (${said})` };
  if (status === 412) return { kind: "changed", reason: `it is not the blob that was meant (${said})` };
  if (status === 401 || status === 403) return { kind: "denied", reason: said };
  if (/^(?:InvalidUri|InvalidResourceName|InvalidBlobName|OutOfRangeInput|InvalidInput)$/.test(code)) {
    return { kind: "invalid", reason: `the service takes no such name (${said})` };
  }
  return unknown(said);
}

function unknown(said: string): Outcome {
  return { kind: "unknown", reason: `the service answered ${said}` };
}
