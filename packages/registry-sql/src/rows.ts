import type { Cipher, JsonValue, Liveness, Location, StoredLocation } from "@scrubber/core";
import { schemeOf } from "@scrubber/core";

/** The columns of `image_locations` that name an object: `value, meta_data`. */
export type LocationColumns = readonly [value: string, metadata: string | null];

/** What Glance's words for the status of an image or a location come down to. */
export function livenessOf(status: string): Liveness {
  if (status === "pending_delete") return "pending";
  return status === "deleted" ? "deleted" : "live";
}

/** Reads and writes the columns that name an object, opening what is sealed. */
export interface LocationCodec {
  read(...columns: LocationColumns): StoredLocation;
  /** The same, for comparing: where the metadata is damaged it is by its URI alone, so that it may be the object of any store. */
  readName(...columns: LocationColumns): StoredLocation;
  write(location: Pick<Location, "uri" | "store">): LocationColumns;
}

/**
 * A value that starts with a scheme is a URI, whatever the keys: sealed text has no colon. So a database that was begun without a key and went on with
 * one is read whole. `meta_data` is a JSON object, whose `store` (Rocky and Stein wrote `backend`) names the store.
 */
export function locationCodec(cipher: Cipher | undefined): LocationCodec {
  const codec: LocationCodec = {
    read(value, metadata) {
      const uri = schemeOf(value) === undefined ? open(value, cipher) : value;
      if (uri === undefined) {
        return {
          unreadable:
            cipher === undefined
              ? "its location is no URI: it is damaged, or sealed, and no key is configured"
              : "its location is no URI and cannot be opened: it is damaged, or sealed under a key that is not configured",
        };
      }
      if (metadata === null || metadata === "{}" || metadata === "") return { location: { uri } };
      const fields = parseObject(metadata);
      if (fields === undefined)
        return { unreadable: "its meta_data is not a JSON object, so its store cannot be told" };
      const { store: named, ...others } = fields;
      const { backend: older, ...rest } = others;
      // Names that are no text stay in the metadata, where they name no store.
      if (typeof named === "string") return { location: withMetadata({ uri, store: named }, others) };
      if (typeof older === "string") return { location: withMetadata({ uri, store: older }, rest) };
      return { location: withMetadata({ uri }, fields) };
    },
    readName(value, metadata) {
      const whole = codec.read(value, metadata);
      return whole.location === undefined ? codec.read(value, null) : whole;
    },
    write: ({ uri, store }) => [
      cipher === undefined ? uri : cipher.seal(uri),
      store === undefined ? "{}" : JSON.stringify({ store }),
    ],
  };
  return codec;
}

function withMetadata(location: Location, metadata: Record<string, JsonValue>): Location {
  return Object.keys(metadata).length === 0 ? location : { ...location, metadata };
}

function open(value: string, cipher: Cipher | undefined): string | undefined {
  try {
    return cipher?.open(value);
  } catch {
    return undefined;
  }
}

function parseObject(text: string): Record<string, JsonValue> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null && !Array.isArray(value)
      ? (value as Record<string, JsonValue>)
      : undefined;
  } catch {
    return undefined;
  }
}
