import type { Location, Registry, Store } from "@scrubber/core";
import {
  createClock,
  createMemoryRegistry,
  createMemoryStore,
  type Clock,
  type MemoryImage,
  type MemoryRegistry,
} from "@scrubber/core/memory";
import { createAdmission, type Admission, type AdmissionOptions } from "../src/admission.ts";
import type { Verdict } from "../src/verdict.ts";
import type { ScrubberEvent } from "../src/events.ts";
import { Router, type OpenStore, type Routed } from "../src/routing.ts";

export const HOUR = 3_600_000;
/** What tests delete was asked for so long ago that its delay has passed. */
export const DELAY: number = 24 * HOUR;

export type SeedLocation = MemoryImage["locations"][number];

export function pendingAt(uri: string, more: Partial<SeedLocation> = {}): SeedLocation {
  return { uri, status: "pending", ...more };
}

export function liveAt(uri: string, more: Partial<SeedLocation> = {}): SeedLocation {
  return { uri, status: "live", ...more };
}

export function deletedAt(uri: string): SeedLocation {
  return { uri, status: "deleted" };
}

export interface AdmissionWorld {
  readonly clock: Clock;
  readonly registry: MemoryRegistry;
  readonly router: Router;
  readonly events: readonly ScrubberEvent[];
  readonly admission: Admission;
  /** Moves the monotonic clock alone. */
  wait(ms: number): void;
  seed(id: string, status: MemoryImage["status"], locations: readonly SeedLocation[], deletedAgoMs?: number): void;
  entry(imageId: string, location: string | Location): Routed;
  admit(...entries: readonly (readonly [imageId: string, location: string | Location])[]): Promise<readonly Verdict[]>;
}

/** An admission on fakes: a registry, and stores `memory` and `other` that answer for `memory:` and `other:`. */
export function createWorld(
  options: Partial<AdmissionOptions> & {
    readonly supports?: Partial<Registry["supports"]>;
    readonly wrap?: (registry: MemoryRegistry) => Registry;
    readonly more?: Readonly<Record<string, Store>>;
  } = {},
): AdmissionWorld {
  const clock = createClock();
  const registry = createMemoryRegistry({
    now: () => clock.now(),
    ...(options.supports && { supports: options.supports }),
  });
  const opened: Readonly<Record<string, Store>> = {
    memory: createMemoryStore({ now: () => clock.now(), groups: ["bucket"] }),
    other: createMemoryStore({ now: () => clock.now(), scheme: "other" }),
    ...options.more,
  };
  const stores = Object.entries(opened).map(([id, store]): OpenStore => ({ id, store, limits: store.limits }));
  const router = new Router(stores);
  const events: ScrubberEvent[] = [];
  let elapsed = 0;
  const admission = createAdmission({
    stores,
    route: router.route,
    unknownImage: "setAside",
    delayMs: DELAY,
    now: () => clock.now(),
    monotonic: () => elapsed,
    emit: (event) => events.push(event),
    ...options,
    registry: options.wrap?.(registry) ?? registry,
  });
  const entry = (imageId: string, given: string | Location): Routed => {
    const location = typeof given === "string" ? { uri: given } : given;
    const requestedAt = new Date(clock.now().getTime() - DELAY - HOUR);
    const routed = router.route(location, requestedAt);
    if (routed.reason !== undefined) throw new TypeError(routed.reason);
    const dueAt = new Date(clock.now().getTime() - HOUR);
    return {
      entry: { id: `${imageId} ${location.uri}`, token: "t", imageId, location, requestedAt, dueAt, attempts: 0 },
      to: routed.to,
      target: routed.target,
    };
  };
  return {
    clock,
    registry,
    router,
    events,
    admission,
    wait(ms) {
      elapsed += ms;
    },
    seed(id, status, locations, deletedAgoMs = DELAY + HOUR) {
      // Of a live image, when its locations were removed that wait.
      registry.seed({ id, status, locations, deletedAt: new Date(clock.now().getTime() - deletedAgoMs) });
    },
    entry,
    admit: (...entries) => admission.admit(entries.map(([imageId, location]) => entry(imageId, location))),
  };
}

/** Blocks of a registry's listing, changed by a test. */
export function withReferences(
  registry: MemoryRegistry,
  references: Registry["references"],
  supports: Partial<Registry["supports"]> = {},
): Registry {
  return {
    supports: { ...registry.supports, ...supports },
    images: (ids) => registry.images(ids),
    pendingLocations: (page) => registry.pendingLocations(page),
    references,
    recordDeleted: (deletions) => registry.recordDeleted(deletions),
    restore: (id) => registry.restore(id),
    addImage: (image) => registry.addImage(image),
    requestDeletion: (id) => registry.requestDeletion(id),
    [Symbol.asyncDispose]: () => registry[Symbol.asyncDispose](),
  };
}
