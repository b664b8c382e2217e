import type { Deletion, Queue, RecordResult, Registry } from "@scrubber/core";
import type { Item, RoutedItem } from "./item.ts";

const IMAGES_AT_ONCE = 1000;

/** What the registry is told, image by image. */
type Locations = Deletion["locations"][number];

/**
 * Tells the registry which locations are gone. Only those with a positive outcome are ever named, so an image is called deleted only when each
 * of its locations had one.
 */
export class Recorder {
  readonly #registry: Registry;
  readonly #queue: Pick<Queue, "hasImages">;
  readonly #recorded: (imageId: string) => void;
  /** Images of which an entry was done although its location lives: not to be called deleted by this pass. Only without `locationStatus`. */
  readonly #alive = new Set<string>();

  constructor(registry: Registry, queue: Pick<Queue, "hasImages">, recorded: (imageId: string) => void) {
    this.#registry = registry;
    this.#queue = queue;
    this.#recorded = recorded;
  }

  /** Whether the registry is told before the queue. */
  get first(): boolean {
    return this.#registry.supports.locationStatus;
  }

  /** An entry of this image was done although it lives. */
  alive(imageId: string): void {
    if (!this.first) this.#alive.add(imageId);
  }

  /** These locations are gone: marks them, and the images of which none is left. */
  async gone(items: readonly Item[]): Promise<void> {
    const byImage = new Map<string, Locations[]>();
    items.forEach((item) => {
      const known = byImage.get(item.entry.imageId);
      if (known === undefined) byImage.set(item.entry.imageId, [locationOf(item)]);
      else known.push(locationOf(item));
    });
    await this.#record(byImage);
  }

  /** These entries have left the queue, their locations being gone: marks the images of which the queue has none left. For registries in which locations have no status. */
  async left(items: readonly Item[]): Promise<void> {
    const byImage = new Map<string, Locations[]>();
    for (const item of items) {
      const { imageId } = item.entry;
      if (this.#alive.has(imageId)) continue;
      const known = byImage.get(imageId);
      if (known === undefined) byImage.set(imageId, [locationOf(item)]);
      else known.push(locationOf(item));
    }
    const ids = [...byImage.keys()];
    for (let at = 0; at < ids.length; at += IMAGES_AT_ONCE) {
      for (const id of await this.#queue.hasImages(ids.slice(at, at + IMAGES_AT_ONCE))) byImage.delete(id);
    }
    await this.#record(byImage);
  }

  async #record(byImage: ReadonlyMap<string, readonly Locations[]>): Promise<void> {
    const deletions: Deletion[] = [];
    byImage.forEach((locations, imageId) => deletions.push({ imageId, locations }));
    for (let at = 0; at < deletions.length; at += IMAGES_AT_ONCE) {
      const page = deletions.slice(at, at + IMAGES_AT_ONCE);
      const results: ReadonlyMap<string, RecordResult> = await this.#registry.recordDeleted(page);
      page.forEach(({ imageId }) => {
        if (results.get(imageId) === "recorded") this.#recorded(imageId);
      });
    }
  }
}

function locationOf(item: Item): Locations {
  const { ref } = item as Partial<Pick<RoutedItem, "ref">>;
  const { location } = item.entry;
  // Mostly it is so, and a spread is dear.
  if (ref !== undefined && location !== undefined && location.store === undefined) return { ref, uri: location.uri };
  return {
    ...(ref === undefined ? {} : { ref }),
    ...(location === undefined ? {} : { uri: location.uri }),
    ...(location?.store === undefined ? {} : { store: location.store }),
  };
}
