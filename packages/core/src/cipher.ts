import { createCipheriv, createDecipheriv, randomBytes, randomFillSync } from "node:crypto";
import { ScrubberError } from "./errors.ts";

/** Seals text at rest, as OpenStack Glance does. Not authenticated: whoever opens must check that the text is what it should be. */
export interface Cipher {
  /** Seals under the first key. `blockSize` is what the plaintext is padded to: 16 (today's Glance databases, the default) or 64 (2014's queue files and registry). */
  seal(text: string, blockSize?: 16 | 64): string;
  /**
   * Opens under whichever key fits.
   * @throws {ScrubberError} `SCRUBBER_CANNOT_OPEN`: it is no sealed text, or none of the keys is right. Never garbage, never a shortened string.
   */
  open(sealed: string): string;
}

const IV = 16;
/** What texts are padded to; a text that was padded to the longer one has a multiple of it. */
const BLOCK = 16;
const LONG_BLOCK = 64;
const SEALED = /^[A-Za-z0-9_-]+={0,2}$/;

/**
 * Makes a cipher of one or more keys: the first seals, all open.
 *
 * AES-CBC; a key is 16, 24 or 32 bytes of UTF-8. Sealed text is URL-safe base64, padded, of the initialisation vector and the ciphertext. The plaintext is
 * followed by one zero byte and random bytes that are not zero, up to the block size. (OpenStack Glance, glance/common/crypt.py.)
 *
 * @param accepts Tells whether an opened text is what was sealed: with a wrong key, random bytes pass for a short text once in
 * a thousand. Default: it starts with a URI scheme, and a slash after it if it is shorter than 32 characters; then once in some ten million.
 * @throws {ScrubberError} `SCRUBBER_KEY_INVALID` for a key of another length.
 */
export function createCipher(keys: readonly string[], accepts: (text: string) => boolean = looksLikeUri): Cipher {
  const secrets = keys.map(keyBytes);
  const [first] = secrets;
  if (first === undefined) throw new TypeError("createCipher needs at least one key");
  return {
    seal: (text, blockSize = 16) => seal(first, text, blockSize),
    open(sealed) {
      const bytes = SEALED.test(sealed) ? Buffer.from(sealed, "base64url") : Buffer.alloc(0);
      if (bytes.length >= 2 * IV && bytes.length % IV === 0) {
        for (const secret of secrets) {
          const text = open(secret, bytes);
          if (text !== undefined && accepts(text)) return text;
        }
      }
      throw new ScrubberError(
        "SCRUBBER_CANNOT_OPEN",
        "a sealed value cannot be opened: it is damaged, or was sealed under a key that is not configured",
        {
          hint: "Add the key that it was sealed under to encryption.keys; the first key seals, all of them open.",
        },
      );
    },
  };
}

function looksLikeUri(text: string): boolean {
  const start = /^[A-Za-z][A-Za-z0-9+.-]*:\/?/.exec(text)?.[0];
  return start !== undefined && (start.endsWith("/") || text.length >= 32);
}

function keyBytes(key: string, index: number): Buffer {
  const bytes = Buffer.from(key, "utf8");
  if (![16, 24, 32].includes(bytes.length)) {
    throw new ScrubberError("SCRUBBER_KEY_INVALID", `encryption key ${index + 1} has ${bytes.length} bytes`, {
      hint: "A key is a text of 16, 24 or 32 bytes (AES-128, AES-192, AES-256). Make one: openssl rand -hex 16.",
    });
  }
  return bytes;
}

function seal(secret: Buffer, text: string, blockSize: number): string {
  const plain = Buffer.from(text, "utf8");
  const padding = Buffer.alloc(blockSize - (plain.length % blockSize));
  if (padding.length > 1) fillWithoutZero(padding.subarray(1));
  const iv = randomBytes(IV);
  const cipher = createCipheriv(`aes-${secret.length * 8}-cbc`, secret, iv).setAutoPadding(false);
  const sealed = Buffer.concat([iv, cipher.update(Buffer.concat([plain, padding])), cipher.final()]).toString(
    "base64url",
  );
  return sealed.padEnd(Math.ceil(sealed.length / 4) * 4, "=");
}

function fillWithoutZero(bytes: Uint8Array): void {
  randomFillSync(bytes);
  for (let i = 0; i < bytes.length; i++) {
    while (bytes[i] === 0) randomFillSync(bytes, i, 1);
  }
}

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

function open(secret: Buffer, bytes: Buffer): string | undefined {
  const decipher = createDecipheriv(`aes-${secret.length * 8}-cbc`, secret, bytes.subarray(0, IV)).setAutoPadding(
    false,
  );
  const plain = Buffer.concat([decipher.update(bytes.subarray(IV)), decipher.final()]);
  const end = plain.lastIndexOf(0);
  if (end < 0 || plain.length - end > (plain.length % LONG_BLOCK === 0 ? LONG_BLOCK : BLOCK)) return undefined;
  try {
    return utf8.decode(plain.subarray(0, end));
  } catch {
    return undefined;
  }
}
