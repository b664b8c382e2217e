import type { Queue, Settlement } from "../queue.ts";
import type { QueueHarness, QueueUnderTest } from "./harness.ts";
import { entryKey, QueueModel, type Outcome } from "./queue-model-state.ts";
import { promise, same } from "./promise.ts";

/** The part of fast-check that the model needs, passed in: `import fc from "fast-check"`. */
export interface FastCheck<Numbers, Lists, Properties> {
  nat(max: number): Numbers;
  array(of: Numbers, constraints: { minLength: number; maxLength: number; size: "max" }): Lists;
  asyncProperty(of: Lists, predicate: (numbers: number[]) => Promise<void>): Properties;
  assert(property: Properties, parameters: { numRuns: number; includeErrorInReport: boolean; seed?: number }): unknown;
}

export interface ModelOptions {
  /** How many histories. Default 100. */
  readonly runs?: number;
  /** Most steps in one history. Default 60. */
  readonly steps?: number;
  /** To repeat a run; fast-check names it when it fails. */
  readonly seed?: number;
}

const MINUTE = 60_000;
const JUMPS = [1, 30_000, MINUTE, 5 * MINUTE, 60 * MINUTE, 24 * 60 * MINUTE];

/**
 * Holds a queue that takes and hands out entries against a model of the contract: random histories of two scrubbers that add, lease, settle, renew and
 * revive, while the clock jumps and, where the queue is durable, it is closed and opened again. After each step everything that can be seen is compared.
 *
 * Rejects with the shortest history found that the queue and the model disagree on.
 */
export async function queueModel<Numbers, Lists, Properties>(
  fastCheck: FastCheck<Numbers, Lists, Properties>,
  harness: QueueHarness,
  { runs = 100, steps = 60, seed }: ModelOptions = {},
): Promise<void> {
  const numbers = fastCheck.array(fastCheck.nat(0x7fff_ffff), { minLength: 1, maxLength: steps, size: "max" });
  const property = fastCheck.asyncProperty(numbers, async (history) => {
    const under = await harness.open({ delayMs: MINUTE });
    const play = new Play(under);
    try {
      for (const number of history) await play.step(new Dice(number));
    } finally {
      await play.close();
      await under[Symbol.asyncDispose]();
    }
  });
  await fastCheck.assert(property, {
    numRuns: runs,
    includeErrorInReport: true,
    ...(seed === undefined ? {} : { seed }),
  });
}

/** Takes one random number apart into small ones. */
class Dice {
  #left: number;

  constructor(number: number) {
    this.#left = number;
  }

  /** 0 to `sides` - 1. */
  roll(sides: number): number {
    const side = this.#left % sides;
    this.#left = Math.floor(this.#left / sides);
    return side;
  }
}

interface Held {
  readonly id: string;
  readonly token: string;
}

/** One history: the queue, the model, and what either scrubber holds or once held. */
class Play {
  readonly #under: QueueUnderTest;
  readonly #model: QueueModel = new QueueModel(MINUTE);
  readonly #held: readonly [Held[], Held[]] = [[], []];
  readonly #history: string[] = [];
  #first: Queue;
  #second: Queue | undefined;

  constructor(under: QueueUnderTest) {
    this.#under = under;
    this.#first = under.queue;
  }

  async step(dice: Dice): Promise<void> {
    const kind = dice.roll(12);
    if (kind <= 2) await this.#add(dice);
    else if (kind <= 4) await this.#lease(dice, undefined);
    else if (kind === 5) await this.#lease(dice, `image-${dice.roll(3)}`);
    else if (kind <= 7) await this.#settle(dice);
    else if (kind === 8) await this.#renew(dice);
    else if (kind === 9) await this.#revive(dice);
    else if (kind === 10) this.#jump(dice);
    else await this.#reopen();
    await this.#compare();
  }

  async close(): Promise<void> {
    await this.#second?.[Symbol.asyncDispose]();
  }

  get #now(): number {
    return this.#under.now().getTime();
  }

  /** The handle of scrubber 0 or 1. */
  async #scrubber(which: number): Promise<Queue> {
    const open = this.#under.second?.bind(this.#under);
    if (which === 0 || !this.#first.supports.shared || open === undefined) return this.#first;
    this.#second ??= await open();
    return this.#second;
  }

  #same(actual: unknown, expected: unknown, sentence: string): void {
    same(actual, expected, `${sentence}, after:\n${this.#history.map((line, i) => `  ${i + 1}. ${line}`).join("\n")}`);
  }

  async #add(dice: Dice): Promise<void> {
    const who = dice.roll(2);
    const entries = Array.from({ length: 1 + dice.roll(3) }, () => {
      const uri = `file:///kit/${dice.roll(3)}`;
      const requested = dice.roll(4);
      const due = dice.roll(6);
      return {
        imageId: `image-${dice.roll(3)}`,
        location: dice.roll(3) === 0 ? { uri, store: "fast" } : { uri },
        ...(requested === 0 ? {} : { requestedAt: new Date(this.#now - requested * MINUTE) }),
        ...(due === 0 ? {} : { dueAt: new Date(this.#now + (due - 3) * MINUTE) }),
      };
    });
    this.#history.push(`scrubber ${who} adds ${JSON.stringify(entries)}`);
    const results = await (await this.#scrubber(who)).add(entries);
    this.#same(
      results,
      entries.map((entry) => this.#model.add(entry, this.#now)),
      "add answers as the contract says",
    );
  }

  async #lease(dice: Dice, imageId: string | undefined): Promise<void> {
    const who = dice.roll(2);
    const limit = 1 + dice.roll(4);
    const leaseMs = dice.roll(2) === 0 ? MINUTE : 5 * MINUTE;
    const exceptLanes = new Set(dice.roll(3) === 0 ? ["x"] : []);
    this.#history.push(
      `scrubber ${who} leases ${limit} for ${leaseMs} ms, ${imageId ?? `except ${[...exceptLanes].join()}`}`,
    );
    const queue = await this.#scrubber(who);
    const leased = await queue.lease(
      imageId === undefined ? { limit, leaseMs, exceptLanes } : { limit, leaseMs, imageId },
    );
    const free = this.#model.leasable(this.#now, imageId, exceptLanes);
    this.#same(leased.length, Math.min(limit, free.length), "lease hands out what is to be had, up to limit");
    // Those due at the same time come in any order, so due times are compared, not entries.
    const dues = leased.map(({ dueAt }) => dueAt.getTime());
    this.#same(
      dues,
      free.slice(0, limit).map(({ dueAt }) => dueAt),
      "lease hands out the oldest due first",
    );
    for (const { id, token, ...seen } of leased) {
      const entry = seen.location === undefined ? undefined : this.#model.get(entryKey(seen.imageId, seen.location));
      promise(entry !== undefined && free.includes(entry), "lease hands out only what is to be had", seen);
      this.#same(
        [seen.requestedAt.getTime(), seen.attempts, seen.setAside],
        [entry.requestedAt, entry.attempts, entry.setAside],
        "a leased entry has its time of request, its attempts, and the error it was set aside with",
      );
      promise(!entry.tokens.has(token), "the token changes with every lease", { id, token });
      this.#model.lease(entry, { id, token, until: this.#now + leaseMs });
      this.#held[who === 0 ? 0 : 1].push({ id, token });
    }
  }

  async #settle(dice: Dice): Promise<void> {
    const who = dice.roll(2);
    const held = this.#held[who === 0 ? 0 : 1];
    if (held.length === 0) return;
    const settlements = Array.from({ length: 1 + dice.roll(4) }, (_, i): Settlement => {
      const ref = held[dice.roll(held.length)] ?? { id: "0", token: "0" };
      const pause = dice.roll(3);
      // A pause that ends before the due time is no pause; so it is not told apart here.
      const base = Math.max(this.#now, this.#model.dueAt(ref.id) ?? 0);
      const visibleAt = new Date(pause === 0 ? this.#now : base + pause * MINUTE);
      switch (dice.roll(5)) {
        case 0:
          return { ...ref, kind: "retry", visibleAt, error: `retry ${i}` };
        case 1:
          return { ...ref, kind: "release", visibleAt, lane: "x" };
        case 2:
          return { ...ref, kind: "release", visibleAt };
        case 3:
          return { ...ref, kind: "setAside", error: `error ${i}` };
        default:
          return { ...ref, kind: "done" };
      }
    });
    this.#history.push(`scrubber ${who} settles ${JSON.stringify(settlements)}`);
    const results = await (await this.#scrubber(who)).settle(settlements);
    this.#same(
      results,
      settlements.map((one) => this.#model.settle(one)),
      "settle answers as the contract says",
    );
  }

  async #renew(dice: Dice): Promise<void> {
    const who = dice.roll(2);
    const held = this.#held[who === 0 ? 0 : 1].slice(-1 - dice.roll(4));
    this.#history.push(`scrubber ${who} renews ${JSON.stringify(held)}`);
    const results = await (await this.#scrubber(who)).renew(held, 2 * MINUTE);
    const expected = held.map((ref) => this.#model.renew(ref, this.#now, this.#now + 2 * MINUTE));
    this.#same(results, expected, "renew answers as the contract says");
  }

  async #revive(dice: Dice): Promise<void> {
    const imageId = dice.roll(2) === 0 ? undefined : `image-${dice.roll(3)}`;
    const visibleAt = dice.roll(2) === 0 ? this.#now : this.#model.latestDue(this.#now) + MINUTE;
    this.#history.push(`somebody revives ${imageId ?? "all"}, visible at ${new Date(visibleAt).toISOString()}`);
    const revived = await this.#first.revive(imageId === undefined ? {} : { imageId }, new Date(visibleAt));
    this.#same(revived, this.#model.revive(imageId, visibleAt), "revive resolves with how many it brought back");
  }

  #jump(dice: Dice): void {
    const ms = JUMPS[dice.roll(JUMPS.length)] ?? 1;
    this.#history.push(`the clock jumps by ${ms} ms`);
    this.#under.advance(ms);
  }

  async #reopen(): Promise<void> {
    if (!this.#first.supports.durable || this.#under.reopen === undefined) return;
    this.#history.push("it is closed and opened again");
    await this.#second?.[Symbol.asyncDispose]();
    this.#second = undefined;
    this.#first = await this.#under.reopen();
  }

  /** Compares everything that can be seen. */
  async #compare(): Promise<void> {
    const now = this.#now;
    const seen: Outcome[] = [];
    let last = -Infinity;
    for await (const entry of this.#first.entries()) {
      promise(entry.dueAt.getTime() >= last, "a listing goes from the oldest due to the youngest", entry);
      last = entry.dueAt.getTime();
      seen.push({
        key: entry.location === undefined ? "unreadable" : entryKey(entry.imageId, entry.location),
        state: entry.state,
        dueAt: entry.dueAt.getTime(),
        requestedAt: entry.requestedAt.getTime(),
        attempts: entry.attempts,
        error: entry.state === "setAside" ? entry.error : undefined,
      });
    }
    const byKey = (a: Outcome, b: Outcome): number => (a.key < b.key ? -1 : 1);
    this.#same(
      seen.toSorted(byKey),
      this.#model.outcomes(now).toSorted(byKey),
      "a listing shows what the contract says",
    );
    const { quarantined: _, ...figures } = await this.#first.stats();
    this.#same(figures, this.#model.stats(now), "the figures are what the contract says");
    const images = ["image-0", "image-1", "image-2"];
    const there = images.filter((id) => seen.some(({ key }) => key.includes(id)));
    this.#same(await this.#first.hasImages(images), new Set(there), "hasImages tells the images that have an entry");
  }
}
