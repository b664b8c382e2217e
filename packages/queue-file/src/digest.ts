import { hash, randomBytes } from "node:crypto";
import { isScrubberError, ScrubberError, storeIdOf, type Cipher, type Location } from "@scrubber/core";
import type { Database } from "./database.ts";

/** Bytes of a digest that say which image; the rest says which location of it. */
const IMAGE_BYTES = 6;
const LOCATION_BYTES = 10;

/**
 * Tells entries apart without keeping what they are in the clear: a digest of image, URI and store, under a secret of this queue.
 * The keys of `encryption.keys` may change; the secret, and so the digests, stay.
 */
export class Digester {
  readonly #secret: string;
  #lastImage: { readonly id: string; readonly digest: Buffer } | undefined;

  constructor(secret: string) {
    this.#secret = secret;
  }

  /** 16 bytes, of which the first 6 are those of {@link ofImage}. */
  ofEntry(imageId: string, location: Location): Buffer {
    const what = JSON.stringify([imageId, location.uri, storeIdOf(location) ?? null]);
    return Buffer.concat([this.ofImage(imageId), this.#hash(what, LOCATION_BYTES)]);
  }

  /** What the digests of all entries of an image start with. Another image's may start so too: compare the image id. */
  ofImage(imageId: string): Buffer {
    if (this.#lastImage?.id !== imageId) this.#lastImage = { id: imageId, digest: this.#hash(imageId, IMAGE_BYTES) };
    return this.#lastImage.digest;
  }

  /** A digest that no entry has: for what cannot be told apart. */
  random(imageId: string): Buffer {
    return Buffer.concat([this.ofImage(imageId), randomBytes(LOCATION_BYTES)]);
  }

  // A secret in front is enough of a key here: only a part of each hash is kept, so none can be continued.
  #hash(text: string, bytes: number): Buffer {
    return hash("sha256", this.#secret + text, "buffer").subarray(0, bytes);
  }
}

/** Sealed values start like a URI, so that a wrong key is told from a right one. */
const PREFIX = "scrubber-queue:";

/**
 * Opens the secret of a queue, or makes one. With a cipher it is sealed under its first key from then on.
 *
 * @throws {ScrubberError} `SCRUBBER_QUEUE_KEY`: it is sealed, and the cipher does not open it, or there is none.
 */
export function openSecret(database: Database, cipher: Cipher | undefined): Promise<string> {
  const select = database.prepare<readonly [string]>("SELECT value FROM secret");
  return database.write(() => {
    const stored = select.get()?.[0];
    const secret =
      stored === undefined ? PREFIX + randomBytes(32).toString("base64url") : unseal(stored, cipher, database);
    const kept = cipher === undefined ? secret : cipher.seal(secret);
    // A cipher does not say which of its keys has opened a value: so it is sealed anew, lest an old key could never be given up.
    if (stored === undefined) database.prepare("INSERT INTO secret VALUES (?)").run(kept);
    else if (cipher !== undefined) database.prepare("UPDATE secret SET value = ?").run(kept);
    return secret;
  });
}

function unseal(stored: string, cipher: Cipher | undefined, database: Database): string {
  if (stored.startsWith(PREFIX)) return stored;
  try {
    const opened = cipher?.open(stored);
    if (opened?.startsWith(PREFIX)) return opened;
  } catch (error) {
    if (!isScrubberError(error, "SCRUBBER_CANNOT_OPEN")) throw error;
  }
  throw new ScrubberError(
    "SCRUBBER_QUEUE_KEY",
    cipher === undefined
      ? `the queue in ${database.directory} is encrypted, and no key is configured`
      : `none of the configured keys opens the queue in ${database.directory}`,
    {
      hint: "Nothing was changed. Put the key that it was used with last into encryption.keys; the first key seals, all of them open.",
    },
  );
}
