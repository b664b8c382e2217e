import type { Health } from "./health.ts";
import type { WorkQueue } from "./item.ts";
import { laneName, type LaneState, type Lanes } from "./lanes.ts";
import type { Router } from "./routing.ts";
import type { Untried } from "./summary.ts";

export interface UntriedOptions {
  readonly queue: Pick<WorkQueue, "entries">;
  readonly router: Router;
  readonly lanes: Lanes;
  readonly health: Health;
}

/** How far it is looked; each thousand costs some milliseconds. */
const MOST_SEEN = 100_000;
/** What waits for longer is held by its store: an outage keeps no entry away for more than a day. */
const LONGEST_OUTAGE_WAIT_MS = 86_400_000;

/** The stores that are down while something of theirs waits that was due at `startedAt`: leases leave it out between two probes, so that no count tells of it. */
export async function untried(options: UntriedOptions, startedAt: Date): Promise<readonly Untried[]> {
  const { queue, router, health } = options;
  const closed = closedLanes(options);
  const found: Untried[] = [];
  if (closed.size === 0 || health.allPaused) return found;
  let seen = 0;
  for await (const entry of queue.entries({ state: "waiting", dueBefore: startedAt })) {
    if (++seen > MOST_SEEN) break;
    const { location, requestedAt, visibleAt } = entry;
    if (location === undefined || visibleAt.getTime() > startedAt.getTime() + LONGEST_OUTAGE_WAIT_MS) continue;
    const route = router.route(location, requestedAt);
    if (route.reason !== undefined) continue;
    const name = laneName(route.to, route.target.group);
    const lane = closed.get(name);
    if (lane?.breaker.closed === undefined) continue;
    const { closedAt, probeAt, reason } = lane.breaker.closed;
    found.push({
      store: lane.to.id,
      group: lane.group,
      since: new Date(closedAt),
      reason,
      triedAgainAt: new Date(probeAt),
    });
    closed.delete(name);
    if (closed.size === 0) break;
  }
  return found;
}

/** By name; without those that a person has paused. */
function closedLanes({ lanes, health }: UntriedOptions): Map<string, LaneState> {
  const closed = new Map<string, LaneState>();
  for (const lane of lanes.all()) {
    if (lane.breaker.closed !== undefined && !health.pausedStores.has(lane.to.id)) closed.set(lane.name, lane);
  }
  return closed;
}
