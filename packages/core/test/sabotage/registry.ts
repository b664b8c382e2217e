import type { RegistryUnderTest, SeedImage } from "../../src/conformance/index.ts";
import { ScrubberError } from "../../src/index.ts";
import type { Image, Page, PendingLocation, RecordResult, Reference, Registry } from "../../src/index.ts";
import type { RegistrySupports } from "../../src/index.ts";
import { delegate } from "../harness/delegate.ts";

/** Breaks a registry in one way. */
export interface RegistrySabotage {
  readonly supports?: Partial<RegistrySupports>;
  readonly wreck: (under: RegistryUnderTest) => RegistryUnderTest;
}

function methods(replace: (registry: Registry, under: RegistryUnderTest) => Partial<Registry>): RegistrySabotage {
  return {
    wreck: (under) => delegate(under, { registry: delegate(under.registry, replace(under.registry, under)) }),
  };
}

function imaged(change: (image: Image) => Image): RegistrySabotage {
  return methods((registry) => ({
    images: async (ids) => new Map(Array.from(await registry.images(ids), ([id, image]) => [id, change(image)])),
  }));
}

function paged(change: (page: Page<PendingLocation>) => Page<PendingLocation>): RegistrySabotage {
  return methods((registry) => ({ pendingLocations: async (page) => change(await registry.pendingLocations(page)) }));
}

function referred(change: (references: readonly Reference[]) => readonly Reference[]): RegistrySabotage {
  return methods((registry) => ({
    async *references(after) {
      for await (const batch of registry.references(after)) yield change(batch);
    },
  }));
}

/** Takes images in as something else. */
function seeded(change: (image: SeedImage) => SeedImage): RegistrySabotage {
  return { wreck: (under) => delegate(under, { seed: (image) => under.seed(change(image)) }) };
}

/** Records an image as deleted, whatever it is. */
const recordsAnything: RegistrySabotage = methods((registry, under) => ({
  async recordDeleted(deletions) {
    const results = new Map<string, RecordResult>();
    for (const { imageId } of deletions) {
      if (!(await registry.images([imageId])).has(imageId)) continue;
      await under.setStatus(imageId, "pending");
      const { locations } = (await registry.images([imageId])).get(imageId) ?? { locations: [] };
      await registry.recordDeleted([
        { imageId, locations: locations.map(({ ref }) => (ref === undefined ? {} : { ref })) },
      ]);
      await under.setStatus(imageId, "deleted");
      results.set(imageId, "recorded");
    }
    return results;
  },
}));

/** Answers as if it had recorded, and does not. */
const recordsNothing: RegistrySabotage = methods(() => ({
  recordDeleted: (deletions) => Promise.resolve(new Map(deletions.map(({ imageId }) => [imageId, "recorded"]))),
}));

/** For each case of the kit, a registry that is broken in just that way. */
export const registrySabotages: Readonly<Record<string, RegistrySabotage>> = {
  "images come as they are, and one that is not known is not in the answer": imaged((image) => ({
    ...image,
    status: "live",
  })),
  "an image comes with every location that is not deleted: URI, store and ref": imaged((image) => ({
    ...image,
    locations: image.locations.slice(0, 1),
  })),
  "each location has a status of its own": imaged((image) => ({
    ...image,
    locations: image.locations.map((location) => ({ ...location, status: image.status })),
  })),
  "a location that says when its deletion was asked for says so truly": imaged((image) => ({
    ...image,
    locations: image.locations.map((location) => ({ ...location, deletedAt: new Date(0) })),
  })),
  "a thousand images come in one answer": methods((registry) => ({
    images: (ids) => registry.images(ids.slice(0, 100)),
  })),
  "an image id is compared byte for byte": methods((registry) => ({
    async images(ids) {
      const images = await registry.images(["Image-É"]);
      return new Map(ids.flatMap((id) => Array.from(images.values(), (image) => [id, image] as const)));
    },
  })),
  "what waits for deletion is listed, with the time of the request, and nothing else is": paged((page) => ({
    ...page,
    items: page.items.map((item) => ({ ...item, requestedAt: new Date() })),
  })),
  "a single pending location of a live image is listed": paged((page) => ({
    ...page,
    items: page.items.filter(({ imageStatus }) => imageStatus === "pending"),
  })),
  "a pending image that has no pending location left is listed as one with none": paged((page) => ({
    ...page,
    items: page.items.filter((item) => item.none !== true),
  })),
  "pages show every row once, however small": paged(({ items }) => ({ items })),
  "what was asked for outside of the times that the caller knows is listed, on every page": methods((registry) => ({
    pendingLocations: (page) =>
      registry.pendingLocations(
        page.known === undefined ? page : { ...page, known: { ...page.known, before: new Date(8.64e15) } },
      ),
  })),
  "rows that go, come or change between two pages do not shift the others": methods((registry) => ({
    async pendingLocations({ after = "0", limit }) {
      const { items } = await registry.pendingLocations({ limit: 1000 });
      const end = Number(after) + limit;
      const shown = items.slice(Number(after), end);
      return end < items.length ? { items: shown, next: String(end) } : { items: shown };
    },
  })),
  "every location that is not deleted is a reference, in order of ref": referred((batch) => batch.slice(0, -1)),
  "later rows have greater refs": referred((batch) => batch.map((one) => ({ ...one, ref: 100 - one.ref }))),
  "a registry that cannot list references refuses to": {
    ...methods(() => ({ async *references() {} })),
    supports: { references: false },
  },
  "a location that cannot be read is listed as unreadable with a reason, and hides no other": imaged((image) => ({
    ...image,
    locations: image.locations.filter(({ location }) => location !== undefined),
  })),
  "a broken backend is an error of the environment in every call, and no call is answered by less": methods(
    (registry) => ({ pendingLocations: (page) => registry.pendingLocations(page).catch(() => ({ items: [] })) }),
  ),

  "an image is recorded as deleted when its locations are": recordsNothing,
  "while a location is left, the image stays pending": recordsAnything,
  "several images are recorded at once, each by itself": methods((registry) => ({
    recordDeleted: (deletions) => registry.recordDeleted(deletions.slice(0, 1)),
  })),
  "a live image and its live locations are never marked": recordsAnything,
  "a pending location of a live image is marked, and the image is not touched": methods((registry) => ({
    async recordDeleted(deletions) {
      const results = new Map<string, RecordResult>();
      for (const deletion of deletions) {
        const isLive = (await registry.images([deletion.imageId])).get(deletion.imageId)?.status === "live";
        if (isLive) results.set(deletion.imageId, "active");
        else for (const [id, result] of await registry.recordDeleted([deletion])) results.set(id, result);
      }
      return results;
    },
  })),
  "a live location keeps a pending image from being recorded": recordsAnything,
  "an image that became live meanwhile is not marked": recordsAnything,
  "recording again is answered with recorded and changes nothing": methods((registry) => ({
    async recordDeleted(deletions) {
      const before = await registry.images(deletions.map(({ imageId }) => imageId));
      const results = await registry.recordDeleted(deletions);
      return new Map(
        Array.from(results, ([id, result]) => [id, before.get(id)?.status === "deleted" ? "missing" : result]),
      );
    },
  })),
  "an image without a location left is finished by naming none": methods((registry) => ({
    recordDeleted: (deletions) => registry.recordDeleted(deletions.filter(({ locations }) => locations.length > 0)),
  })),
  "a location is matched by its ref, and by nothing else where one is given": recordsAnything,
  "without a ref, a location is matched by URI and store": methods((registry) => ({
    async recordDeleted(deletions) {
      const images = await registry.images(deletions.map(({ imageId }) => imageId));
      return registry.recordDeleted(
        deletions.map(({ imageId, locations }) => {
          const uris = new Set(locations.map(({ uri }) => uri));
          const rows = images.get(imageId)?.locations.filter(({ location }) => uris.has(location?.uri)) ?? [];
          return { imageId, locations: rows.map(({ ref }) => (ref === undefined ? {} : { ref })) };
        }),
      );
    },
  })),
  "recording and restoring at once: one of them wins, whole": methods((registry, under) => ({
    async recordDeleted(deletions) {
      const pending = await registry.images(deletions.map(({ imageId }) => imageId));
      for (const { id, status } of pending.values()) if (status === "pending") await under.setStatus(id, "deleted");
      return new Map(deletions.map(({ imageId }) => [imageId, "recorded"]));
    },
  })),
  "restoring makes a pending image live again, with its locations": methods((_, under) => ({
    async restore(imageId) {
      await under.setStatus(imageId, "live");
      return { restored: true, locations: 2 };
    },
  })),
  "restoring leaves deleted locations deleted": seeded((image) => ({
    ...image,
    locations: image.locations.map((location) => ({ ...location, status: image.status })),
  })),
  "restoring refuses an image that is missing, not pending, or has no location left, and changes nothing": methods(
    (registry, under) => ({
      async restore(imageId) {
        const result = await registry.restore(imageId);
        if (!result.restored && result.reason !== "missing") await under.setStatus(imageId, "live");
        return result;
      },
    }),
  ),
  "a registry that cannot restore refuses to": {
    ...methods(() => ({ restore: () => Promise.resolve({ restored: false, reason: "notPending" }) })),
    supports: { restore: false },
  },

  "an image that is added is live with its locations": methods((registry) => ({
    addImage: ({ id, locations }) =>
      registry.addImage({ id, locations: locations.map(({ uri }) => ({ uri: uri.replaceAll("\n", "") })) }),
  })),
  "an image that is there cannot be added again": methods((registry) => ({
    addImage: (image) => registry.addImage(image).catch(() => {}),
  })),
  "requesting deletion makes a live image and its locations pending, as of now": methods((registry, under) => ({
    async requestDeletion(imageId) {
      await under.setStatus(imageId, "pending");
      const image = (await registry.images([imageId])).get(imageId);
      if (image === undefined) throw new ScrubberError("SCRUBBER_IMAGE_MISSING", "it is missing");
      return image;
    },
  })),
  "requesting deletion again leaves the time of the first request": methods((registry, under) => ({
    async requestDeletion(imageId) {
      await under.setStatus(imageId, "live");
      return registry.requestDeletion(imageId);
    },
  })),
  "deletion of what is missing or deleted already is refused": methods((registry, under) => ({
    async requestDeletion(imageId) {
      if ((await registry.images([imageId])).has(imageId)) await under.setStatus(imageId, "live");
      return registry.requestDeletion(imageId);
    },
  })),
  "a registry that is somebody else's refuses addImage and requestDeletion": {
    ...methods(() => ({ addImage: async () => {} })),
    supports: { manage: false },
  },
  "one scrubber at a time has the claim, and who gives it up leaves it to the next": methods((registry) => ({
    claim: async () => (await registry.claim?.()) ?? { [Symbol.asyncDispose]: async () => {} },
  })),
  "a claim that is lost says so, is free for the next one, and giving it up then takes nothing from that one": {
    wreck: (under) =>
      delegate(under, {
        registry: delegate(under.registry, {
          async claim() {
            const claim = await under.registry.claim?.();
            return (
              claim &&
              delegate(claim, {
                [Symbol.asyncDispose]: async () => {
                  await under.loseClaim?.();
                },
              })
            );
          },
        }),
      }),
  },
};
