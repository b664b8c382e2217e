import type {
  Image,
  Liveness,
  PendingLocation,
  PendingPage,
  Reference,
  Registry,
  RegistrySupports,
} from "../../registry.ts";
import type { Case } from "../case.ts";
import type { RegistryUnderTest, SeedImage } from "../harness.ts";
import { required } from "../promise.ts";

export type RegistryCase = Case<RegistryUnderTest, keyof RegistrySupports>;

export const HOUR = 3_600_000;

/** An image with a location for each status, its URIs `file:///kit/ID/0`, `/1`, ... */
export function image(
  id: string,
  status: Liveness,
  locations: readonly Liveness[] = [status],
  deletedAt?: Date,
): SeedImage {
  return {
    id,
    status,
    ...(deletedAt === undefined ? {} : { deletedAt }),
    locations: locations.map((one, i) => ({ uri: uriOf(id, i), status: one })),
  };
}

export function uriOf(id: string, index = 0): string {
  return `file:///kit/${id}/${index}`;
}

export async function seed(under: RegistryUnderTest, ...images: readonly SeedImage[]): Promise<void> {
  for (const one of images) await under.seed(one);
}

export async function imageOf(registry: Registry, id: string): Promise<Image> {
  return required((await registry.images([id])).get(id), `an image ${id}`, "it was put in and never taken out");
}

/** The status of an image, and of its locations that are not deleted, by URI. */
export async function statusOf(registry: Registry, id: string): Promise<readonly [Liveness, Record<string, Liveness>]> {
  const { status, locations } = await imageOf(registry, id);
  const left = locations.filter((location) => location.status !== "deleted");
  return [status, Object.fromEntries(left.map((l) => [l.location?.uri ?? "unreadable", l.status]))];
}

/** All pages, `limit` a page. */
export async function allPending(
  registry: Registry,
  limit = 1000,
  known?: PendingPage["known"],
): Promise<readonly PendingLocation[]> {
  const items: PendingLocation[] = [];
  let after: string | undefined;
  do {
    const page = await registry.pendingLocations({
      limit,
      ...(after === undefined ? {} : { after }),
      ...(known === undefined ? {} : { known }),
    });
    items.push(...page.items);
    after = page.next;
  } while (after !== undefined);
  return items;
}

/** What a listing of pending locations shows: a URI, `unreadable IMAGE`, or `none IMAGE`. */
export function shown(items: readonly PendingLocation[]): readonly string[] {
  return items.map((item) => {
    if (item.none === true) return `none ${item.imageId}`;
    return item.location?.uri ?? `unreadable ${item.imageId}`;
  });
}

export async function allReferences(registry: Registry, after?: number): Promise<readonly Reference[]> {
  const all: Reference[] = [];
  for await (const batch of registry.references(after)) all.push(...batch);
  return all;
}
