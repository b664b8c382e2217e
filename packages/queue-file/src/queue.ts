import { setImmediate } from "node:timers";
import type {
  AddResult,
  EntryFilter,
  EntryState,
  JsonValue,
  LeasedEntry,
  LeaseRef,
  LeaseRequest,
  NewEntry,
  Queue,
  QueueContext,
  QueueEntry,
  QueueStats,
  QueueSupports,
  Settlement,
  SettleResult,
} from "@scrubber/core";
import { Additions, prepareEntry, type PreparedEntry } from "./additions.ts";
import { Claims } from "./claims.ts";
import { Database } from "./database.ts";
import { DigestIndex } from "./digest-index.ts";
import { Digester, openSecret } from "./digest.ts";
import { prepareDirectory } from "./directory.ts";
import { DropBox } from "./drop-box.ts";
import { DueOrder, type Place } from "./due-order.ts";
import { layoutOf, type Layout } from "./layout.ts";
import { Leases } from "./leases.ts";
import { Listing, type ListingPage } from "./listing.ts";
import { Notes } from "./notes.ts";
import type { FileQueueOptions } from "./options.ts";
import { quarantined } from "./quarantine.ts";
import { migrate } from "./schema.ts";
import { Settlements } from "./settlements.ts";
import { queueError } from "./sqlite-errors.ts";
import { States } from "./states.ts";
import { TotalsTable } from "./totals.ts";

const PAGE = 500;
const REVIVED_AT_ONCE = 10_000;

/** What a queue needs of its surroundings. */
export type FileQueueContext = Pick<QueueContext, "log" | "now" | "cipher" | "delayMs">;

/**
 * Opens the queue in a directory; a missing one is made.
 *
 * @throws {ScrubberError} `SCRUBBER_QUEUE_*`
 */
export async function openFileQueue(options: FileQueueOptions, context: FileQueueContext): Promise<FileQueue> {
  const { directory, incomingGroup } = options;
  const layout = layoutOf(directory);
  let database: Database | undefined;
  try {
    const made = prepareDirectory(layout, incomingGroup);
    // A disk that is not mounted looks like this, too.
    if (made.includes(`made ${layout.database}`))
      context.log.warn("made a new, empty queue: there was none", { directory });
    database = await Database.open(layout.database, directory);
    await migrate(database);
    const secret = await openSecret(database, context.cipher);
    const kept = quarantined(layout);
    if (kept > 0) context.log.warn("there are files in quarantine", { directory: layout.quarantine, files: kept });
    return new FileQueue(layout, database, secret, context);
  } catch (error) {
    database?.close();
    throw queueError(error, directory);
  }
}

interface PendingAdd {
  readonly entries: readonly PreparedEntry[];
  readonly resolve: (results: readonly AddResult[]) => void;
  readonly reject: (error: unknown) => void;
}

/** A queue in one directory. */
export class FileQueue implements Queue {
  readonly supports: QueueSupports = { add: true, lease: true, durable: true, shared: true };
  readonly #database: Database;
  readonly #context: FileQueueContext;
  readonly #digester: Digester;
  readonly #totals: TotalsTable;
  readonly #digests: DigestIndex;
  readonly #additions: Additions;
  readonly #leases: Leases;
  readonly #settlements: Settlements;
  readonly #listing: Listing;
  readonly #states: States;
  readonly #notes: Notes;
  readonly #dropBox: DropBox;
  #pending: PendingAdd[] = [];
  #committing: Promise<void> | undefined;

  constructor(layout: Layout, database: Database, secret: string, context: FileQueueContext) {
    const { cipher, delayMs } = context;
    this.#database = database;
    this.#context = context;
    this.#digester = new Digester(secret);
    const order = new DueOrder(database, delayMs);
    this.#totals = new TotalsTable(database, order);
    this.#digests = new DigestIndex(database);
    this.#additions = new Additions(database, this.#digests, delayMs);
    this.#leases = new Leases(database, order, delayMs, cipher);
    this.#settlements = new Settlements(database, order, this.#digests, delayMs);
    this.#listing = new Listing(database, order, delayMs, cipher);
    this.#states = new States(database, this.#digester);
    this.#notes = new Notes(database);
    this.#dropBox = new DropBox({
      layout,
      totals: this.#totals,
      claims: new Claims(database),
      cipher,
      log: context.log,
      add: (entry, now, totals) =>
        this.#additions.add(prepareEntry(entry, { digester: this.#digester, cipher, now }), totals),
      now: () => this.#now(),
    });
  }

  add(entries: readonly NewEntry[]): Promise<readonly AddResult[]> {
    return new Promise((resolve, reject) => {
      const preparation = { digester: this.#digester, cipher: this.#context.cipher, now: this.#now() };
      const prepared = entries.map((entry) => prepareEntry(entry, preparation));
      this.#pending.push({ entries: prepared, resolve, reject });
      // Everything that is added before the next turn of the event loop shares one commit.
      this.#committing ??= new Promise((done) => {
        setImmediate(() => {
          void this.#commitPending().finally(done);
        });
      });
    });
  }

  async #commitPending(): Promise<void> {
    const adds = this.#pending;
    this.#pending = [];
    this.#committing = undefined;
    try {
      const results = await this.#totals.append((totals) =>
        adds.map(({ entries }) => this.#additions.addAll(entries, totals)),
      );
      adds.forEach(({ resolve }, i) => resolve(results[i] ?? []));
    } catch (error) {
      for (const { reject } of adds) reject(error);
    }
  }

  async lease(request: LeaseRequest): Promise<readonly LeasedEntry[]> {
    const { limit, imageId } = request;
    if (!(limit >= 1)) throw new TypeError("lease: limit must be 1 or more");
    await this.#dropBox.takeIn();
    const now = this.#now();
    return this.#totals.write((totals) =>
      imageId === undefined
        ? this.#leases.lease(request, now, totals)
        : this.#leases.leaseThese(this.#idsOf(imageId), request, now, totals),
    );
  }

  renew(leases: readonly LeaseRef[], leaseMs: number): Promise<readonly boolean[]> {
    return this.#totals.write((totals) => this.#leases.renew(leases, leaseMs, this.#now(), totals));
  }

  settle(settlements: readonly Settlement[]): Promise<readonly SettleResult[]> {
    return this.#totals.write((totals) => this.#settlements.settle(settlements, this.#now(), totals));
  }

  async revive({ imageId }: { readonly imageId?: string }, visibleAt: Date): Promise<number> {
    let revived = 0;
    for (let more = true; more;) {
      // oxlint-disable-next-line no-await-in-loop -- several transactions on purpose: others get their turn between them
      const count = await this.#totals.write((totals) => {
        const ids = imageId === undefined ? this.#settlements.someSetAside(REVIVED_AT_ONCE) : this.#idsOf(imageId);
        return this.#settlements.revive(ids, visibleAt, this.#now(), totals);
      });
      revived += count;
      more = imageId === undefined && count === REVIVED_AT_ONCE;
    }
    return revived;
  }

  async hasImages(ids: readonly string[]): Promise<ReadonlySet<string>> {
    await this.#dropBox.takeIn();
    return this.#database.read(() => new Set(ids.filter((id) => this.#idsOf(id).length > 0)));
  }

  async statesOf(
    locations: readonly Pick<NewEntry, "imageId" | "location">[],
  ): Promise<readonly (EntryState | undefined)[]> {
    await this.#dropBox.takeIn();
    return this.#database.read(() => this.#states.of(locations, this.#now()));
  }

  async *entries(filter: EntryFilter = {}): AsyncGenerator<QueueEntry> {
    await this.#dropBox.takeIn();
    const { imageId } = filter;
    if (imageId !== undefined) {
      const ids = await this.#database.read(() => this.#listing.inOrder(this.#idsOf(imageId)));
      for (let i = 0; i < ids.length; i += PAGE) {
        const some = ids.slice(i, i + PAGE);
        yield* await this.#database.read(() => this.#listing.entries(some, filter, this.#now()));
      }
      return;
    }
    let page = await this.#page(filter);
    yield* page.entries;
    while (page.after !== undefined) {
      page = await this.#page(filter, page.after);
      yield* page.entries;
    }
  }

  async stats(): Promise<QueueStats> {
    await this.#dropBox.takeIn();
    const figures = await this.#database.read(() => this.#listing.stats(this.#totals.read(), this.#now()));
    return { ...figures, quarantined: this.#dropBox.quarantined() };
  }

  notes(): Promise<ReadonlyMap<string, JsonValue>> {
    return this.#database.read(() => this.#notes.all());
  }

  setNote(key: string, value: JsonValue | undefined): Promise<void> {
    return this.#database.write(() => this.#notes.set(key, value));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#committing;
    this.#database.close();
  }

  #page(filter: EntryFilter, after?: Place): Promise<ListingPage> {
    return this.#database.read(() => this.#listing.page(filter, after, PAGE, this.#now()));
  }

  #idsOf(imageId: string): readonly number[] {
    return this.#digests.ofImage(imageId, this.#digester.ofImage(imageId));
  }

  #now(): number {
    return this.#context.now().getTime();
  }
}
