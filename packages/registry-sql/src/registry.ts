import {
  ScrubberError,
  type Cipher,
  type Claim,
  type Deletion,
  type Image,
  type LocationRef,
  type Page,
  type PendingLocation,
  type PendingPage,
  type RecordResult,
  type Reference,
  type Registry,
  type RegistrySupports,
  type RestoreResult,
} from "@scrubber/core";
import type { Database } from "./database.ts";
import { readImages, readPending, readReferences } from "./listing.ts";
import { addImage, requestDeletion } from "./management.ts";
import { recordDeleted } from "./recording.ts";
import { restoreImage } from "./restoration.ts";
import { locationCodec, type LocationCodec } from "./rows.ts";

/** Images in Glance's schema, whatever the database. */
export class SqlRegistry implements Registry {
  readonly supports: RegistrySupports;
  readonly #database: Database;
  readonly #codec: LocationCodec;
  readonly #clock: () => Date;

  /** @param manage Whether the images are the application's own, to be added and marked here; Glance's are not. */
  constructor(database: Database, options: { cipher: Cipher | undefined; now: () => Date; manage: boolean }) {
    this.#database = database;
    this.#codec = locationCodec(options.cipher);
    this.#clock = options.now;
    this.supports = { references: true, restore: true, locationStatus: true, manage: options.manage };
  }

  async images(ids: readonly string[]): Promise<ReadonlyMap<string, Image>> {
    assertCount("images", ids.length);
    return await readImages(this.#database, this.#codec, this.#clock, ids);
  }

  async pendingLocations(page: PendingPage): Promise<Page<PendingLocation>> {
    assertCount("pendingLocations", page.limit);
    return await readPending(this.#database, this.#codec, this.#clock, page);
  }

  references(after: LocationRef = 0): AsyncIterable<readonly Reference[]> {
    return readReferences(this.#database, this.#codec, after);
  }

  recordDeleted(deletions: readonly Deletion[]): Promise<ReadonlyMap<string, RecordResult>> {
    return recordDeleted(this.#database, this.#codec, deletions);
  }

  restore(imageId: string): Promise<RestoreResult> {
    return restoreImage(this.#database, imageId);
  }

  async addImage(image: {
    readonly id: string;
    readonly locations: readonly { readonly uri: string; readonly store?: string }[];
  }): Promise<void> {
    this.#mustManage("addImage");
    await addImage(this.#database, this.#codec, image);
  }

  async requestDeletion(imageId: string): Promise<Image> {
    this.#mustManage("requestDeletion");
    await requestDeletion(this.#database, imageId);
    const image = (await this.images([imageId])).get(imageId);
    if (image === undefined) throw new ScrubberError("SCRUBBER_IMAGE_MISSING", `the image ${imageId} is gone`);
    return image;
  }

  claim(): Promise<Claim | undefined> {
    return this.#database.claim();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#database[Symbol.asyncDispose]();
  }

  #mustManage(call: string): void {
    if (this.supports.manage) return;
    throw new ScrubberError("SCRUBBER_UNSUPPORTED", `${call} is not for a registry whose images Glance keeps`, {
      hint: "Let Glance add and delete its images; the scrubber only finishes what Glance has marked.",
    });
  }
}

function assertCount(call: string, n: number): void {
  if (!Number.isInteger(n) || n < 1 || n > 1000) throw new TypeError(`${call}: ${n}; it takes 1 to 1000`);
}
