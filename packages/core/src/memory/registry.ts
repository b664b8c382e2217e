import { ScrubberError } from "../errors.ts";
import { imageIdProblem } from "../location.ts";
import type {
  Claim,
  Cursor,
  Deletion,
  Image,
  Liveness,
  LocationRef,
  Page,
  PendingLocation,
  PendingPage,
  RecordResult,
  Reference,
  Registry,
  RegistrySupports,
  RestoreResult,
} from "../registry.ts";
import { Calls, firstHalf, type Fault } from "./calls.ts";
import { names, RegistryRows, type ImageRow, type MemoryImage } from "./registry-rows.ts";

/** The calls of a registry that can be counted and made to fail. */
export type RegistryCall =
  | "images"
  | "pendingLocations"
  | "references"
  | "recordDeleted"
  | "restore"
  | "addImage"
  | "requestDeletion"
  | "claim";

export interface MemoryRegistryOptions {
  /** Default: the system's clock. */
  readonly now?: () => Date;
  /** What it says it can do, and does. Default: everything. */
  readonly supports?: Partial<RegistrySupports>;
}

/** A registry that lives as long as the object. */
export interface MemoryRegistry extends Registry {
  readonly calls: Readonly<Record<RegistryCall, number>>;
  /** Makes calls go wrong; every kind of fault is known to every call. */
  readonly faults: Map<RegistryCall, Fault>;
  /** Makes every call fail until the returned function is called. */
  breakBackend(error?: Error): () => void;
  /** Takes the claim away from whoever has it. */
  loseClaim(): void;
  /** Opens it again after it was disposed of. */
  reopen(): MemoryRegistry;
  /** Puts an image in, in any state. */
  seed(image: MemoryImage): void;
  /** Sets the status of an image, and of nothing else, as its application would. */
  setStatus(imageId: string, status: Liveness): void;
  /** Takes an image out with its locations, as a purge does. */
  purge(imageId: string): void;
}

/** Makes an empty registry in memory. */
export function createMemoryRegistry(options: MemoryRegistryOptions = {}): MemoryRegistry {
  return new RowRegistry(options);
}

const REFERENCES_AT_ONCE = 1000;

class RowRegistry implements MemoryRegistry {
  readonly supports: RegistrySupports;
  readonly #calls = new Calls<RegistryCall>(
    ["images", "pendingLocations", "references", "recordDeleted", "restore", "addImage", "requestDeletion", "claim"],
    "SCRUBBER_REGISTRY_UNAVAILABLE",
  );
  readonly #now: () => Date;
  readonly #rows: RegistryRows;
  /** Of whoever has the claim. */
  #claim: AbortController | undefined;

  constructor(options: MemoryRegistryOptions) {
    this.supports = { references: true, restore: true, locationStatus: true, manage: true, ...options.supports };
    this.#now = options.now ?? (() => new Date());
    this.#rows = new RegistryRows(this.supports.locationStatus);
  }

  get calls(): Readonly<Record<RegistryCall, number>> {
    return this.#calls.counts;
  }

  get faults(): Map<RegistryCall, Fault> {
    return this.#calls.faults;
  }

  breakBackend(error?: Error): () => void {
    return this.#calls.breakAll(error);
  }

  loseClaim(): void {
    this.#claim?.abort();
    this.#claim = undefined;
  }

  reopen(): MemoryRegistry {
    this.#calls.closed = false;
    return this;
  }

  seed(image: MemoryImage): void {
    this.#rows.insert(image, this.#now());
  }

  setStatus(imageId: string, status: Liveness): void {
    const row = this.#rows.images.get(imageId);
    if (row === undefined) throw new TypeError(`there is no image ${imageId}`);
    row.status = status;
    row.deletedAt = status === "live" ? undefined : (row.deletedAt ?? this.#now());
  }

  purge(imageId: string): void {
    this.#rows.purge(imageId);
  }

  images(ids: readonly string[]): Promise<ReadonlyMap<string, Image>> {
    return this.#calls.run("images", (half) => {
      assertCount("images", ids.length);
      const asked = half ? firstHalf(ids) : ids;
      const rows = new Set(asked.map((id) => this.#rows.images.get(id)).filter((row) => row !== undefined));
      return new Map(Array.from(rows, (row) => [row.id, this.#rows.asImage(row)]));
    });
  }

  pendingLocations(page: PendingPage): Promise<Page<PendingLocation>> {
    return this.#calls.run("pendingLocations", (half) => {
      assertCount("pendingLocations", page.limit);
      const { known } = page;
      const items: { readonly at: Cursor; readonly item: PendingLocation }[] = [];
      for (const found of this.#rows.pendingAfter(page.after ?? "", this.#now())) {
        const { requestedAt } = found.item;
        if (known !== undefined && requestedAt > known.after && requestedAt < known.before) continue;
        items.push(found);
        if (items.length > page.limit) break;
      }
      const shown = items.slice(0, page.limit);
      const last = items.length > page.limit ? shown.at(-1) : undefined;
      return {
        items: (half ? firstHalf(shown) : shown).map(({ item }) => item),
        ...(last === undefined ? {} : { next: last.at }),
      };
    });
  }

  async *references(after: LocationRef = 0): AsyncGenerator<readonly Reference[]> {
    const fault = this.#calls.begin("references");
    this.#require("references", "references");
    if (fault?.kind === "late") await fault.until;
    const rows = [...this.#rows.locations.values()].filter(
      (l) => l.ref > after && this.#rows.statusOf(l) !== "deleted",
    );
    const asked = fault?.kind === "half" || fault?.kind === "lost" ? firstHalf(rows) : rows;
    for (let i = 0; i < asked.length; i += REFERENCES_AT_ONCE) {
      const batch = asked.slice(i, i + REFERENCES_AT_ONCE);
      yield batch.map(({ ref, image, stored }) => ({ ref, imageId: image.id, ...stored }));
    }
    if (fault?.kind === "lost") {
      throw fault.error ?? new ScrubberError("SCRUBBER_REGISTRY_UNAVAILABLE", "references: the connection was lost");
    }
  }

  recordDeleted(deletions: readonly Deletion[]): Promise<ReadonlyMap<string, RecordResult>> {
    return this.#calls.run("recordDeleted", (half) => {
      const results = new Map<string, RecordResult>();
      for (const deletion of half ? firstHalf(deletions) : deletions) {
        results.set(deletion.imageId, this.#recordOne(deletion));
      }
      return results;
    });
  }

  #recordOne({ imageId, locations }: Deletion): RecordResult {
    const image = this.#rows.images.get(imageId);
    if (image === undefined) return "missing";
    if (!this.supports.locationStatus) {
      if (image.status === "live") return "active";
      this.#finish(image);
      return "recorded";
    }
    for (const row of image.locations) {
      if (row.ownStatus === "pending" && locations.some((named) => names(named, row))) row.ownStatus = "deleted";
    }
    if (image.status === "live") return "active";
    if (image.status === "deleted") return "recorded";
    if (image.locations.some(({ ownStatus }) => ownStatus !== "deleted")) return "incomplete";
    this.#finish(image);
    return "recorded";
  }

  #finish(image: ImageRow): void {
    image.status = "deleted";
    if (!this.supports.locationStatus) for (const row of image.locations) row.ownStatus = "deleted";
  }

  restore(imageId: string): Promise<RestoreResult> {
    return this.#calls.run("restore", (): RestoreResult => {
      this.#require("restore", "restore");
      const image = this.#rows.images.get(imageId);
      if (image === undefined) return { restored: false, reason: "missing" };
      if (image.status !== "pending") {
        return { restored: false, reason: "notPending", nativeStatus: this.#rows.asImage(image).nativeStatus };
      }
      const left = image.locations.filter((row) => this.#rows.statusOf(row) !== "deleted");
      if (left.length === 0)
        return { restored: false, reason: "noLocations", nativeStatus: this.#rows.asImage(image).nativeStatus };
      image.status = "live";
      image.deletedAt = undefined;
      for (const row of left) {
        row.ownStatus = "live";
        row.deletedAt = undefined;
      }
      return { restored: true, locations: left.length };
    });
  }

  addImage(image: Parameters<Registry["addImage"]>[0]): Promise<void> {
    return this.#calls.run("addImage", () => {
      this.#require("manage", "addImage");
      const problem = imageIdProblem(image.id);
      if (problem !== undefined) {
        throw new ScrubberError("SCRUBBER_IMAGE_ID_INVALID", `the image id cannot be used: ${problem}`);
      }
      if (this.#rows.images.has(image.id)) {
        throw new ScrubberError("SCRUBBER_IMAGE_EXISTS", `the registry has an image ${image.id} already`);
      }
      const locations = image.locations.map((location) => ({ ...location, status: "live" as const }));
      this.seed({ id: image.id, status: "live", locations });
    });
  }

  requestDeletion(imageId: string): Promise<Image> {
    return this.#calls.run("requestDeletion", () => {
      this.#require("manage", "requestDeletion");
      const image = this.#rows.images.get(imageId);
      if (image === undefined) {
        throw new ScrubberError("SCRUBBER_IMAGE_MISSING", `the registry has no image ${imageId}`);
      }
      if (image.status === "deleted") {
        throw new ScrubberError("SCRUBBER_IMAGE_STATUS", `the image ${imageId} is deleted already`);
      }
      if (image.status === "live") {
        image.status = "pending";
        image.deletedAt = this.#now();
        for (const row of image.locations) {
          if (row.ownStatus !== "live") continue;
          row.ownStatus = "pending";
          row.deletedAt = image.deletedAt;
        }
      }
      return this.#rows.asImage(image);
    });
  }

  claim(): Promise<Claim | undefined> {
    return this.#calls.run("claim", () => {
      if (this.#claim !== undefined) return undefined;
      const claim = new AbortController();
      this.#claim = claim;
      return {
        lost: claim.signal,
        [Symbol.asyncDispose]: async () => {
          if (this.#claim === claim) this.#claim = undefined;
        },
      };
    });
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#calls.closed = true;
    return Promise.resolve();
  }

  #require(ability: keyof RegistrySupports, call: string): void {
    if (this.supports[ability]) return;
    throw new ScrubberError("SCRUBBER_UNSUPPORTED", `this registry does not support ${call}`, {
      hint: "Look at supports before you ask.",
    });
  }
}

function assertCount(call: string, n: number): void {
  if (n < 1 || n > 1000) throw new TypeError(`${call}: ${n}; it takes 1 to 1000`);
}
