import { hash, randomBytes } from "node:crypto";
import { isScrubberError, ScrubberError, storeIdOf, type Cipher, type Location } from "@scrubber/core";
import type { Database } from "./database.ts";

/** Bytes of a digest, and how many of them say which image; the rest says which location of it. */
const DIGEST_BYTES = 16;
const IMAGE_BYTES = 6;

/**
 * Tells entries apart without keeping what they are in the clear: a digest of image, URI and store, under a secret of this queue.
 * The keys of `encryption.keys` may change; the secret, and so the digests, stay.
 */
export class Digester {
  readonly #secret: string;
  readonly #seeds: readonly [number, number];

  constructor(secret: string) {
    this.#secret = secret;
    const seeds = hash("sha256", `${secret}image`, "buffer");
    this.#seeds = [seeds.readInt32BE(0), seeds.readInt32BE(4)];
  }

  /** 16 bytes, of which the first 6 are those of {@link ofImage}. */
  ofEntry(imageId: string, location: Location): Buffer {
    const { uri } = location;
    const store = storeIdOf(location);
    // Lengths keep the parts apart. A secret in front is enough of a key: only a part of each hash is kept, so none can be continued.
    const what = `${imageId.length} ${uri.length} ${store === undefined ? "-" : "+"}${imageId}${uri}${store ?? ""}`;
    const digest = Buffer.allocUnsafe(DIGEST_BYTES);
    // As text and then into a small buffer, which takes what it has room for: to have a buffer made for each hash costs three times as much.
    digest.write(hash("sha256", this.#secret + what, "binary"), "latin1");
    this.#writeImage(digest, imageId);
    return digest;
  }

  /** What the digests of all entries of an image start with. Another image's may start so too: compare the image id. */
  ofImage(imageId: string): Buffer {
    const prefix = Buffer.allocUnsafe(IMAGE_BYTES);
    this.#writeImage(prefix, imageId);
    return prefix;
  }

  /** An image id is no secret, and is compared besides: a quick hash will do, keyed so that nobody can choose ids that meet. */
  #writeImage(into: Buffer, imageId: string): void {
    let a = this.#seeds[0];
    let b = this.#seeds[1];
    for (let i = 0; i < imageId.length; i++) {
      const unit = imageId.charCodeAt(i);
      a = Math.imul(a ^ unit, 0x85_eb_ca_6b);
      b = Math.imul(b ^ unit, 0xc2_b2_ae_35);
      a ^= b >>> 15;
      b ^= a >>> 13;
    }
    a = Math.imul(a ^ (a >>> 16), 0x7f_eb_35_2d) ^ b;
    b = Math.imul(b ^ (b >>> 15), 0x84_6c_a6_8b) ^ a;
    // Byte by byte: the methods of a Buffer check where they write, which is a good part of the whole digest.
    into[0] = a >>> 24;
    into[1] = a >>> 16;
    into[2] = a >>> 8;
    into[3] = a;
    const short = b ^ (b >>> 16);
    into[4] = short >>> 8;
    into[5] = short;
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
