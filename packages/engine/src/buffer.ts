import type { RoutedItem } from "./item.ts";

/** What waits in one lane, and how it is cut into batches. */
export class LaneBuffer {
  /** Batches cut already: the halves of a rejected one. They stay apart. */
  readonly #cut: RoutedItem[][] = [];
  /** To be tried again, before the others. */
  #again: RoutedItem[] = [];
  #ready: RoutedItem[] = [];
  #head = 0;

  add(item: RoutedItem): void {
    this.#ready.push(item);
  }

  /** These go first, mixed with whatever else there is. */
  addAgain(items: readonly RoutedItem[]): void {
    for (const item of items) this.#again.push(item);
  }

  /** This goes first, and alone. */
  addBatch(batch: RoutedItem[]): void {
    this.#cut.push(batch);
  }

  get empty(): boolean {
    return this.#cut.length === 0 && this.#again.length === 0 && this.#head >= this.#ready.length;
  }

  /** Whether the next batch would have `most` entries or all that it ever will. */
  hasWhole(most: number): boolean {
    return this.#cut.length > 0 || this.#again.length + this.#ready.length - this.#head >= most;
  }

  /** The next batch: at most `most` different keys. Entries of a key that is in it already go with it, as twins. */
  take(most: number): RoutedItem[] {
    const cut = this.#cut.pop();
    if (cut !== undefined) {
      if (cut.length <= most) return cut;
      this.#cut.push(cut.slice(most));
      return cut.slice(0, most);
    }
    const batch: RoutedItem[] = [];
    const byKey = new Map<string, RoutedItem>();
    const place = (item: RoutedItem): void => {
      const first = byKey.get(item.target.key);
      if (first === undefined) {
        byKey.set(item.target.key, item);
        batch.push(item);
      } else (first.twins ??= []).push(item);
    };
    let again = 0;
    while (again < this.#again.length && batch.length < most) place(this.#again[again++]!);
    if (again > 0) this.#again = this.#again.slice(again);
    while (this.#head < this.#ready.length && batch.length < most) place(this.#ready[this.#head++]!);
    if (this.#head === this.#ready.length) {
      this.#ready = [];
      this.#head = 0;
    } else if (2 * this.#head > this.#ready.length) {
      // What is taken is not to be kept in memory.
      this.#ready = this.#ready.slice(this.#head);
      this.#head = 0;
    }
    return batch;
  }

  /** Takes out everything. */
  clear(): RoutedItem[] {
    const all = [...flatten(this.#cut.flat()), ...this.#again, ...this.#ready.slice(this.#head)];
    this.#cut.length = 0;
    this.#again = [];
    this.#ready = [];
    this.#head = 0;
    return all;
  }
}

/** The entries of a batch one by one: twins stand for themselves again. */
export function flatten(batch: readonly RoutedItem[]): RoutedItem[] {
  const all: RoutedItem[] = [];
  for (const item of batch) {
    all.push(item);
    if (item.twins === undefined) continue;
    all.push(...item.twins);
    item.twins = undefined;
  }
  return all;
}

/** The entries of a batch with their twins, to be looked at. */
export function withTwins(batch: readonly RoutedItem[]): readonly RoutedItem[] {
  return batch.some(({ twins }) => twins !== undefined)
    ? batch.flatMap((item) => (item.twins === undefined ? [item] : [item, ...item.twins]))
    : batch;
}

/** One batch of distinct keys again. */
export function regroup(items: readonly RoutedItem[]): RoutedItem[] {
  const buffer = new LaneBuffer();
  for (const item of items) buffer.add(item);
  return buffer.take(Number.POSITIVE_INFINITY);
}
