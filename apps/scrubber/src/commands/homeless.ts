import { isScrubberError, maskUri, type Location } from "@scrubber/core";
import type { Scrubber } from "@scrubber/engine";
import type { Invocation } from "../invocation.ts";

/** Routing is judged when the time comes; but what no store takes today is likely a slip, and told at once. `then`: what comes of it. */
export function warnOfHomeless(
  { output }: Invocation,
  { stores }: Scrubber,
  locations: readonly Location[],
  then: string,
): void {
  for (const location of locations) {
    const why = homelessness(location, stores);
    if (why === undefined) continue;
    const which = locations.length === 1 ? "this location" : maskUri(location.uri);
    output.note(`${output.noteStyle("yellow", "note:")} as things are, ${then} ${which} aside: ${why}`);
  }
}

/** Why no run could delete a location; undefined: exactly one store takes it. */
function homelessness(location: Location, stores: Scrubber["stores"]): string | undefined {
  if (location.store !== undefined && !stores.has(location.store)) {
    return `there is no store "${location.store}"; configured are: ${[...stores.keys()].join(", ")}`;
  }
  const reasons: string[] = [];
  const takers = [...stores].filter(([id, store]) => {
    if (location.store !== undefined && location.store !== id) return false;
    try {
      return store.target({ location, requestedAt: new Date() }) !== undefined;
    } catch (error) {
      // Only a store's own words are known to be free of secrets.
      reasons.push(`${id}: ${isScrubberError(error) ? error.message : "it failed while it looked at the location"}`);
      return false;
    }
  });
  if (takers.length === 1) return undefined;
  if (takers.length > 1)
    return `the stores ${takers.map(([id]) => id).join(" and ")} all take it; name one with --store`;
  return `no configured store takes it${reasons.length > 0 ? ` (${reasons.join("; ")})` : ""}`;
}
