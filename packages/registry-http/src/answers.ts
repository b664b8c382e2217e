import {
  schemeOf,
  type Cipher,
  type JsonValue,
  type Liveness,
  type Location,
  type StoredLocation,
} from "@scrubber/core";
import * as v from "valibot";

/** What is read of an image; the rest is passed over. */
export interface ImageAnswer {
  readonly id: string;
  readonly status: string;
  readonly deleted_at?: string | null | undefined;
  readonly updated_at?: string | null | undefined;
  /** The only location there was before there were several. */
  readonly location?: string | null | undefined;
  readonly location_data?: readonly LocationAnswer[] | null | undefined;
}

/** Icehouse knows `url` and `metadata`, Juno `status` too. */
interface LocationAnswer {
  readonly url: string;
  readonly metadata?: unknown;
  readonly status?: string | null | undefined;
}

const imageSchema: v.GenericSchema<unknown, ImageAnswer> = v.object({
  id: v.string(),
  status: v.string(),
  deleted_at: v.nullish(v.string()),
  updated_at: v.nullish(v.string()),
  location: v.nullish(v.string()),
  location_data: v.nullish(
    v.array(v.object({ url: v.string(), metadata: v.optional(v.unknown()), status: v.nullish(v.string()) })),
  ),
});
const pageSchema: v.GenericSchema<unknown, { readonly images: readonly ImageAnswer[] }> = v.object({
  images: v.array(imageSchema),
});
const answerSchema: v.GenericSchema<unknown, { readonly image: ImageAnswer }> = v.object({ image: imageSchema });

/** The images of a listing; undefined if the answer is none. */
export function readPage(json: unknown): readonly ImageAnswer[] | undefined {
  const result = v.safeParse(pageSchema, json);
  return result.success ? result.output.images : undefined;
}

/** The image of an answer; undefined if the answer is none. */
export function readImage(json: unknown): ImageAnswer | undefined {
  const result = v.safeParse(answerSchema, json);
  return result.success ? result.output.image : undefined;
}

export function livenessOf(status: string): Liveness {
  if (status === "pending_delete") return "pending";
  return status === "deleted" ? "deleted" : "live";
}

/** The locations that are not recorded as deleted. */
export function locationsOf(image: ImageAnswer, cipher: Cipher | undefined): StoredLocation[] {
  const { location, location_data: data } = image;
  const single: readonly LocationAnswer[] = typeof location === "string" && location !== "" ? [{ url: location }] : [];
  // In doubt it has one: an image that has none is finished without another look.
  return (data === null || data === undefined || data.length === 0 ? single : data)
    .filter(({ status }) => status !== "deleted")
    .map(({ url, metadata }) => readLocation(url, metadata, cipher));
}

/** A value that starts with a scheme is a URI, whatever the keys: sealed text has no colon. */
function readLocation(url: string, metadata: unknown, cipher: Cipher | undefined): StoredLocation {
  const uri = schemeOf(url) === undefined ? open(url, cipher) : url;
  if (uri === undefined) {
    return {
      unreadable:
        cipher === undefined
          ? "its location is no URI: it is damaged, or sealed, and no key is configured"
          : "its location is no URI and cannot be opened: it is damaged, or sealed under a key that is not configured",
    };
  }
  if (metadata === undefined || metadata === null) return { location: { uri } };
  if (typeof metadata !== "object" || Array.isArray(metadata)) {
    return { unreadable: "its metadata is not an object, so its store cannot be told" };
  }
  const { store, ...others } = metadata as Record<string, JsonValue>;
  const named = typeof store === "string";
  const rest = named ? others : (metadata as Record<string, JsonValue>);
  const location: Location = { uri, ...(named && { store }) };
  return { location: Object.keys(rest).length === 0 ? location : { ...location, metadata: rest } };
}

function open(sealed: string, cipher: Cipher | undefined): string | undefined {
  try {
    return cipher?.open(sealed);
  } catch {
    return undefined;
  }
}

const INSTANT = /^(\d{4}-\d{2}-\d{2})[T ](\d{2}:\d{2}:\d{2})(\.\d{1,9})?(Z|[+-]\d{2}:?\d{2})?$/;

/**
 * Reads a time: ISO, in UTC where it names no zone; a fraction, a `Z` or an offset may follow. Undefined where there is none.
 * Without a fraction it was cut to the second, and is taken to be the end of it, though not later than now: what was written in the second of its
 * deletion was written before.
 */
export function readInstant(text: string | null | undefined, now: Date): Date | undefined {
  const match = INSTANT.exec(text ?? "");
  if (match === null) return undefined;
  const [, day = "", time = "", fraction, zone = "Z"] = match;
  const second = Date.parse(`${day}T${time}${zone}`);
  if (Number.isNaN(second)) return undefined;
  if (fraction === undefined) return new Date(Math.min(second + 999, Math.max(second, now.getTime())));
  return new Date(second + Math.ceil(Number(fraction.slice(1).padEnd(9, "0")) / 1_000_000));
}
