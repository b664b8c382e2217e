import type { Location } from "../../location.ts";
import type { Call, Outcome, Presence, StoreSupports, Target } from "../../store.ts";
import type { Case } from "../case.ts";
import type { StoreUnderTest } from "../harness.ts";
import { broken, same } from "../promise.ts";

export type StoreCase = Case<StoreUnderTest, keyof StoreSupports>;

const HOUR = 3_600_000;

/** A time after everything that the kit creates, whatever the clocks of both sides say. */
export function afterwards(): Date {
  return new Date(Date.now() + HOUR);
}

/** A time before everything that the kit creates. */
export function beforehand(): Date {
  return new Date(Date.now() - HOUR);
}

/** A call that is not aborted. */
export function calmly(): Call {
  return { signal: new AbortController().signal };
}

/** A call that is aborted already. */
export function aborted(): Call {
  return { signal: AbortSignal.abort() };
}

export function content(size = 10): Uint8Array {
  return new Uint8Array(size).fill(97);
}

/** The store's target for one of its own locations. */
export function targetOf({ store }: StoreUnderTest, location: Location, requestedAt: Date = afterwards()): Target {
  const target = store.target({ location, requestedAt });
  if (target === undefined)
    broken("target recognises the store's own locations", `It answered undefined: ${location.uri}`);
  return target;
}

/** Deletes locations; asserts one answer for each. */
export async function deleteAll(
  under: StoreUnderTest,
  locations: readonly Location[],
  requestedAt: Date = afterwards(),
): Promise<readonly Outcome[]> {
  const targets = locations.map((location) => targetOf(under, location, requestedAt));
  const outcomes = await under.store.delete(targets, calmly());
  same(outcomes.length, targets.length, "delete answers with exactly one outcome for each target");
  return outcomes;
}

/** Inspects locations; asserts one answer for each. */
export async function inspectAll(
  under: StoreUnderTest,
  locations: readonly Location[],
  requestedAt: Date = afterwards(),
): Promise<readonly Presence[]> {
  const targets = locations.map((location) => targetOf(under, location, requestedAt));
  const presences = await under.store.inspect(targets, calmly());
  same(presences.length, targets.length, "inspect answers with exactly one presence for each target");
  return presences;
}

export function kinds(answers: readonly { readonly kind: string }[]): readonly string[] {
  return answers.map(({ kind }) => kind);
}

/** Which of these are there, asked by another client. */
export async function existing(under: StoreUnderTest, locations: readonly Location[]): Promise<readonly boolean[]> {
  return Promise.all(locations.map((location) => under.exists(location)));
}

/** The credentials in a URI: what stands before its last at-sign, and the values of its query; each part of four characters or more. */
export function secretsOf(uri: string): readonly string[] {
  const [front = "", query = ""] = uri.split("?");
  const authority = /^[^:]+:\/\/(.*)@/s.exec(front)?.[1] ?? "";
  const values = query.split("&").map((pair) => pair.slice(pair.indexOf("=") + 1));
  return [...authority.split(/[:/]/), ...values].filter((part) => part.length >= 4);
}
