import type { LeasedEntry, Queue, QueueEntry, Settlement } from "@scrubber/core";

/** All of an image's entries that were to be had, and how they were before. */
export interface HeldImage {
  readonly entries: readonly LeasedEntry[];
  /** By entry id. */
  readonly before: ReadonlyMap<string, QueueEntry>;
  /** Somebody else holds one of its entries. */
  readonly elsewhere: boolean;
}

const PAGE = 1000;

/** Leases all entries of an image, due or not, set-aside ones too. */
export async function leaseImage(queue: Queue, imageId: string, leaseMs: number): Promise<HeldImage> {
  const before = new Map<string, QueueEntry>();
  for await (const entry of queue.entries({ imageId })) before.set(entry.id, entry);
  const entries: LeasedEntry[] = [];
  try {
    for (;;) {
      const more = await queue.lease({ imageId, limit: PAGE, leaseMs });
      if (more.length === 0) break;
      entries.push(...more);
    }
    const own = new Set(entries.map(({ id }) => id));
    let elsewhere = false;
    for await (const { id } of queue.entries({ imageId, state: "leased" })) elsewhere ||= !own.has(id);
    return { entries, before, elsewhere };
  } catch (error) {
    await putBack(queue, { entries, before, elsewhere: false }).catch(() => undefined);
    throw error;
  }
}

/** Gives the entries back as they were: what was set aside is so again, what waited waits as long, with its attempts and its error. */
export async function putBack(queue: Queue, { entries, before }: HeldImage): Promise<void> {
  for (let at = 0; at < entries.length; at += PAGE) {
    await queue.settle(entries.slice(at, at + PAGE).map((entry) => backAsBefore(entry, before.get(entry.id))));
  }
}

function backAsBefore({ id, token, setAside, dueAt }: LeasedEntry, before: QueueEntry | undefined): Settlement {
  if (setAside !== undefined) return { id, token, kind: "setAside", error: setAside };
  const waited = before?.state === "waiting" ? before : undefined;
  return {
    id,
    token,
    kind: "release",
    visibleAt: waited?.visibleAt ?? dueAt,
    ...(waited?.error === undefined ? {} : { reason: waited.error }),
  };
}
