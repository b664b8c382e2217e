import {
  ScrubberError,
  type Image,
  type ImageLocation,
  type Location,
  type LocationRef,
  type Reference,
} from "@scrubber/core";
import type { Verdict } from "./admission.ts";
import { deletedAtOf, restorableUntil, type DueRows, type Restorability } from "./admission-times.ts";
import { addressOf, isSameObject, type Address } from "./references-address.ts";
import type { LocationIndex } from "./references-index.ts";
import type { References } from "./references.ts";
import type { Routed } from "./routing.ts";

/** The references, as they are asked here. */
type Listing = Pick<References, "current" | "forget" | "rows">;
type Images = (ids: Iterable<string>) => Promise<ReadonlyMap<string, Image>>;

/** A location's row, with its image as it was just read. */
interface Row {
  readonly image: Image;
  readonly location: ImageLocation;
}

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

/** The judgement of one batch: `createAdmission` has the rules. */
export class AdmissionBatch {
  readonly #options: AdmissionBatchOptions;
  readonly #verdicts: (Verdict | undefined)[];
  /** The rows of the batch's images, by image and address. */
  readonly #rows = new Map<string, Row[]>();
  /** Those of them that are versions, by image and the whole object's address. */
  readonly #versions = new Map<string, Row[]>();
  readonly #byRef = new Map<LocationRef, Row>();
  readonly #taken = new Set<LocationRef>();
  /** What may be deleted as far as is known. */
  open: Open[] = [];

  constructor(options: AdmissionBatchOptions) {
    this.#options = options;
    this.#verdicts = Array.from(options.batch, () => undefined);
    for (const image of options.images.values()) this.#takeRows(image);
    for (const [at, routed] of options.batch.entries()) this.#verdicts[at] = this.#judge(at, routed);
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
    for (const { at, ref } of this.open) {
      this.#verdicts[at] = {
        kind: "delete",
        askedAt,
        ...(ref === undefined ? {} : { ref }),
        ...(note === undefined ? {} : { note }),
      };
    }
    return this.#verdicts.map((verdict) => {
      if (verdict === undefined) throw new TypeError("an entry was left without a verdict");
      return verdict;
    });
  }

  #takeRows(image: Image): void {
    for (const location of image.locations) {
      const row: Row = { image, location };
      if (location.ref !== undefined) this.#byRef.set(location.ref, row);
      if (location.location === undefined) continue;
      const found = this.#options.addresses(location.location);
      for (const { store, key, within } of found) {
        file(this.#rows, placeOf(image.id, store, key), row);
        if (within !== undefined) file(this.#versions, placeOf(image.id, store, within), row);
      }
      if (found.length === 0) file(this.#rows, placeOf(image.id, "", location.location.uri), row);
    }
  }

  /** An image's rows that name this object, a version of it, or the object that it is a version of. */
  #rowsAt(imageId: string, { store, key, within }: Address): readonly Row[] {
    const place = placeOf(imageId, store, key);
    const rows = this.#rows.get(place) ?? [];
    const versions = this.#versions.size === 0 ? undefined : this.#versions.get(place);
    const whole = within === undefined ? undefined : this.#rows.get(placeOf(imageId, store, within));
    return versions === undefined && whole === undefined ? rows : [...rows, ...(versions ?? []), ...(whole ?? [])];
  }

  #judge(at: number, { entry, to, target }: Routed): Verdict | undefined {
    const { imageId } = entry;
    const image = this.#options.images.get(imageId);
    const address = addressOf(to.id, target);
    if (image === undefined) {
      if (!this.#options.deletesUnknown) return { kind: "unknownImage" };
      this.open.push({ at, imageId, address, ref: undefined, listed: false, candidates: [] });
      return undefined;
    }
    let rows = this.#rowsAt(imageId, address);
    if (rows.length === 0) rows = this.#rows.get(placeOf(imageId, "", entry.location.uri)) ?? [];
    const pending = this.#pendingRow(rows, entry.location.uri);
    const isLive = rows.some(({ location }) => location.status === "live");
    const ref = (pending ?? rows.find(({ location }) => location.status === "deleted"))?.location.ref;
    if (isLive && pending === undefined)
      return { kind: "alive", reason: `the location is live (image ${image.nativeStatus})` };
    if (isLive) return { kind: "shared", with: imageId, ...(ref === undefined ? {} : { ref }) };
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

  /** The row that an entry stands for: of the same spelling, if there is one; each for one entry. */
  #pendingRow(rows: readonly Row[], uri: string): Row | undefined {
    const pending = rows.filter(({ location }) => location.status === "pending");
    const free = pending.filter(({ location: { ref } }) => ref === undefined || !this.#taken.has(ref));
    const row = free.find(({ location }) => location.location?.uri === uri) ?? free[0] ?? pending[0];
    if (row?.location.ref !== undefined) this.#taken.add(row.location.ref);
    return row;
  }

  /** Finds the candidates. False: the batch's own rows, which are in every listing that is whole, are not among them. */
  #find(index: Pick<LocationIndex, "find">): boolean {
    for (const open of this.open) {
      const { store, key, within } = open.address;
      open.candidates = index.find(store, key);
      if (within !== undefined) open.candidates = [...new Set([...open.candidates, ...index.find(store, within)])];
      if (open.listed && open.ref !== undefined && !open.candidates.includes(open.ref)) return false;
    }
    return true;
  }

  /** Candidates of the batch's own images: their state is known. Leaves those of others. */
  #settleKnown(): void {
    this.open = this.open.filter((open) => {
      const others: LocationRef[] = [];
      for (const ref of open.candidates) {
        const row = this.#byRef.get(ref);
        if (row === undefined) others.push(ref);
        else if (
          row.image.id !== open.imageId &&
          this.#rowsAt(row.image.id, open.address).includes(row) &&
          this.#needs(row)
        )
          return this.#share(open, row.image.id);
      }
      open.candidates = others;
      if (others.length > MOST_CANDIDATES) return this.#share(open, `more than ${MOST_CANDIDATES} other images`);
      return true;
    });
  }

  /** Candidates of other images: read afresh, a few of each entry at first, since one that needs the object is enough. */
  async #settleOthers(references: Listing, images: Images): Promise<void> {
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
    return { imageId: image.id, addresses, rows: same.map((location): Row => ({ image, location })) };
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
    this.#verdicts[at] = { kind: "shared", with: other, ...(ref === undefined ? {} : { ref }) };
    return false;
  }
}

/** Another listed row that names an object. */
interface Other {
  readonly imageId: string;
  readonly addresses: readonly Address[];
  /** What its image says of it; nothing, where it was recorded as deleted a moment ago. Undefined: the image is not known, so it is taken to need it. */
  readonly rows: readonly Row[] | undefined;
}

function file(rows: Map<string, Row[]>, place: string, row: Row): void {
  const filed = rows.get(place);
  if (filed === undefined) rows.set(place, [row]);
  else filed.push(row);
}

function placeOf(imageId: string, store: string, key: string): string {
  return `${imageId}\0${store}\0${key}`;
}

function incompleteListing(): ScrubberError {
  return new ScrubberError(
    "SCRUBBER_REGISTRY_ANSWER_INVALID",
    "the registry's listing of locations lacks some that it shows with their images: it is not whole",
    { hint: "Nothing is deleted meanwhile. If it stays so, report it to the registry plugin's author." },
  );
}
