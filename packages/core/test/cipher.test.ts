import { createCipheriv } from "node:crypto";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { createCipher } from "../src/index.ts";
import { SEALED_BY_GLANCE } from "./fixtures/sealed-by-glance.ts";

// Always the same cases, so that a red run means a change; PROPERTY_SEED tries others.
fc.configureGlobal({ seed: Number(process.env["PROPERTY_SEED"] ?? 1) });

const KEY = "0123456789abcdef";
const OTHER = "fedcba9876543210";
const URI = "file:///var/lib/glance/images/a";
const anything = (): boolean => true;
const cannotOpen = expect.objectContaining({ code: "SCRUBBER_CANNOT_OPEN" });

describe("the cipher and Glance", () => {
  test.each(SEALED_BY_GLANCE)("opens what Glance sealed in blocks of $blockSize: $text", ({ key, text, sealed }) => {
    expect(createCipher([key], anything).open(sealed)).toBe(text);
  });

  test.each(SEALED_BY_GLANCE)("seals to the length that Glance does: $text", ({ key, blockSize, text, sealed }) => {
    expect(createCipher([key]).seal(text, blockSize)).toHaveLength(sealed.length);
  });

  test.each(SEALED_BY_GLANCE.map(({ sealed }) => sealed))(
    "opens nothing that Glance sealed under another key: %s",
    (sealed) => {
      expect(() => createCipher([OTHER]).open(sealed)).toThrow(cannotOpen);
    },
  );
});

describe("the cipher", () => {
  test("opens what it sealed, whatever the text, key and block size", () => {
    const key = fc.constantFrom("k".repeat(16), "ü".repeat(12), "k".repeat(32));
    fc.assert(
      fc.property(
        key,
        fc.string({ unit: "binary" }),
        fc.constantFrom(16 as const, 64 as const),
        (secret, text, size) => {
          // NUL ends the text in Glance's padding only where it is the last one, so any text survives.
          const cipher = createCipher([secret], anything);
          const sealed = cipher.seal(text, size);
          expect(sealed).toMatch(/^[A-Za-z0-9_-]+={0,2}$/);
          expect(sealed.length % 4).toBe(0);
          expect(cipher.open(sealed)).toBe(text);
        },
      ),
    );
  });

  test("pads with one zero byte and others that are not zero, to a multiple of the block size", () => {
    // Sealed with an unpadded reader in mind: what is opened never ends in padding, at every length around a block.
    for (let length = 0; length <= 130; length++) {
      const text = "x".repeat(length);
      for (const blockSize of [16, 64] as const) {
        const sealed = createCipher([KEY]).seal(text, blockSize);
        const bytes = Buffer.from(sealed, "base64url").length - 16;
        expect(bytes).toBe((Math.floor(length / blockSize) + 1) * blockSize);
        expect(createCipher([KEY], anything).open(sealed)).toBe(text);
      }
    }
  });

  test("pads to blocks of 16 where none is named", () => {
    expect(Buffer.from(createCipher([KEY]).seal("x".repeat(16)), "base64url")).toHaveLength(16 + 32);
  });

  test("never seals the same text to the same value", () => {
    const cipher = createCipher([KEY]);
    expect(new Set(Array.from({ length: 20 }, () => cipher.seal(URI))).size).toBe(20);
  });

  test("a wrong key is an error, and never garbage or a shortened text", () => {
    const wrong = createCipher([OTHER]);
    for (let i = 0; i < 1000; i++) {
      expect(() => wrong.open(createCipher([KEY]).seal(`${URI}${i}`))).toThrow(cannotOpen);
    }
  });

  test("what opens to no URI is an error: with a wrong key, random bytes may pass for a text", () => {
    for (const text of ["", "no uri", "ab:c", "x:short but no uri"]) {
      expect(() => createCipher([KEY]).open(createCipher([KEY]).seal(text))).toThrow(cannotOpen);
    }
    for (const text of ["a:/", "file:/a", "s3://b/k", `urn:${"x".repeat(28)}`, "file:///a\nb"]) {
      expect(createCipher([KEY]).open(createCipher([KEY]).seal(text))).toBe(text);
    }
  });

  test("what is padded by more than a block is an error", () => {
    const padded = (bytes: number): string => `file:///a\0`.padEnd(bytes, "x");
    expect(createCipher([KEY]).open(sealedByHand(padded(16)))).toBe("file:///a");
    expect(createCipher([KEY]).open(sealedByHand(padded(64)))).toBe("file:///a");
    for (const bytes of [32, 48, 80, 128]) {
      expect(() => createCipher([KEY]).open(sealedByHand(padded(bytes)))).toThrow(cannotOpen);
    }
  });

  test("what opens to bytes that are no UTF-8 is an error", () => {
    const plain = Buffer.concat([Buffer.from("file:///"), Buffer.from([0xff, 0xc3]), Buffer.from("\0xxxxx")]);
    expect(() => createCipher([KEY]).open(sealedByHand(plain))).toThrow(cannotOpen);
  });

  test("what is no sealed text, or is damaged, is an error", () => {
    const cipher = createCipher([KEY]);
    const sealed = cipher.seal(URI);
    const damaged = ["", URI, "AAAA", sealed.slice(0, -4), sealed.slice(4), `${sealed}\n`, `x${sealed}`];
    for (const text of damaged) expect(() => cipher.open(text)).toThrow(cannotOpen);
  });

  test("when keys are rotated, the first seals and all open", () => {
    const old = createCipher([OTHER]).seal(URI);
    const rotated = createCipher([KEY, OTHER]);
    expect(rotated.open(old)).toBe(URI);
    expect(rotated.open(rotated.seal(URI))).toBe(URI);
    expect(createCipher([KEY]).open(rotated.seal(URI))).toBe(URI);
    expect(() => createCipher([OTHER]).open(rotated.seal(URI))).toThrow(cannotOpen);
  });

  test("a key of another length is refused without being shown", () => {
    for (const key of ["", "short", "k".repeat(17), "ü".repeat(16 - 1), "k".repeat(33)]) {
      expect(() => createCipher([KEY, key])).toThrow(
        expect.objectContaining({
          code: "SCRUBBER_KEY_INVALID",
          message: expect.stringMatching(/^encryption key 2 has \d+ bytes$/),
        }),
      );
    }
    expect(() => createCipher([])).toThrow(TypeError);
  });

  test("an error of opening shows neither key nor text", () => {
    const sealed = createCipher([OTHER]).seal("s3://access:secret@host/b/k");
    const error = fails(() => createCipher([KEY]).open(sealed));
    expect(`${error.message} ${String(Reflect.get(error, "hint"))}`).not.toMatch(new RegExp(`${KEY}|secret|${sealed}`));
  });
});

function fails(call: () => unknown): Error {
  try {
    call();
  } catch (error) {
    if (error instanceof Error) return error;
  }
  throw new TypeError("it did not fail");
}

function sealedByHand(plain: string | Buffer): string {
  const iv = Buffer.alloc(16, 7);
  const aes = createCipheriv("aes-128-cbc", KEY, iv).setAutoPadding(false);
  return Buffer.concat([iv, aes.update(plain), aes.final()]).toString("base64url");
}
