import {
  ScrubberError,
  storeIdOf,
  type Image,
  type ImageLocation,
  type Location,
  type LocationRef,
  type Reference,
} from "@scrubber/core";
import { ImageRows, names, type Row } from "./admission-rows.ts";
import { deletedAtOf, restorableUntil, type DueRows, type Restorability } from "./admission-times.ts";
import { addressOf, isSameObject, type Address } from "./references-address.ts";
import type { LocationIndex } from "./references-index.ts";
import type { References } from "./references.ts";
import type { Routed } from "./routing.ts";
import type { Verdict } from "./verdict.ts";

/** The references, as they are asked here. */
type Listing = Pick<References, "current" | "forget" | "rows">;
type Images = (ids: Iterable<string>) => Promise<ReadonlyMap<string, Image>>;

/** An entry that nothing speaks against so far. */
interface Open {
  readonly at: number;
  readonly imageId: string;
  readonly address: Address;
  readonly ref: LocationRef | undefined;
  /** Its row waits for deletion, so the listing of references must have it. */
  readonly listed: boolean;
  candidates: readonly LocationRef[];
}

export interface AdmissionBatchOptions extends Restorability {
  readonly batch: readonly Routed[];
  readonly images: ReadonlyMap<string, Image>;
  readonly deletesUnknown: boolean;
  readonly addresses: (location: Location) => readonly Address[];
  readonly dueRows: DueRows;
}

/** Candidates of one entry that are looked at in the first round; four times as many in each round after. */
const FIRST_ROUND = 4;
/** Where more others name an object, it is kept. */
const MOST_CANDIDATES = 10_000;
const NO_OTHERS: readonly LocationRef[] = [];

/** The judgement of one batch: `createAdmission` has the rules. */
export class AdmissionBatch {
  readonly #options: AdmissionBatchOptions;
  readonly #verdicts: (Verdict | undefined)[];
  readonly #rows: ImageRows;
  readonly #taken = new Set<LocationRef>();
  /** What may be deleted as far as is known. */
  open: Open[] = [];

  constructor(options: AdmissionBatchOptions) {
    this.#options = options;
    this.#rows = new ImageRows(options);
    this.#verdicts = options.batch.map((routed, at) => this.#judge(at, routed));
  }

  /** Looks for others that need the objects. */
  async compare(references: Listing, images: Images): Promise<void> {
    if (!this.#find(await references.current())) {
      // Rows that became visible too late for the overlap, or a listing that was cut short.
      references.forget();
      if (!this.#find(await references.current())) throw incompleteListing();
    }
    this.#settleKnown();
    await this.#settleOthers(references, images);
  }

  verdicts(askedAt: number, note: string | undefined): readonly Verdict[] {
    for (const { at, ref } of this.open) this.#verdicts[at] = { kind: "delete", askedAt, ref, note };
    return this.#verdicts.map((verdict) => {
      if (verdict === undefined) throw new TypeError("an entry was left without a verdict");
      return verdict;
    });
  }

  #judge(at: number, { entry, to, target }: Routed): Verdict | undefined {
    const { imageId } = entry;
    const image = this.#options.images.get(imageId);
    const address = addressOf(to, target);
    if (image === undefined) {
      if (!this.#options.deletesUnknown) return { kind: "unknownImage" };
      this.open.push({ at, imageId, address, ref: undefined, listed: false, candidates: [] });
      return undefined;
    }
    let rows = this.#rows.at(imageId, address);
    if (rows.length === 0) rows = this.#rows.unaddressed(imageId, entry.location.uri);
    const pending = this.#pendingRow(rows, entry.location);
    const isLive = rows.some(({ location }) => location.status === "live");
    const ref = (pending ?? rows.find(({ location }) => location.status === "deleted"))?.location.ref;
    if (isLive && pending === undefined)
      return { kind: "alive", reason: `the location is live (image ${image.nativeStatus})` };
    if (isLive) return { kind: "shared", with: imageId, ref };
    if (image.status === "live" && pending === undefined) {
      const what = rows.length === 0 ? "is none of its locations that wait for deletion" : "is recorded as deleted";
      return { kind: "alive", reason: `the image is ${image.nativeStatus}, and the location ${what}` };
    }
    if (
      rows.length === 0 &&
      image.locations.some(({ status, location }) => status === "live" && location === undefined)
    ) {
      return { kind: "alive", reason: "the image has a live location that cannot be read, and this may be it" };
    }
    const until = restorableUntil({ image, location: pending?.location }, entry, this.#options);
    if (until !== undefined) {
      return { kind: "held", until, reason: "its image was deleted anew since, and can still be restored" };
    }
    if (pending?.location.ref !== undefined) this.#options.dueRows.add(pending.location.ref, deletedAtOf(pending));
    this.open.push({ at, imageId, address, ref, listed: pending?.location.ref !== undefined, candidates: [] });
    return undefined;
  }

  /** The row that an entry stands for: of the same spelling and the store that it names, if there is one; each for one entry. */
  #pendingRow(rows: readonly Row[], of: Location): Row | undefined {
    let best: Row | undefined;
    let bestRank = -1;
    for (const row of rows) {
      const { status, ref, location } = row.location;
      if (status !== "pending") continue;
      const isTaken = ref !== undefined && this.#taken.has(ref);
      const rank = isTaken || location === undefined ? 0 : likeness(location, of);
      if (rank <= bestRank) continue;
      best = row;
      bestRank = rank;
    }
    if (best?.location.ref !== undefined) this.#taken.add(best.location.ref);
    return best;
  }

  /** Finds the candidates. False: the batch's own rows, which are in every listing that is whole, are not among them. */
  #find(index: Pick<LocationIndex, "find">): boolean {
    for (const open of this.open) {
      const { place, key, within } = open.address;
      open.candidates = index.find(place, key);
      if (within !== undefined) open.candidates = [...new Set([...open.candidates, ...index.find(place, within)])];
      if (open.listed && open.ref !== undefined && !open.candidates.includes(open.ref)) return false;
    }
    return true;
  }

  /** Candidates of the batch's own images: their state is known. Leaves those of others. */
  #settleKnown(): void {
    this.open = this.open.filter((open) => {
      let others: LocationRef[] | undefined;
      for (const ref of open.candidates) {
        // Mostly it is its own row alone.
        if (ref === open.ref) continue;
        const row = this.#rows.byRef(ref);
        const isOwn = row?.image.id === open.imageId;
        // Its image could not read it whole, its listing could: enough to tell what it may name.
        const isListedOnly = row?.addresses.length === 0;
        if (row === undefined || (isListedOnly && !isOwn)) (others ??= []).push(ref);
        else if (isOwn ? isListedOnly && row.location.status === "live" : names(row, open.address) && this.#needs(row))
          return this.#share(open, row.image.id);
      }
      if (others === undefined) {
        open.candidates = NO_OTHERS;
        return true;
      }
      open.candidates = others;
      if (others.length > MOST_CANDIDATES) return this.#share(open, `more than ${MOST_CANDIDATES} other images`);
      return true;
    });
  }

  /** Candidates of other images: read afresh, a few of each entry at first, since one that needs the object is enough. */
  async #settleOthers(references: Listing, images: Images): Promise<void> {
    if (this.open.every(({ candidates }) => candidates === NO_OTHERS)) return;
    const lookedAt = new Map<LocationRef, Other | undefined>();
    for (let from = 0, count = FIRST_ROUND; ; from += count, count *= 4) {
      const round = new Set<LocationRef>();
      for (const { candidates } of this.open) {
        for (const ref of candidates.slice(from, from + count)) if (!lookedAt.has(ref)) round.add(ref);
      }
      if (round.size > 0) await this.#lookAt([...round], lookedAt, references, images);
      let left = false;
      this.open = this.open.filter((open) => {
        for (const ref of open.candidates.slice(from, from + count)) {
          const other = lookedAt.get(ref);
          if (other === undefined || other.imageId === open.imageId) continue;
          if (!other.addresses.some((address) => isSameObject(address, open.address))) continue;
          if (other.rows === undefined || other.rows.some((row) => this.#needs(row)))
            return this.#share(open, other.imageId);
        }
        left ||= open.candidates.length > from + count;
        return true;
      });
      if (!left) return;
    }
  }

  async #lookAt(
    refs: readonly LocationRef[],
    lookedAt: Map<LocationRef, Other | undefined>,
    references: Listing,
    images: Images,
  ): Promise<void> {
    const listed = await references.rows(refs);
    const owners = await images(new Set(Array.from(listed.values(), ({ imageId }) => imageId)));
    for (const ref of refs) {
      const reference = listed.get(ref);
      lookedAt.set(ref, reference === undefined ? undefined : this.#other(reference, owners.get(reference.imageId)));
    }
  }

  #other(reference: Reference, image: Image | undefined): Other {
    const addresses = reference.location === undefined ? [] : this.#options.addresses(reference.location);
    if (image === undefined) return { imageId: reference.imageId, addresses, rows: undefined };
    const same = image.locations.filter((location) =>
      location.ref === undefined ? this.#isSame(location, addresses) : location.ref === reference.ref,
    );
    return { imageId: image.id, addresses, rows: same.map((location): Row => ({ image, location, addresses })) };
  }

  #isSame({ location }: ImageLocation, addresses: readonly Address[]): boolean {
    if (location === undefined) return false;
    return this.#options.addresses(location).some((one) => addresses.some((other) => isSameObject(one, other)));
  }

  /** Whether this row's image needs the object, or may need it again. */
  #needs({ image, location }: Row): boolean {
    if (location.status !== "pending") return location.status === "live";
    if (image.status === "deleted") return false;
    const deletedAt = deletedAtOf({ image, location });
    if (location.ref !== undefined && this.#options.dueRows.has(location.ref, deletedAt)) return false;
    if (image.status === "live" || deletedAt === undefined) return true;
    return deletedAt > this.#options.restorableSince;
  }

  #share({ at, ref }: Open, other: string): false {
    this.#verdicts[at] = { kind: "shared", with: other, ref };
    return false;
  }
}

/** How much a row's location is an entry's: two of one object may differ in spelling, and in the store that they name. */
function likeness(one: Location, other: Location): number {
  if (one.uri !== other.uri) return 1;
  return storeIdOf(one) === storeIdOf(other) ? 3 : 2;
}

/** Another listed row that names an object. */
interface Other {
  readonly imageId: string;
  readonly addresses: readonly Address[];
  /** What its image says of it; nothing, where it was recorded as deleted a moment ago. Undefined: the image is not known, so it is taken to need it. */
  readonly rows: readonly Row[] | undefined;
}

function incompleteListing(): ScrubberError {
  return new ScrubberError(
    "SCRUBBER_REGISTRY_ANSWER_INVALID",
    "the registry's listing of locations lacks some that it shows with their images: it is not whole",
    { hint: "Nothing is deleted meanwhile. If it stays so, report it to the registry plugin's author." },
  );
}
