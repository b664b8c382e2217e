import {
  isScrubberError,
  maskUri,
  type Image,
  type LeasedEntry,
  type NewEntry,
  type Queue,
  type QueueEntry,
  type Registry,
} from "@scrubber/core";
import type { RestoreSummary } from "./api.ts";
import type { Receipt, ReceiptLog } from "./receipts.ts";
import { addressesOf, type Address, type Route } from "./references-address.ts";
import { leaseImage, putBack, type HeldImage } from "./restore-lease.ts";
import { inspectPending, type Inspection } from "./restore-inspection.ts";
import { HELD_ELSEWHERE, MISSING, notPending, refusalOf, SHARED } from "./restore-refusals.ts";
import type { OpenStore } from "./routing.ts";

/** Takes deletions back. */
export interface Restore {
  /**
   * Makes a pending image live again and takes its entries out of the queue.
   *
   * In this order: leases all of its entries, due or not (what is not queued yet is for that long), and those of other images that share its data and are due; looks at its data; makes it live by
   * compare-and-set; settles its entries and gives back the others as they were. Refused, with everything as it was,
   * where it is not pending, where somebody holds an entry of it or of the same object, and where its data is gone or cannot be looked at. Locations whose data is
   * gone are recorded as deleted first, if others are there. A crash anywhere leaves entries that the next admit judges by what the registry then says.
   *
   * One gap cannot be closed from here: an entry for the same data that is added under another image, due at once, and leased and admitted, all between the last
   * look and the compare-and-set. So the data is looked at once more when the image is live, and what is gone is said.
   *
   * @throws {ScrubberError} where queue, registry or a store do not answer; then too everything is put back.
   */
  restore(imageId: string): Promise<RestoreSummary>;
}

export interface RestoreOptions {
  readonly registry: Registry | undefined;
  readonly queue: Queue;
  readonly stores: readonly OpenStore[];
  readonly route: Route;
  readonly receipts: ReceiptLog | undefined;
  readonly now: () => Date;
  /** How long what might still delete a shared object is waited for, once the image is live, in milliseconds. Default: 60,000. */
  readonly patienceMs?: number;
}

export function createRestore(options: RestoreOptions): Restore {
  return { restore: (imageId) => new RestoreRun(options, imageId).run() };
}

const LEASE_MS = 300_000;
const SETTLED_AT_ONCE = 1000;
const PATIENCE_MS = 60_000;
const LOOK_AGAIN_MS = 100;
const NOT_QUEUED = "it was not queued";

class RestoreRun {
  readonly #options: RestoreOptions;
  readonly #imageId: string;

  constructor(options: RestoreOptions, imageId: string) {
    this.#options = options;
    this.#imageId = imageId;
  }

  async run(): Promise<RestoreSummary> {
    const { registry, queue } = this.#options;
    let image: Image | undefined;
    if (registry !== undefined) {
      if (!registry.supports.restore) return this.#refused({ reason: "the registry cannot restore images" });
      image = (await registry.images([this.#imageId])).get(this.#imageId);
      const refusal = refusalOf(image);
      if (refusal !== undefined) return this.#refused(refusal);
    }
    const held = await leaseImage(queue, this.#imageId, LEASE_MS, pendingOf(image, this.#options.now()));
    const twins: HeldImage[] = [];
    let summary: RestoreSummary;
    try {
      summary = registry === undefined ? await this.#takeOut(held) : await this.#restore(registry, held, twins);
    } catch (error) {
      // The first failure is what tells; leases that cannot be given back run out.
      for (const one of [held, ...twins]) await putBack(queue, one).catch(() => undefined);
      throw error;
    }
    for (const twin of twins) await putBack(queue, twin).catch(() => undefined);
    if (!summary.restored) await putBack(queue, held);
    return summary;
  }

  /** Leases the entries of other images that have one of these objects and may be deleted at any moment. */
  async #leaseTwins(addresses: ReadonlySet<string>, twins: HeldImage[]): Promise<void> {
    const { queue, now } = this.#options;
    const ids = new Set<string>();
    const dueBefore = new Date(now().getTime() + LEASE_MS);
    for await (const { imageId, location } of queue.entries({ dueBefore })) {
      if (imageId !== this.#imageId && location !== undefined && this.#isAmong(addresses, location)) ids.add(imageId);
    }
    for (const id of ids) twins.push(await leaseImage(queue, id, LEASE_MS));
  }

  /** Without a registry there is nothing to make live. */
  async #takeOut(held: HeldImage): Promise<RestoreSummary> {
    if (held.elsewhere) return this.#refused({ reason: HELD_ELSEWHERE });
    if (held.entries.length === 0)
      return this.#refused({ reason: "nothing of it is queued, and there is no registry" });
    await this.#options.receipts?.append(
      held.entries.map((entry) => this.#receipt(entry, "restored", "taken out of the queue")),
    );
    const entries = await this.#settle(held.entries);
    const reason = "There is no registry: nothing else was done or looked at.";
    return { imageId: this.#imageId, restored: true, reason, entries };
  }

  async #restore(registry: Registry, held: HeldImage, twins: HeldImage[]): Promise<RestoreSummary> {
    const { queue, receipts } = this.#options;
    if (held.elsewhere) return this.#refused({ reason: HELD_ELSEWHERE });
    // As it is now that nobody else can delete it.
    const image = (await registry.images([this.#imageId])).get(this.#imageId);
    const refusal = refusalOf(image);
    if (image === undefined || refusal !== undefined) return this.#refused(refusal ?? {});
    const addresses = this.#addressesOf(image);
    await this.#leaseTwins(addresses, twins);
    const all = [held, ...twins].flatMap(({ entries }) => entries);
    if (await this.#isBeingDeleted(addresses, all)) return this.#refused({ reason: SHARED });
    const inspection = await inspectPending(image, held.entries, registry, this.#options);
    if (inspection.refusal !== undefined)
      return this.#refused({ reason: inspection.refusal, nativeStatus: image.nativeStatus });
    if (inspection.absent.length > 0 && registry.supports.locationStatus) {
      const result = (await registry.recordDeleted([{ imageId: image.id, locations: inspection.absent }])).get(
        image.id,
      );
      if (result !== "incomplete")
        return this.#refused({ reason: `its missing locations could not be recorded (${result ?? "no answer"})` });
    }
    // Whoever took them over meanwhile may delete their data.
    const kept = await queue.renew(all, LEASE_MS);
    if (kept.includes(false))
      return this.#refused({ reason: "a lease on it ran out or was called back meanwhile; try again" });
    if (await this.#isBeingDeleted(addresses, all)) return this.#refused({ reason: SHARED });
    const result = await registry.restore(image.id);
    if (!result.restored) {
      const missing = result.reason === "missing";
      const status = result.nativeStatus === undefined ? {} : { nativeStatus: result.nativeStatus };
      const reason = missing
        ? MISSING
        : result.reason === "notPending"
          ? notPending(result.nativeStatus)
          : "no location is left to restore";
      return this.#refused({ reason, ...status, ...(missing ? { missing } : {}) });
    }
    return this.#settleRestored(registry, image, { addresses, held, all }, inspection, receipts);
  }

  /** It is live: whatever fails from here on, the next admit finds its entries alive. */
  async #settleRestored(
    registry: Registry,
    image: Image,
    { addresses, held, all }: { addresses: ReadonlySet<string>; held: HeldImage; all: readonly LeasedEntry[] },
    inspection: Inspection,
    receipts: ReceiptLog | undefined,
  ): Promise<RestoreSummary> {
    const notes = [...inspection.notes];
    let entries = 0;
    try {
      const lost = await this.#lostSince(addresses, all, inspection);
      if (lost !== undefined) notes.push(lost);
      await receipts?.append(this.#receipts(image, held, inspection));
      const left = (await registry.images([image.id])).get(image.id);
      const waiting = pendingAddresses(left, this.#options);
      // A location that had been removed before the image was, and is not live again, stays queued.
      const staying = held.entries.filter(({ location }) => location !== undefined && this.#isAmong(waiting, location));
      await putBack(this.#options.queue, { ...held, entries: staying });
      const leaving = held.entries.filter((entry) => !staying.includes(entry));
      await this.#settle(leaving.filter(({ id }) => held.brought.has(id)));
      entries = await this.#settle(leaving.filter(({ id }) => !held.brought.has(id)));
    } catch (error) {
      await putBack(this.#options.queue, held).catch(() => undefined);
      // Only a ScrubberError's words are known to be free of secrets.
      const why = isScrubberError(error) ? error.message : "something failed in a way of its own";
      notes.push(
        `The image is live, but its entries are still queued, and will be found alive when their time comes: ${why}`,
      );
    }
    return { imageId: image.id, restored: true, reason: notes.length === 0 ? null : notes.join(" "), entries };
  }

  async #settle(entries: readonly LeasedEntry[]): Promise<number> {
    let settled = 0;
    for (let at = 0; at < entries.length; at += SETTLED_AT_ONCE) {
      const page = entries.slice(at, at + SETTLED_AT_ONCE);
      const results = await this.#options.queue.settle(page.map(({ id, token }) => ({ id, token, kind: "done" })));
      settled += results.filter((result) => result === "settled").length;
    }
    return settled;
  }

  #addressesOf(image: Image): ReadonlySet<string> {
    const found = new Set<string>();
    for (const { location, status } of image.locations) {
      if (location === undefined || status !== "pending") continue;
      for (const address of addressesOf(location, this.#options.route, this.#options.stores))
        for (const place of placesOf(address)) found.add(place);
    }
    return found;
  }

  #isAmong(addresses: ReadonlySet<string>, location: NonNullable<QueueEntry["location"]>): boolean {
    return addressesOf(location, this.#options.route, this.#options.stores).some((address) =>
      placesOf(address).some((place) => addresses.has(place)),
    );
  }

  /** Whether somebody else holds an entry of this image, or of one of its objects under whatever image. */
  async #isBeingDeleted(addresses: ReadonlySet<string>, held: readonly LeasedEntry[]): Promise<boolean> {
    const own = new Set(held.map(({ id }) => id));
    for await (const { id, imageId, location } of this.#options.queue.entries({ state: "leased" })) {
      if (own.has(id)) continue;
      if (imageId === this.#imageId || (location !== undefined && this.#isAmong(addresses, location))) return true;
    }
    return false;
  }

  /** Waits until nobody who asked before the image was live can still delete its data; says what is gone. */
  async #lostSince(
    addresses: ReadonlySet<string>,
    all: readonly LeasedEntry[],
    inspection: Inspection,
  ): Promise<string | undefined> {
    const until = performance.now() + (this.#options.patienceMs ?? PATIENCE_MS);
    while ((await this.#isBeingDeleted(addresses, all)) && performance.now() < until) {
      await new Promise((resolve) => setTimeout(resolve, LOOK_AGAIN_MS));
    }
    const gone = await inspection.lookAgain();
    return gone === 0
      ? undefined
      : `${gone} of its locations lost their data to the deletion of another image that shared it, at the same moment. Look at the image before you use it.`;
  }

  #receipts(image: Image, { entries, brought }: HeldImage, inspection: Inspection): readonly Receipt[] {
    const requestedAt = image.deletedAt ?? this.#options.now();
    const absent = new Set(inspection.absentUris);
    const made = entries.map((entry) => {
      const isAbsent = entry.location !== undefined && absent.has(entry.location.uri);
      return this.#receipt(entry, isAbsent ? "absent" : "restored", brought.has(entry.id) ? NOT_QUEUED : undefined);
    });
    const queued = new Set(entries.map(({ location }) => location?.uri));
    for (const { location, status } of image.locations) {
      if (location === undefined || status !== "pending" || queued.has(location.uri)) continue;
      made.push(this.#receipt({ location, requestedAt }, absent.has(location.uri) ? "absent" : "restored", NOT_QUEUED));
    }
    return made;
  }

  #receipt(entry: Pick<LeasedEntry, "location" | "requestedAt">, outcome: Receipt["outcome"], note?: string): Receipt {
    const { route, now } = this.#options;
    const routed = entry.location === undefined ? undefined : route(entry.location, entry.requestedAt);
    const to = routed?.reason === undefined ? routed : undefined;
    return {
      at: now().toISOString(),
      imageId: this.#imageId,
      uri: entry.location === undefined ? "" : maskUri(entry.location.uri),
      store: to?.to.id,
      key: to?.target.key,
      outcome,
      requestedAt: entry.requestedAt.toISOString(),
      ...(note === undefined ? {} : { note }),
    };
  }

  #refused(why: Partial<RestoreSummary>): RestoreSummary {
    return { reason: "it cannot be restored", ...why, imageId: this.#imageId, restored: false, entries: 0 };
  }
}

/** Where an object is, and the one that it is a version of. */
function placesOf({ place, key, within }: Address): readonly string[] {
  return within === undefined ? [`${place}\0${key}`] : [`${place}\0${key}`, `${place}\0${within}`];
}

/** What a sweep would queue of an image. */
function pendingOf(image: Image | undefined, now: Date): readonly NewEntry[] {
  return (image?.locations ?? []).flatMap(({ status, location, deletedAt }) =>
    status !== "pending" || location === undefined || image === undefined
      ? []
      : [{ imageId: image.id, location, requestedAt: deletedAt ?? image.deletedAt ?? now }],
  );
}

function pendingAddresses(image: Image | undefined, { route, stores }: RestoreOptions): ReadonlySet<string> {
  const found = new Set<string>();
  for (const { location, status } of image?.locations ?? []) {
    if (status !== "pending" || location === undefined) continue;
    for (const address of addressesOf(location, route, stores)) for (const place of placesOf(address)) found.add(place);
  }
  return found;
}
