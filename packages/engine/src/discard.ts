import { maskUri, type LeasedEntry, type Queue, type Settlement } from "@scrubber/core";
import type { Clock } from "./clock.ts";
import type { ReceiptLog } from "./receipts.ts";

export interface DiscardOptions {
  readonly queue: Queue;
  readonly receipts: Pick<ReceiptLog, "append"> | undefined;
  readonly clock: Clock;
  readonly leaseMs: number;
}

const LEASED_AT_ONCE = 1000;

/** Takes an image's set-aside entries out of the queue without deleting their data. Its other entries stay as they were. */
export async function discard(imageId: string, reason: string, options: DiscardOptions): Promise<number> {
  const { queue, receipts, clock, leaseMs } = options;
  const leased: LeasedEntry[] = [];
  for (;;) {
    const more = await queue.lease({ imageId, limit: LEASED_AT_ONCE, leaseMs });
    if (more.length === 0) break;
    leased.push(...more);
  }
  const now = clock.now();
  const aside = leased.filter((entry) => entry.setAside !== undefined);
  const settlements: Settlement[] = leased.map(({ id, token, setAside, dueAt }) =>
    setAside === undefined
      ? { id, token, kind: "release", visibleAt: dueAt > now ? dueAt : now }
      : { id, token, kind: "done" },
  );
  try {
    if (aside.length > 0) {
      await receipts?.append(
        aside.map(({ location, requestedAt }) => ({
          at: now.toISOString(),
          imageId,
          uri: location === undefined ? "" : maskUri(location.uri),
          store: location?.store,
          key: undefined,
          outcome: "discarded",
          requestedAt: requestedAt.toISOString(),
          note: reason,
        })),
      );
    }
  } catch (error) {
    // Without a receipt nothing is taken out: all go back to where they were.
    await queue.settle(
      leased.map(({ id, token, setAside, dueAt }) =>
        setAside === undefined
          ? { id, token, kind: "release", visibleAt: dueAt > now ? dueAt : now }
          : { id, token, kind: "setAside", error: setAside },
      ),
    );
    throw error;
  }
  const results = leased.length === 0 ? [] : await queue.settle(settlements);
  return leased.filter((entry, index) => entry.setAside !== undefined && results[index] === "settled").length;
}
