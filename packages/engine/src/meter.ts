const SECONDS = 60;

/** How many locations a second were settled, over the last minute in which there was work. */
export class Meter {
  readonly #counts: number[] = [];
  #second = -1;

  /** `now`: milliseconds, monotonic. */
  add(count: number, now: number): void {
    const second = Math.floor(now / 1000);
    if (second !== this.#second) {
      this.#second = second;
      this.#counts.push(0);
      if (this.#counts.length > SECONDS) this.#counts.shift();
    }
    this.#counts[this.#counts.length - 1]! += count;
  }

  /** How many seconds it has seen work in, up to a minute. */
  get seconds(): number {
    return this.#counts.length;
  }

  get perSecond(): number {
    if (this.#counts.length === 0) return 0;
    let sum = 0;
    for (const count of this.#counts) sum += count;
    return sum / this.#counts.length;
  }
}
