import type { Deletion, Image, ImageLocation, LeasedEntry, Presence, Registry, Target } from "@scrubber/core";
import type { Route } from "./references-address.ts";
import type { OpenStore } from "./routing.ts";

/** What was found of a pending image's data. */
export interface Inspection {
  /** Why the image must not be restored. */
  readonly refusal: string | undefined;
  /** Locations without data. */
  readonly absent: Deletion["locations"];
  readonly absentUris: readonly string[];
  /** What a person should know of a restored image. */
  readonly notes: readonly string[];
  /** How many of those that were there are gone by now. */
  lookAgain(): Promise<number>;
}

interface Looked {
  readonly row: ImageLocation;
  readonly presence: Presence | { readonly kind: "unroutable"; readonly reason: string };
}

interface Reached {
  readonly row: ImageLocation;
  readonly to: OpenStore;
  readonly target: Target;
}

const CALL_MS = 60_000;

/** Looks at the data of every pending location of an image, and judges whether it can be restored. */
export async function inspectPending(
  image: Image,
  entries: readonly LeasedEntry[],
  registry: Registry,
  { route, now }: { readonly route: Route; readonly now: () => Date },
): Promise<Inspection> {
  const requestedAt = image.deletedAt ?? now();
  const looked: Looked[] = [];
  const reached: Reached[] = [];
  for (const row of image.locations) {
    if (row.status !== "pending") continue;
    if (row.location === undefined) {
      looked.push({ row, presence: { kind: "unroutable", reason: row.unreadable } });
      continue;
    }
    const { uri } = row.location;
    // The entry may know what the object was like, and when its deletion was asked for last.
    const entry = entries.find(({ location }) => location?.uri === uri);
    const identity = entry?.location?.identity;
    const location = identity === undefined ? row.location : { ...row.location, identity };
    const asked = entry !== undefined && entry.requestedAt > requestedAt ? entry.requestedAt : requestedAt;
    const routed = route(location, asked);
    if (routed.reason === undefined) reached.push({ row, to: routed.to, target: routed.target });
    else looked.push({ row, presence: { kind: "unroutable", reason: routed.reason } });
  }
  looked.push(...(await lookAt(reached)));
  const absent = looked.filter(({ presence }) => presence.kind === "absent");
  const isLive = image.locations.some(({ status }) => status === "live");
  const refusal = looked.length === 0 && isLive ? undefined : refusalOf(looked);
  const notes = notesOf(looked, registry.supports.locationStatus);
  const there = reached.filter(({ row }) => !absent.some((other) => other.row === row));
  return {
    refusal,
    absent: absent.map(({ row: { ref, location } }) => ({
      ...(ref === undefined ? {} : { ref }),
      ...(location === undefined ? {} : { uri: location.uri }),
      ...(location?.store === undefined ? {} : { store: location.store }),
    })),
    absentUris: absent.flatMap(({ row: { location } }) => (location === undefined ? [] : [location.uri])),
    notes,
    lookAgain: async () => (await lookAt(there)).filter(({ presence }) => presence.kind === "absent").length,
  };
}

function refusalOf(looked: readonly Looked[]): string | undefined {
  const of = (kind: Looked["presence"]["kind"]): readonly Looked[] =>
    looked.filter(({ presence }) => presence.kind === kind);
  const reasonOf = ([first]: readonly Looked[]): string =>
    first !== undefined && "reason" in first.presence ? first.presence.reason : "";
  const [changed, unknown, unroutable] = [of("changed"), of("unknown"), of("unroutable")];
  if (looked.length === 0) return "no location is left to restore";
  if (changed.length > 0) return `${changed.length} of its locations hold other data by now: ${reasonOf(changed)}`;
  if (unknown.length > 0) return `it cannot be told whether its data is there: ${reasonOf(unknown)}`;
  if (looked.length > of("absent").length + unroutable.length) return undefined;
  if (unroutable.length > 0) return `its data cannot be looked at: ${reasonOf(unroutable)}`;
  return "its data is gone";
}

function notesOf(looked: readonly Looked[], recorded: boolean): readonly string[] {
  const count = (kind: Looked["presence"]["kind"]): number =>
    looked.filter(({ presence }) => presence.kind === kind).length;
  const notes: string[] = [];
  if (count("absent") > 0)
    notes.push(
      `The data of ${count("absent")} of its locations was gone${recorded ? "; they are recorded as deleted" : ""}.`,
    );
  if (count("unroutable") > 0) notes.push(`${count("unroutable")} of its locations could not be looked at.`);
  return notes;
}

/** In batches of one store and group, each key once. */
async function lookAt(reached: readonly Reached[]): Promise<readonly Looked[]> {
  const groups = new Map<string, Reached[]>();
  for (const one of reached) {
    const group = `${one.to.id}\0${one.target.group}`;
    const members = groups.get(group);
    if (members === undefined) groups.set(group, [one]);
    else members.push(one);
  }
  const looked: Looked[] = [];
  for (const members of groups.values()) {
    const byKey = Map.groupBy(members, ({ target }) => target.key);
    const keys = [...byKey.values()];
    const [first] = members;
    if (first === undefined) continue;
    const { store, limits } = first.to;
    for (let at = 0; at < keys.length; at += limits.batch) {
      const page = keys.slice(at, at + limits.batch);
      const targets = page.flatMap(([one]) => (one === undefined ? [] : [one.target]));
      const presences = await store.inspect(targets, { signal: AbortSignal.timeout(CALL_MS) });
      for (const [index, rows] of page.entries()) {
        const presence = presences[index] ?? { kind: "unknown", reason: "the store did not answer" };
        for (const { row } of rows) looked.push({ row, presence });
      }
    }
  }
  return looked;
}
