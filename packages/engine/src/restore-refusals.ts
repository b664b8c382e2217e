import type { Image } from "@scrubber/core";
import type { RestoreSummary } from "./api.ts";

export const MISSING = "the registry does not know it";
export const HELD_ELSEWHERE =
  "a scrubber is at work on it: an entry of it is leased. Try again in a moment; if it is not deleted by then, it can be restored";
export const SHARED = "a scrubber is at work on another image that has the same data. Try again in a moment";

/** Why an image cannot be restored as the registry shows it; undefined: it can. */
export function refusalOf(image: Image | undefined): Partial<RestoreSummary> | undefined {
  if (image === undefined) return { reason: MISSING, missing: true };
  if (image.status === "pending") return undefined;
  return { reason: notPending(image.nativeStatus), nativeStatus: image.nativeStatus };
}

export function notPending(nativeStatus: string | undefined): string {
  return `it does not wait for deletion: it is ${nativeStatus ?? "something else"}`;
}
