import type { LeasedEntry, LeaseRef, NewEntry, Queue, QueueEntry, QueueSupports } from "../../queue.ts";
import type { EntryFilter } from "../../queue.ts";
import type { Case } from "../case.ts";
import type { QueueUnderTest } from "../harness.ts";
import { required, same } from "../promise.ts";

export type QueueCase = Case<QueueUnderTest, keyof QueueSupports, { readonly delayMs?: number }>;

export const SECOND = 1000;
export const MINUTE: number = 60 * SECOND;
export const HOUR: number = 60 * MINUTE;

/** An entry of an image; its URI ends in `name`. */
export function entry(imageId: string, name: string = imageId, rest: Partial<NewEntry> = {}): NewEntry {
  return { imageId, location: { uri: `file:///kit/${name}` }, ...rest };
}

/** Puts entries in, by `add` or by another way where it is not supported. */
export async function put(under: QueueUnderTest, ...entries: readonly NewEntry[]): Promise<void> {
  if (under.queue.supports.add) {
    const results = await under.queue.add(entries);
    same(
      results,
      entries.map(() => "added"),
      "a new entry is answered with added",
    );
    return;
  }
  const seed = required(under.seed?.bind(under), "seed", "the queue does not support add");
  await seed(entries);
}

/** Leases up to `limit` for ten minutes. */
export function lease(queue: Queue, limit = 100): Promise<readonly LeasedEntry[]> {
  return queue.lease({ limit, leaseMs: 10 * MINUTE });
}

/** Leases one image's entries for ten minutes. */
export function leaseImage(queue: Queue, imageId: string): Promise<readonly LeasedEntry[]> {
  return queue.lease({ limit: 100, leaseMs: 10 * MINUTE, imageId });
}

export function refs(entries: readonly LeasedEntry[]): readonly LeaseRef[] {
  return entries.map(({ id, token }) => ({ id, token }));
}

/** As a list: what the case has put in is there. */
export function only<T>(one: T | undefined): readonly [T] {
  return [required(one, "an entry", "it was put in, and handed out")];
}

/** The last parts of the URIs; `unreadable` for what cannot be read. */
export function names(entries: readonly (LeasedEntry | QueueEntry)[]): readonly string[] {
  return entries.map((e) => (e.location === undefined ? "unreadable" : e.location.uri.slice("file:///kit/".length)));
}

export async function list(queue: Queue, filter?: EntryFilter): Promise<readonly QueueEntry[]> {
  const shown: QueueEntry[] = [];
  for await (const one of queue.entries(filter)) shown.push(one);
  return shown;
}

/** Leases the one entry that is to be had. */
export async function leaseOne(queue: Queue, sentence: string): Promise<LeasedEntry> {
  const leased = await lease(queue);
  same(leased.length, 1, sentence);
  return required(leased[0], "an entry", sentence);
}

/** Whatever is leased is settled as set aside. */
export async function setAside(queue: Queue, error: string): Promise<void> {
  const leased = await lease(queue);
  const results = await queue.settle(refs(leased).map((ref) => ({ ...ref, kind: "setAside", error })));
  same(
    results,
    leased.map(() => "settled"),
    "a leased entry can be set aside with its current token",
  );
}

/** An instant `ms` after the queue's now. */
export function later(under: QueueUnderTest, ms: number): Date {
  return new Date(under.now().getTime() + ms);
}
