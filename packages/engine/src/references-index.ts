import { randomInt } from "node:crypto";
import type { LocationRef } from "@scrubber/core";

const SHARDS = 256;
const FIRST_CAPACITY = 16;
const MOST_FULL = 0.8;
const GROWTH = 1.3;
const SAME_HASH = 16;

/** Hashes to (low, high) with open addressing. Small, so that growing one neither takes long nor needs much. The three are views of one buffer. */
interface Shard {
  low: Uint32Array<ArrayBuffer>;
  high: Uint32Array<ArrayBuffer>;
  /** NaN where a slot is free. */
  refs: Float64Array<ArrayBuffer>;
  used: number;
}

/**
 * Which rows of the registry have which key: 16 bytes each, 20 to 26 with the free slots. Keys are kept as 64-bit hashes under a seed of its own, so what is found
 * are candidates, never proofs; what is not found is not there.
 */
export class LocationIndex {
  #size = 0;
  readonly #shards: Shard[] = Array.from({ length: SHARDS }, () => shardOf(FIRST_CAPACITY));
  /** The refs of keys that very many rows share, which would make the search for a free slot long. */
  readonly #crowded = new Map<number, LocationRef[]>();
  readonly #seed = randomInt(2 ** 32);
  #low = 0;
  #high = 0;

  get size(): number {
    return this.#size;
  }

  add(place: string, key: string, ref: LocationRef): void {
    this.#hash(place, key);
    const shard = this.#shard();
    if (shard.used >= shard.refs.length * MOST_FULL) grow(shard);
    let same = 0;
    let slot = slotOf(this.#low, shard.refs.length);
    for (; !Number.isNaN(shard.refs[slot]); slot = slot + 1 === shard.refs.length ? 0 : slot + 1) {
      if (shard.low[slot] !== this.#low || shard.high[slot] !== this.#high) continue;
      if (shard.refs[slot] === ref) return;
      if (++same === SAME_HASH) {
        this.#addCrowded(ref);
        return;
      }
    }
    shard.low[slot] = this.#low;
    shard.high[slot] = this.#high;
    shard.refs[slot] = ref;
    shard.used++;
    this.#size++;
  }

  /** Every row that may have this key. */
  find(place: string, key: string): readonly LocationRef[] {
    this.#hash(place, key);
    const shard = this.#shard();
    const found: LocationRef[] = [];
    for (let slot = slotOf(this.#low, shard.refs.length); ; slot = slot + 1 === shard.refs.length ? 0 : slot + 1) {
      const ref = shard.refs[slot];
      if (ref === undefined || Number.isNaN(ref)) break;
      if (shard.low[slot] === this.#low && shard.high[slot] === this.#high) found.push(ref);
    }
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
    return this.#shards[this.#high & (SHARDS - 1)]!;
  }

  #crowd(): number {
    return (this.#high >>> 11) * 2 ** 32 + this.#low;
  }

  /** Two multiplicative hashes of 32 bits, side by side, well mixed at the end. */
  #hash(place: string, key: string): void {
    let a = this.#seed ^ 0xdeadbeef;
    let b = this.#seed ^ 0x41c6ce57;
    for (let i = 0; i < place.length; i++) {
      const c = place.charCodeAt(i);
      a = Math.imul(a ^ c, 2_654_435_761);
      b = Math.imul(b ^ c, 1_597_334_677);
    }
    a = Math.imul(a ^ 0x10000, 2_654_435_761);
    b = Math.imul(b ^ 0x10000, 1_597_334_677);
    for (let i = 0; i < key.length; i++) {
      const c = key.charCodeAt(i);
      a = Math.imul(a ^ c, 2_654_435_761);
      b = Math.imul(b ^ c, 1_597_334_677);
    }
    const x = Math.imul(a ^ (a >>> 16), 2_246_822_507) ^ Math.imul(b ^ (b >>> 13), 3_266_489_909);
    const y = Math.imul(b ^ (b >>> 16), 2_246_822_507) ^ Math.imul(x ^ (x >>> 13), 3_266_489_909);
    this.#low = x >>> 0;
    this.#high = y >>> 0;
  }
}

function shardOf(capacity: number): Shard {
  const buffer = new ArrayBuffer(16 * capacity);
  return {
    low: new Uint32Array(buffer, 8 * capacity, capacity),
    high: new Uint32Array(buffer, 12 * capacity, capacity),
    refs: new Float64Array(buffer, 0, capacity).fill(Number.NaN),
    used: 0,
  };
}

function slotOf(low: number, capacity: number): number {
  return Math.floor((low * capacity) / 2 ** 32);
}

function grow(shard: Shard): void {
  const { low, high, refs } = shard;
  const capacity = Math.ceil(refs.length * GROWTH);
  Object.assign(shard, { ...shardOf(capacity), used: shard.used });
  for (let from = 0; from < refs.length; from++) {
    const ref = refs[from] ?? Number.NaN;
    if (Number.isNaN(ref)) continue;
    let slot = slotOf(low[from] ?? 0, capacity);
    while (!Number.isNaN(shard.refs[slot])) slot = slot + 1 === capacity ? 0 : slot + 1;
    shard.low[slot] = low[from] ?? 0;
    shard.high[slot] = high[from] ?? 0;
    shard.refs[slot] = ref;
  }
  // Given back at once: left to the garbage collector, what was outgrown would come to more than what is in use.
  refs.buffer.transfer(0);
}
