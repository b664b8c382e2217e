import type { LeasedEntry } from "@scrubber/core";
import type { Clock } from "./clock.ts";
import type { Item, Lease, WorkQueue } from "./item.ts";

const RENEWED_AT_ONCE = 1000;

/** Holds what is leased: each lease is renewed at half of its time, for as long as any of its entries is not settled. */
export class Leases {
  readonly #queue: WorkQueue;
  readonly #clock: Clock;
  readonly #leaseMs: number;
  readonly #failed: (error: unknown) => void;
  readonly #held = new Set<Lease>();
  #cancel: (() => void) | undefined;
  #open = 0;
  #stopped = false;

  /** `failed` hears when the queue does not renew. */
  constructor(queue: WorkQueue, clock: Clock, leaseMs: number, failed: (error: unknown) => void) {
    this.#queue = queue;
    this.#clock = clock;
    this.#leaseMs = leaseMs;
    this.#failed = failed;
  }

  /** How many leased entries are not settled yet. */
  get open(): number {
    return this.#open;
  }

  /** Takes what is due. The lease counts from before the call. */
  async take(
    limit: number,
    exceptLanes: ReadonlySet<string>,
  ): Promise<{ lease: Lease; entries: readonly LeasedEntry[] }> {
    const before = this.#clock.monotonic();
    const request = { limit, leaseMs: this.#leaseMs };
    const entries = await this.#queue.lease(exceptLanes.size === 0 ? request : { ...request, exceptLanes });
    const lease: Lease = {
      items: [],
      heldUntil: before + this.#leaseMs,
      renewAt: before + this.#leaseMs / 2,
      open: entries.length,
    };
    if (entries.length > 0) {
      this.#open += entries.length;
      this.#held.add(lease);
      this.#arm();
    }
    return { lease, entries };
  }

  /** These are settled, or given up. */
  close(items: readonly Item[]): void {
    for (const { lease } of items) {
      if (--lease.open === 0) this.#held.delete(lease);
    }
    this.#open -= items.length;
    if (this.#held.size === 0) this.#disarm();
  }

  /** What is still leased runs out by itself. */
  stop(): void {
    this.#stopped = true;
    this.#disarm();
    this.#held.clear();
  }

  #disarm(): void {
    this.#cancel?.();
    this.#cancel = undefined;
  }

  #arm(): void {
    if (this.#stopped || this.#cancel !== undefined || this.#held.size === 0) return;
    let next = Number.POSITIVE_INFINITY;
    for (const { renewAt } of this.#held) next = Math.min(next, renewAt);
    this.#cancel = this.#clock.after(Math.max(0, next - this.#clock.monotonic()), () => {
      this.#renewDue().then(
        () => {
          this.#cancel = undefined;
          this.#arm();
        },
        (error: unknown) => {
          this.#disarm();
          this.#failed(error);
        },
      );
    });
  }

  async #renewDue(): Promise<void> {
    const now = this.#clock.monotonic();
    for (const lease of this.#held) if (lease.renewAt <= now) await this.#renew(lease);
  }

  async #renew(lease: Lease): Promise<void> {
    const before = this.#clock.monotonic();
    const items = lease.items.filter((item) => !item.answered && !item.lost);
    for (let at = 0; at < items.length; at += RENEWED_AT_ONCE) {
      const page = items.slice(at, at + RENEWED_AT_ONCE);
      const kept = await this.#queue.renew(
        page.map(({ entry: { id, token } }) => ({ id, token })),
        this.#leaseMs,
      );
      for (const [index, item] of page.entries()) if (kept[index] !== true) item.lost = true;
    }
    lease.heldUntil = before + this.#leaseMs;
    lease.renewAt = before + this.#leaseMs / 2;
  }
}
