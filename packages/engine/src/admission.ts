import { ScrubberError, isScrubberError, type Image, type Registry } from "@scrubber/core";
import { AdmissionBatch } from "./admission-batch.ts";
import { DueRows } from "./admission-times.ts";
import type { ScrubberEvent } from "./events.ts";
import { addressesOf, type Route } from "./references-address.ts";
import { References, type ReferencesOptions } from "./references.ts";
import type { OpenStore, Routed } from "./routing.ts";
import type { Verdict } from "./verdict.ts";

export type { Route } from "./references-address.ts";

/** Asks the registry whether entries may be deleted. Without a registry, everything may. */
export interface Admission {
  /** How old an answer may be when the store is called; older ones are asked again. */
  readonly freshForMs: number;
  /** One verdict for each, in order. Rejects with a `SCRUBBER_REGISTRY_*` error where the registry does not answer whole: then nothing is deleted. */
  admit(batch: readonly Routed[]): Promise<readonly Verdict[]>;
}

export interface AdmissionOptions {
  readonly registry: Registry;
  readonly stores: readonly OpenStore[];
  readonly route: Route;
  readonly unknownImage: "setAside" | "delete";
  /** `scrub.delay` in milliseconds: how long a pending image can still be restored. */
  readonly delayMs: number;
  readonly now: () => Date;
  /** Milliseconds of a clock that is never set. */
  readonly monotonic: () => number;
  readonly emit: (event: ScrubberEvent) => void;
  readonly notes?: ReferencesOptions["notes"];
}

const FRESH_FOR_MS = 30_000;
const IMAGES_AT_ONCE = 1000;
/** From so many images on, a batch of which half is unknown says something about the registry, and not about the images. */
const TELLING_IMAGES = 10;

/**
 * The check right before deletion.
 *
 * First the location itself, by its rows in its image: those whose store gives them the same key, in whatever spelling. In doubt it is kept.
 *
 * | its row | the image is live | pending or deleted |
 * |---|---|---|
 * | live, none pending | alive | alive |
 * | live, and another that is pending | shared with its own image | shared with its own image |
 * | pending | go on: it was removed alone | go on |
 * | deleted | alive: nothing asks for it | go on |
 * | none | alive: none of what is being deleted | go on, unless a live row cannot be read: alive |
 *
 * An entry that came more than a minute before its image, or its own row, was deleted is of an earlier deletion, after which it was live again: it is `held` until the
 * delay of the last deletion has passed. Of the two times the later one counts, here and below: an application may mark locations before their image, and a
 * registry may read the image before its locations.
 *
 * An image that the registry does not know goes on with `unknownImage: delete`, else it is `unknownImage`. Of 10 or more images in a batch, half unknown is a
 * failure of the registry (`SCRUBBER_REGISTRY_UNKNOWN_IMAGES`), whatever `unknownImage` says.
 *
 * Then every other row with the same key, of whatever image: candidates from an index, each looked at afresh. It keeps the data (`shared`) if
 *
 * | the other row | its image is live | pending | deleted | unknown |
 * |---|---|---|---|---|
 * | live | yes | yes | yes | yes |
 * | pending | yes: when it was asked for is not known | until its delay has passed | no | yes |
 *
 * but not if its own entry is, or lately was, before this check too: then both are due, and the object is deleted once. Where more than 10,000 others name the object, it is
 * kept until they have become fewer.
 *
 * What remains: a reference that comes into being after the registry was asked, within `freshForMs`; locations that cannot be read or addressed, and registries
 * without `supports.references`, of which the note in the receipt tells; two live images, each of which had one location of the same object removed, admitted by
 * two scrubbers at the same instant: both keep it.
 */
export function createAdmission(options: AdmissionOptions): Admission {
  const { registry, monotonic, now, delayMs } = options;
  const addresses = (location: Parameters<Route>[0]): ReturnType<typeof addressesOf> =>
    addressesOf(location, options.route, options.stores);
  const references = registry.supports.references
    ? new References({ registry, addressesOf: addresses, monotonic, emit: options.emit, notes: options.notes })
    : undefined;
  const dueRows = new DueRows(monotonic);

  async function images(ids: Iterable<string>): Promise<ReadonlyMap<string, Image>> {
    const all = [...ids];
    const found = new Map<string, Image>();
    for (let at = 0; at < all.length; at += IMAGES_AT_ONCE) {
      const page = all.slice(at, at + IMAGES_AT_ONCE);
      const answer = await registry.images(page);
      for (const id of page) {
        const image = answer.get(id);
        if (image === undefined) continue;
        assertImage(id, image);
        found.set(id, image);
      }
    }
    return found;
  }

  async function admit(batch: readonly Routed[]): Promise<readonly Verdict[]> {
    // Before the clock of freshness starts: the first time may take long.
    await references?.ready();
    const askedAt = monotonic();
    const ids = new Set(batch.map(({ entry }) => entry.imageId));
    const known = await images(ids);
    assertKnown(ids.size, known.size);
    const admission = new AdmissionBatch({
      batch,
      images: known,
      deletesUnknown: options.unknownImage === "delete",
      addresses,
      dueRows,
      restorableSince: now().getTime() - delayMs,
      delayMs,
    });
    if (references !== undefined && admission.open.length > 0) await admission.compare(references, images);
    const age = monotonic() - askedAt;
    if (age > FRESH_FOR_MS) {
      throw new ScrubberError(
        "SCRUBBER_REGISTRY_UNAVAILABLE",
        `the registry took ${Math.round(age / 1000)} s to answer: too long ago to delete by`,
        { hint: `Answers count for ${FRESH_FOR_MS / 1000} s. Look why the registry is slow, or lower scrub.batch.` },
      );
    }
    return admission.verdicts(askedAt, references === undefined ? "references: unknown" : references.note);
  }

  return {
    freshForMs: FRESH_FOR_MS,
    admit: (batch) => (batch.length === 0 ? Promise.resolve([]) : admit(batch).catch(rethrowAsRegistryFailure)),
  };
}

function assertKnown(asked: number, known: number): void {
  const unknown = asked - known;
  if (asked < TELLING_IMAGES || unknown * 2 < asked) return;
  throw new ScrubberError(
    "SCRUBBER_REGISTRY_UNKNOWN_IMAGES",
    `the registry does not know ${unknown} of ${asked} images: it may be another registry, or an empty one`,
    {
      hint:
        `Look whether the configured registry is the one that these images belong to. If they are truly gone from it, run once with scrub.batch: ${TELLING_IMAGES - 1}: ` +
        "in small batches each unknown image is treated as scrub.unknownImage says.",
    },
  );
}

const LIVENESS: ReadonlySet<unknown> = new Set(["live", "pending", "deleted"]);

function assertImage(id: string, image: Image): void {
  // oxlint-disable no-unnecessary-condition -- a registry may be anybody's, and this answer decides what is deleted
  const sound =
    image.id === id &&
    LIVENESS.has(image.status) &&
    (image.deletedAt === undefined || Number.isFinite(image.deletedAt?.getTime?.())) &&
    Array.isArray(image.locations) &&
    image.locations.every(
      (row) =>
        LIVENESS.has(row?.status) &&
        (row.ref === undefined || Number.isSafeInteger(row.ref)) &&
        (row.deletedAt === undefined || Number.isFinite(row.deletedAt?.getTime?.())) &&
        (typeof row.location?.uri === "string" || typeof row.unreadable === "string"),
    );
  // oxlint-enable no-unnecessary-condition
  if (!sound) {
    throw new ScrubberError(
      "SCRUBBER_REGISTRY_ANSWER_INVALID",
      `the registry's answer about image ${id} lacks what it must have: its id, a status, locations with status and URI`,
      { hint: "Nothing is deleted meanwhile. Report it to the registry plugin's author." },
    );
  }
}

function rethrowAsRegistryFailure(error: unknown): never {
  if (isScrubberError(error) && error.code.startsWith("SCRUBBER_REGISTRY_")) throw error;
  // Only a ScrubberError's words are known to be free of secrets.
  const why = isScrubberError(error) ? error.message : "in a way of its own";
  throw new ScrubberError("SCRUBBER_REGISTRY_UNAVAILABLE", `the registry failed: ${why}`, {
    hint: "Nothing is deleted until it answers.",
    cause: error,
  });
}
