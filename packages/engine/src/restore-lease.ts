import {
  isEnvironmentError,
  storeIdOf,
  type LeasedEntry,
  type Location,
  type NewEntry,
  type Queue,
  type QueueEntry,
  type Settlement,
} from "@scrubber/core";

/** All of an image's entries that were to be had, and how they were before. */
export interface HeldImage {
  readonly entries: readonly LeasedEntry[];
  /** By entry id. */
  readonly before: ReadonlyMap<string, QueueEntry>;
  /** Ids of those that were queued only to be held. */
  readonly brought: ReadonlySet<string>;
  /** Somebody else holds one of its entries. */
  readonly elsewhere: boolean;
}

const PAGE = 1000;

/**
 * Leases all entries of an image, due or not, set-aside ones too.
 *
 * @param wanted Is queued first, as a sweep would, where it is not: what is in no queue cannot be held, and whoever sweeps meanwhile could have it at once. What is put back is
 *   taken out again, unless somebody else has asked for it since.
 */
export async function leaseImage(
  queue: Queue,
  imageId: string,
  leaseMs: number,
  wanted: readonly NewEntry[] = [],
): Promise<HeldImage> {
  const before = new Map<string, QueueEntry>();
  const queued = new Set<string>();
  for await (const entry of queue.entries({ imageId })) {
    before.set(entry.id, entry);
    if (entry.location !== undefined) queued.add(nameOf(entry.location));
  }
  const added = await add(
    queue,
    wanted.filter(({ location }) => !queued.has(nameOf(location))),
  );
  const brought = new Set<string>();
  const entries: LeasedEntry[] = [];
  try {
    for (;;) {
      const more = await queue.lease({ imageId, limit: PAGE, leaseMs });
      if (more.length === 0) break;
      entries.push(...more);
      for (const entry of more) if (!before.has(entry.id) && isAsAdded(entry, added)) brought.add(entry.id);
    }
    const own = new Set(entries.map(({ id }) => id));
    let elsewhere = false;
    for await (const { id } of queue.entries({ imageId, state: "leased" })) elsewhere ||= !own.has(id);
    return { entries, before, brought, elsewhere };
  } catch (error) {
    await putBack(queue, { entries, before, brought, elsewhere: false }).catch(() => undefined);
    throw error;
  }
}

/** Resolves with what was added, by name. */
async function add(queue: Queue, entries: readonly NewEntry[]): Promise<ReadonlyMap<string, NewEntry>> {
  const added = new Map<string, NewEntry>();
  if (entries.length === 0) return added;
  try {
    const results = await queue.add(entries);
    for (const [at, entry] of entries.entries()) if (results[at] === "added") added.set(nameOf(entry.location), entry);
  } catch (error) {
    if (isEnvironmentError(error)) throw error;
    // One of them is nothing that a queue takes: then no sweep brings it there either. The others go unheld with it.
  }
  return added;
}

/** Whoever adds it too has another time of asking, mostly the present, or a due time of its own. */
function isAsAdded({ location, requestedAt, dueByDelay }: LeasedEntry, added: ReadonlyMap<string, NewEntry>): boolean {
  const as = location === undefined ? undefined : added.get(nameOf(location));
  return as?.requestedAt?.getTime() === requestedAt.getTime() && dueByDelay === true;
}

function nameOf(location: Location): string {
  return `${storeIdOf(location) ?? ""}\0${location.uri}`;
}

/** Gives the entries back as they were: what was set aside is so again, what waited waits as long, with its attempts and its error. */
export async function putBack(queue: Queue, { entries, before, brought }: HeldImage): Promise<void> {
  for (let at = 0; at < entries.length; at += PAGE) {
    const page = entries.slice(at, at + PAGE);
    await queue.settle(
      page.map((entry) =>
        brought.has(entry.id)
          ? { id: entry.id, token: entry.token, kind: "done" }
          : backAsBefore(entry, before.get(entry.id)),
      ),
    );
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
