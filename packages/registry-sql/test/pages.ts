import type { PendingLocation, PendingPage, Registry } from "@scrubber/core";
import { expect } from "vitest";

/** All that a registry lists as pending, page by page. */
export async function allPending(
  registry: Registry,
  limit = 1000,
  known?: PendingPage["known"],
): Promise<PendingLocation[]> {
  const found: PendingLocation[] = [];
  for (let after: string | undefined; ;) {
    const page = await registry.pendingLocations({
      ...(after !== undefined && { after }),
      ...(known !== undefined && { known }),
      limit,
    });
    expect(page.items.length).toBeLessThanOrEqual(limit);
    found.push(...page.items);
    if (page.next === undefined) return found;
    after = page.next;
  }
}
