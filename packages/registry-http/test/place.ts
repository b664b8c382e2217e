import { createCipher, type Context, type Registry } from "@scrubber/core";
import plugin, { type Options } from "../src/index.ts";
import { isoOf, startRegistryServer, type RegistryServer } from "./registry-server.ts";

/** A key as Glance's metadata_encryption_key. */
export const KEY = "0123456789abcdef";

export interface Place extends AsyncDisposable {
  readonly server: RegistryServer;
  readonly registry: Registry;
  now: Date;
  addImage(id: string, status: string, locations?: readonly ServedLocation[], deletedAt?: string | null): void;
}

export interface ServedLocation {
  readonly url: string;
  readonly metadata?: unknown;
  readonly status?: string;
}

/** A registry server of its own, and the registry on it. */
export async function openPlace(options: Partial<Options> = {}, context: Partial<Context> = {}): Promise<Place> {
  const server = await startRegistryServer();
  const place = { now: new Date("2026-11-24T12:00:00.125Z") };
  const silent = (): void => {};
  server.now = () => place.now;
  const registry = await plugin.open(
    { url: server.url, ...options },
    {
      id: "registry",
      log: { debug: silent, info: silent, warn: silent, error: silent },
      now: () => place.now,
      resolvePath: (path) => path,
      cipher: undefined,
      ...context,
    },
  );
  return Object.assign(place, {
    server,
    registry,
    addImage(id: string, status: string, locations: readonly ServedLocation[] = [], deletedAt?: string | null) {
      const deleted = status === "pending_delete" || status === "deleted";
      server.images.set(id, {
        id,
        status,
        deleted,
        deleted_at: deletedAt === undefined ? (deleted ? isoOf(place.now) : null) : deletedAt,
        updated_at: isoOf(place.now),
        location_data: locations.map((location) => ({ metadata: {}, ...location })),
      });
    },
    async [Symbol.asyncDispose]() {
      await registry[Symbol.asyncDispose]();
      await server[Symbol.asyncDispose]();
    },
  });
}

export const sealed = (uri: string, key: string = KEY): string => createCipher([key]).seal(uri, 64);
