import { randomInt } from "node:crypto";
import type { LocationRef } from "@scrubber/core";

const SHARDS = 256;
const FIRST_CAPACITY = 16;
const MOST_FULL = 0.75;
const GROWTH = 1.3;
const SAME_HASH = 16;
const FIRST_KEY_BYTES = 1024;

/** Hashes to (low, high) with open addressing. Small, so that growing one neither takes long nor needs much. The three are views of one buffer. */
interface Shard {
  /** A slot is free where both halves of its hash are 0. */
  low: Int32Array<ArrayBuffer>;
  high: Int32Array<ArrayBuffer>;
  refs: Float64Array<ArrayBuffer>;
  used: number;
}

const NONE: readonly LocationRef[] = [];

/**
 * Which rows of the registry have which key: 16 bytes each, 21 to 28 with the free slots. Keys are kept as 64-bit hashes under a seed of its own, so what is found
 * are candidates, never proofs; what is not found is not there.
 */
export class LocationIndex {
  #size = 0;
  readonly #shards: Shard[] = Array.from({ length: SHARDS }, () => shardOf(FIRST_CAPACITY));
  /** The refs of keys that very many rows share, which would make the search for a free slot long. */
  readonly #crowded = new Map<number, LocationRef[]>();
  readonly #hash = new KeyHash();

  get size(): number {
    return this.#size;
  }

  add(place: string, key: string, ref: LocationRef): void {
    this.#hash.of(place, key);
    const { low, high } = this.#hash;
    const shard = this.#shard();
    if (shard.used >= shard.refs.length * MOST_FULL) grow(shard);
    let same = 0;
    let slot = slotOf(low, shard.low.length);
    for (; !isFree(shard, slot); slot = slot + 1 === shard.low.length ? 0 : slot + 1) {
      if (shard.low[slot] !== low || shard.high[slot] !== high) continue;
      if (shard.refs[slot] === ref) return;
      if (++same === SAME_HASH) {
        this.#addCrowded(ref);
        return;
      }
    }
    shard.low[slot] = low;
    shard.high[slot] = high;
    shard.refs[slot] = ref;
    shard.used++;
    this.#size++;
  }

  /** Every row that may have this key. */
  find(place: string, key: string): readonly LocationRef[] {
    this.#hash.of(place, key);
    const { low, high } = this.#hash;
    const shard = this.#shard();
    let found: LocationRef[] | undefined;
    for (
      let slot = slotOf(low, shard.low.length);
      !isFree(shard, slot);
      slot = slot + 1 === shard.low.length ? 0 : slot + 1
    ) {
      if (shard.low[slot] !== low || shard.high[slot] !== high) continue;
      const ref = shard.refs[slot] ?? 0;
      // Mostly it is one, and an array that grows has room for seventeen.
      if (found === undefined) found = [ref];
      else found.push(ref);
    }
    if (found === undefined) return NONE;
    return found.length < SAME_HASH ? found : found.concat(this.#crowded.get(this.#crowd()) ?? []);
  }

  #addCrowded(ref: LocationRef): void {
    const crowd = this.#crowded.get(this.#crowd());
    if (crowd === undefined) this.#crowded.set(this.#crowd(), [ref]);
    else if (crowd.at(-1) !== ref) crowd.push(ref);
    else return;
    this.#size++;
  }

  #shard(): Shard {
    // oxlint-disable-next-line no-non-null-assertion -- there are as many shards as values
    return this.#shards[this.#hash.high & (SHARDS - 1)]!;
  }

  #crowd(): number {
    return (this.#hash.high >>> 11) * 2 ** 32 + (this.#hash.low >>> 0);
  }
}

/** Two multiplicative hashes of 32 bits, side by side, over the UTF-8 of a key four bytes at a time, well mixed at the end. Never 0 both. */
class KeyHash {
  low = 0;
  high = 0;
  readonly #seed = randomInt(2 ** 32);
  #bytes = Buffer.alloc(FIRST_KEY_BYTES);
  #words = wordsOf(this.#bytes);
  /** One place follows itself mostly: where its hash left off. */
  #place: string | undefined;
  #a = 0;
  #b = 0;

  of(place: string, key: string): void {
    if (place !== this.#place) {
      this.#a = this.#seed ^ 0xdeadbeef;
      this.#b = this.#seed ^ 0x41c6ce57;
      this.#take(place);
      this.#place = place;
    }
    const a = this.#a;
    const b = this.#b;
    this.#take(key);
    const x = Math.imul(this.#a ^ (this.#a >>> 16), 0x85ebca6b) ^ Math.imul(this.#b ^ (this.#b >>> 13), 0xc2b2ae35);
    const y = Math.imul(this.#b ^ (this.#b >>> 16), 0x85ebca6b) ^ Math.imul(x ^ (x >>> 13), 0xc2b2ae35);
    this.#a = a;
    this.#b = b;
    this.low = (x | y) === 0 ? 1 : x;
    this.high = y;
  }

  #take(text: string): void {
    if (this.#bytes.length < 3 * text.length + 4) {
      this.#bytes = Buffer.alloc(4 * text.length + 4);
      this.#words = wordsOf(this.#bytes);
    }
    const length = this.#bytes.write(text);
    const words = (length + 4) >> 2;
    // Something follows the text, so that one that ends with zeros is another one.
    this.#bytes[length] = 0xff;
    for (let at = length + 1; at < 4 * words; at++) this.#bytes[at] = 0;
    let a = this.#a;
    let b = this.#b;
    for (let at = 0; at < words; at++) {
      const word = this.#words[at] ?? 0;
      a = Math.imul(a ^ word, 0x9e3779b1);
      b = Math.imul(b ^ word, 0x5f356495);
      // Multiplying carries upwards only: so the upper bits come to count for the others.
      a ^= a >>> 15;
      b ^= b >>> 13;
    }
    this.#a = a;
    this.#b = b;
  }
}

function wordsOf(bytes: Buffer<ArrayBuffer>): Int32Array<ArrayBuffer> {
  return new Int32Array(bytes.buffer, bytes.byteOffset, bytes.length >> 2);
}

function shardOf(capacity: number): Shard {
  const buffer = new ArrayBuffer(16 * capacity);
  return {
    low: new Int32Array(buffer, 8 * capacity, capacity),
    high: new Int32Array(buffer, 12 * capacity, capacity),
    refs: new Float64Array(buffer, 0, capacity),
    used: 0,
  };
}

function isFree({ low, high }: Shard, slot: number): boolean {
  return low[slot] === 0 && high[slot] === 0;
}

function slotOf(low: number, capacity: number): number {
  return (low >>> 1) % capacity;
}

function grow(shard: Shard): void {
  const { low, high, refs } = shard;
  const capacity = Math.ceil(refs.length * GROWTH);
  Object.assign(shard, { ...shardOf(capacity), used: shard.used });
  for (let from = 0; from < refs.length; from++) {
    const lowHalf = low[from] ?? 0;
    const highHalf = high[from] ?? 0;
    if (lowHalf === 0 && highHalf === 0) continue;
    let slot = slotOf(lowHalf, capacity);
    while (!isFree(shard, slot)) slot = slot + 1 === capacity ? 0 : slot + 1;
    shard.low[slot] = lowHalf;
    shard.high[slot] = highHalf;
    shard.refs[slot] = refs[from] ?? 0;
  }
  // Given back at once: left to the garbage collector, what was outgrown would come to more than what is in use.
  refs.buffer.transfer(0);
}
