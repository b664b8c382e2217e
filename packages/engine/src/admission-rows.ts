import type { Image, ImageLocation, Location, LocationRef } from "@scrubber/core";
import { addressOf, isSameObject, type Address } from "./references-address.ts";
import type { Routed } from "./routing.ts";

/** A location's row, with its image as it was just read, and what the stores call its object. */
export interface Row {
  readonly image: Image;
  readonly location: ImageLocation;
  readonly addresses: readonly Address[];
}

export interface ImageRowsOptions {
  readonly batch: readonly Routed[];
  readonly images: ReadonlyMap<string, Image>;
  readonly addresses: (location: Location) => readonly Address[];
}

const NONE: readonly Row[] = [];

/** The rows of the images of one batch. */
export class ImageRows {
  /** By key; a version also by the key of the object as a whole. */
  readonly #byKey = new Map<string, Row[]>();
  /** Those that no store can address, by URI. */
  readonly #byUri = new Map<string, Row[]>();
  readonly #byRef = new Map<LocationRef, Row>();

  constructor({ batch, images, addresses }: ImageRowsOptions) {
    // What an image lists is mostly what is to be deleted of it, and that was routed already.
    const routed = new Map<string, readonly Address[]>();
    batch.forEach(({ entry, to, target }) => {
      if (isPlain(entry.location)) routed.set(entry.location.uri, [addressOf(to, target)]);
    });
    images.forEach((image) => {
      image.locations.forEach((one) => {
        const { location, ref } = one;
        const known = location !== undefined && isPlain(location) ? routed.get(location.uri) : undefined;
        const row: Row = {
          image,
          location: one,
          addresses: known ?? (location === undefined ? [] : addresses(location)),
        };
        if (ref !== undefined) this.#byRef.set(ref, row);
        row.addresses.forEach(({ key, within }) => {
          file(this.#byKey, key, row);
          if (within !== undefined) file(this.#byKey, within, row);
        });
        if (row.addresses.length === 0 && location !== undefined) file(this.#byUri, location.uri, row);
      });
    });
  }

  byRef(ref: LocationRef): Row | undefined {
    return this.#byRef.get(ref);
  }

  /** An image's rows that name this object, a version of it, or the object that it is a version of. */
  at(imageId: string, address: Address): readonly Row[] {
    const { key, within } = address;
    const named = this.#byKey.get(key) ?? NONE;
    const also = within === undefined ? NONE : (this.#byKey.get(within) ?? NONE);
    const isOne = (row: Row): boolean => row.image.id === imageId && names(row, address);
    // Mostly it is one, and of this image.
    return also.length === 0 && named.every(isOne) ? named : [...named, ...also].filter(isOne);
  }

  /** An image's rows with this very URI, of those that no store can address. */
  unaddressed(imageId: string, uri: string): readonly Row[] {
    return this.#byUri.get(uri)?.filter(({ image }) => image.id === imageId) ?? NONE;
  }
}

/** Whether a row names this object, a version of it, or the object that it is a version of. */
export function names({ addresses }: Row, address: Address): boolean {
  return addresses.some((one) => isSameObject(one, address));
}

/** Whether a location is nothing but its URI: another one with the same is the same object. */
function isPlain({ store, identity, metadata }: Location): boolean {
  return store === undefined && identity === undefined && metadata === undefined;
}

function file(rows: Map<string, Row[]>, by: string, row: Row): void {
  const filed = rows.get(by);
  if (filed === undefined) rows.set(by, [row]);
  else filed.push(row);
}
