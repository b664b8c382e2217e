import {
  ScrubberError,
  type Cipher,
  type Cursor,
  type Deletion,
  type Image,
  type Page,
  type PendingLocation,
  type RecordResult,
  type Reference,
  type Registry,
  type RegistrySupports,
  type RestoreResult,
} from "@scrubber/core";
import { livenessOf, locationsOf, readImage, readInstant, readPage, type ImageAnswer } from "./answers.ts";
import { invalidAnswer, type RegistryClient } from "./client.ts";

/** Requests at the same time; the API has none for several images. */
const AT_ONCE = 8;

/** A place in the listing: which half of it, the last image that was shown whole, and how much was shown of the one after. */
interface Place {
  readonly deleted: boolean;
  readonly marker?: string;
  readonly begun?: { readonly id: string; readonly shown: number };
}

/** Images as Glance's registry API v1 tells of them. */
export class HttpRegistry implements Registry {
  readonly supports: RegistrySupports = { references: false, restore: false, locationStatus: false, manage: false };
  readonly #client: RegistryClient;
  readonly #cipher: Cipher | undefined;
  readonly #clock: () => Date;

  constructor(client: RegistryClient, options: { readonly cipher: Cipher | undefined; readonly now: () => Date }) {
    this.#client = client;
    this.#cipher = options.cipher;
    this.#clock = options.now;
  }

  async images(ids: readonly string[]): Promise<ReadonlyMap<string, Image>> {
    assertCount("images", ids.length);
    const images = new Map<string, Image>();
    await eachOf(new Set(ids), async (id) => {
      const answer = await this.#imageOf(id);
      if (answer !== undefined) images.set(id, this.#asImage(answer));
    });
    // A 404 may also be of somebody who stands before the registry and does not find it. Who can show the list is the registry.
    if (images.size < new Set(ids).size) await this.#list({ deleted: true }, 1);
    return images;
  }

  /**
   * Pages by image id, so that rows that come or go shift nothing. Glance marks an image as pending before it marks it as deleted, so both halves are listed:
   * an image that it left between the two is not forgotten.
   */
  async pendingLocations(page: { readonly after?: Cursor; readonly limit: number }): Promise<Page<PendingLocation>> {
    assertCount("pendingLocations", page.limit);
    const place = page.after === undefined ? { deleted: true } : readCursor(page.after);
    const images = await this.#list(place, page.limit);
    const now = this.#clock();
    const items: PendingLocation[] = [];
    let marker = place.marker;
    for (const image of images) {
      const all = this.#pendingOf(image, now);
      const shown = place.begun?.id === image.id ? place.begun.shown : 0;
      const some = all.slice(shown, shown + page.limit - items.length);
      items.push(...some);
      if (shown + some.length < all.length) {
        return { items, next: writeCursor({ ...place, marker, begun: { id: image.id, shown: shown + some.length } }) };
      }
      marker = image.id;
    }
    if (images.length === page.limit) return { items, next: writeCursor({ deleted: place.deleted, marker }) };
    return place.deleted ? { items, next: writeCursor({ deleted: false }) } : { items };
  }

  references(): AsyncIterable<readonly Reference[]> {
    throw unsupported("references: locations have no growing number here, so what is new cannot be told");
  }

  async recordDeleted(deletions: readonly Deletion[]): Promise<ReadonlyMap<string, RecordResult>> {
    const results = new Map<string, RecordResult>();
    await eachOf(new Set(deletions.map(({ imageId }) => imageId)), async (id) => {
      results.set(id, await this.#record(id));
    });
    return results;
  }

  async restore(): Promise<RestoreResult> {
    throw unsupported("restore: the API cannot take back that an image is marked as deleted");
  }

  async addImage(): Promise<void> {
    throw unsupported("addImage: the images are Glance's");
  }

  async requestDeletion(): Promise<Image> {
    throw unsupported("requestDeletion: the images are Glance's");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#client[Symbol.dispose]();
  }

  async #imageOf(id: string): Promise<ImageAnswer | undefined> {
    const path = imagePath(id);
    const { status, json } = await this.#client.ask("GET", path, [200, 404]);
    if (status === 404) return undefined;
    const image = readImage(json);
    if (image === undefined) throw invalidAnswer(path, "it is no image with id and status");
    // Some databases find an id in another spelling.
    return image.id === id ? image : undefined;
  }

  async #list(place: Place, limit: number): Promise<readonly ImageAnswer[]> {
    const query = new URLSearchParams({
      status: "pending_delete",
      deleted: place.deleted ? "True" : "False",
      is_public: "none",
      sort_key: "id",
      sort_dir: "asc",
      limit: String(limit),
      ...(place.marker !== undefined && { marker: place.marker }),
    });
    const path = `/images/detail?${query.toString()}`;
    const { json } = await this.#client.ask("GET", path, [200]);
    const images = readPage(json);
    if (images === undefined) throw invalidAnswer(path, "it is no list of images with id and status");
    if (images.length > limit) throw invalidAnswer(path, `it holds ${images.length} images; ${limit} were asked for`);
    // A server that heeds no filter would show images that are alive, and one that heeds no marker the same page for ever.
    if (images.some(({ status }) => status !== "pending_delete")) {
      throw invalidAnswer(path, "it holds images that are not pending_delete");
    }
    if (place.marker !== undefined && images.some(({ id }) => id === place.marker)) {
      throw invalidAnswer(path, "it begins again at its marker");
    }
    return images;
  }

  #pendingOf(image: ImageAnswer, now: Date): PendingLocation[] {
    const requestedAt = readInstant(image.deleted_at, now) ?? readInstant(image.updated_at, now) ?? now;
    const common = { imageId: image.id, imageStatus: "pending" as const, requestedAt };
    const locations = locationsOf(image, this.#cipher);
    if (locations.length === 0) return [{ ...common, none: true }];
    return locations.map((location) => ({ ...common, ...location }));
  }

  #asImage(image: ImageAnswer): Image {
    const status = livenessOf(image.status);
    const deletedAt = status === "live" ? undefined : readInstant(image.deleted_at, this.#clock());
    return {
      id: image.id,
      status,
      nativeStatus: image.status,
      ...(deletedAt !== undefined && { deletedAt }),
      locations: locationsOf(image, this.#cipher).map((location) => ({ ...location, status })),
    };
  }

  /** Looks first, and lets the registry compare once more: `from_state` is what it must find. */
  async #record(id: string): Promise<RecordResult> {
    const before = await this.#imageOf(id);
    if (before === undefined) return "missing";
    const status = livenessOf(before.status);
    if (status !== "pending") return status === "live" ? "active" : "recorded";
    const path = imagePath(id);
    const change = { image: { status: "deleted" }, from_state: "pending_delete" };
    const answer = await this.#client.ask("PUT", path, [200, 404, 409], change);
    if (answer.status === 404) return "missing";
    const after = answer.status === 409 ? await this.#imageOf(id) : readImage(answer.json);
    if (after === undefined) {
      if (answer.status === 409) return "missing";
      throw invalidAnswer(path, "it is no image with id and status");
    }
    switch (livenessOf(after.status)) {
      case "live":
        return "active";
      case "deleted":
        return "recorded";
      case "pending":
        return "incomplete";
    }
  }
}

function imagePath(id: string): string {
  return `/images/${encodeURIComponent(id)}`;
}

function writeCursor(place: { deleted: boolean; marker?: string | undefined; begun?: Place["begun"] }): Cursor {
  return JSON.stringify([place.deleted, place.marker ?? null, place.begun?.id ?? null, place.begun?.shown ?? 0]);
}

function readCursor(cursor: Cursor): Place {
  if (!/^\[(?:true|false),/.test(cursor)) throw new TypeError("the cursor is none of this registry's");
  const parts = JSON.parse(cursor) as readonly [boolean, string | null, string | null, number];
  const [deleted, marker, id, shown] = parts;
  return { deleted, ...(marker !== null && { marker }), ...(id !== null && { begun: { id, shown } }) };
}

/** Works through all, a few at a time; the first failure ends it, when what is under way is done. */
async function eachOf(ids: Iterable<string>, work: (id: string) => Promise<void>): Promise<void> {
  const iterator = ids[Symbol.iterator]();
  let failed = false;
  const worker = async (): Promise<void> => {
    for (let next = iterator.next(); next.done !== true && !failed; next = iterator.next()) {
      try {
        await work(next.value);
      } catch (error) {
        failed = true;
        throw error;
      }
    }
  };
  const results = await Promise.allSettled(Array.from({ length: AT_ONCE }, worker));
  const failure = results.find((result) => result.status === "rejected");
  if (failure !== undefined) throw failure.reason;
}

function unsupported(what: string): ScrubberError {
  return new ScrubberError("SCRUBBER_UNSUPPORTED", `registry-http cannot ${what}`, {
    hint: "Use @scrubber/registry-sql on Glance's database: it can.",
  });
}

function assertCount(call: string, n: number): void {
  if (!Number.isInteger(n) || n < 1 || n > 1000) throw new TypeError(`${call}: ${n}; it takes 1 to 1000`);
}
