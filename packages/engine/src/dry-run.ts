import { maskUri, type Presence, type Queue, type QueueEntry } from "@scrubber/core";
import type { Admission } from "./admission.ts";
import type { DryRunEntry } from "./api.ts";
import type { Clock } from "./clock.ts";
import type { OpenStore, Routed, Router } from "./routing.ts";
import type { Verdict } from "./verdict.ts";

export interface DryRunOptions {
  readonly queue: Pick<Queue, "entries">;
  readonly router: Router;
  readonly admission: Admission | undefined;
  readonly clock: Clock;
  readonly batch: number;
  readonly callMs: number;
  readonly signal?: AbortSignal | undefined;
}

type Seen = Pick<DryRunEntry, "would" | "reason"> & { readonly bytes?: number | undefined };

/** Says how each due entry would end, in the order of the queue: routed, admitted and looked at, but neither leased nor changed. */
export async function* dryRun(options: DryRunOptions): AsyncGenerator<DryRunEntry> {
  const { queue, clock, batch, signal } = options;
  let page: QueueEntry[] = [];
  for await (const entry of queue.entries({ state: "waiting", dueBefore: clock.now() })) {
    if (signal?.aborted === true) return;
    page.push(entry);
    if (page.length < batch) continue;
    yield* look(page, options);
    page = [];
  }
  if (signal?.aborted !== true) yield* look(page, options);
}

async function* look(page: readonly QueueEntry[], options: DryRunOptions): AsyncGenerator<DryRunEntry> {
  const seen = new Map<QueueEntry, Seen>();
  const storeOf = new Map<QueueEntry, string>();
  const routed: { readonly entry: QueueEntry; readonly routed: Routed }[] = [];
  for (const entry of page) {
    if (entry.location === undefined) {
      seen.set(entry, { would: "setAside", reason: `it cannot be read: ${entry.unreadable}` });
      continue;
    }
    const route = options.router.route(entry.location, entry.requestedAt);
    if (route.reason !== undefined) {
      seen.set(entry, { would: "setAside", reason: route.reason });
      continue;
    }
    storeOf.set(entry, route.to.id);
    routed.push({ entry, routed: { entry: { ...entry, token: "" }, to: route.to, target: route.target } });
  }
  const verdicts =
    options.admission === undefined || routed.length === 0
      ? []
      : await options.admission.admit(routed.map((one) => one.routed));
  const groups = new Map<string, typeof routed>();
  for (const [index, one] of routed.entries()) {
    const kept = keptAs(verdicts[index]);
    if (kept !== undefined) {
      seen.set(one.entry, kept);
      continue;
    }
    const { to, target } = one.routed;
    const name = `${to.id}/${target.group}`;
    const group = groups.get(name);
    if (group === undefined) groups.set(name, [one]);
    else group.push(one);
  }
  for (const group of groups.values()) {
    const to = group[0]?.routed.to;
    if (to === undefined) continue;
    for (let at = 0; at < group.length; at += to.limits.batch) {
      const part = group.slice(at, at + to.limits.batch);
      const presences = await inspect(to, part, options);
      for (const { entry, routed: one } of part) {
        seen.set(entry, wouldBe(presences.get(one.target.key)));
      }
    }
  }
  for (const entry of page) {
    const { would, reason, bytes } = seen.get(entry) ?? { would: "wait", reason: undefined };
    const uri = entry.location === undefined ? "" : maskUri(entry.location.uri);
    yield { imageId: entry.imageId, uri, store: storeOf.get(entry), would, reason, bytes };
  }
}

function keptAs(verdict: Verdict | undefined): Seen | undefined {
  switch (verdict?.kind) {
    case "shared":
      return { would: "keep", reason: `shared with ${verdict.with}` };
    case "alive":
      return { would: "keep", reason: verdict.reason };
    case "held":
      return { would: "hold", reason: verdict.reason };
    case "unknownImage":
      return { would: "setAside", reason: "the registry does not know the image" };
    case "delete":
    case undefined:
      return undefined;
  }
}

/** By key; a store that is down sees nothing. */
async function inspect(
  to: OpenStore,
  part: readonly { readonly routed: Routed }[],
  { clock, callMs, signal }: DryRunOptions,
): Promise<ReadonlyMap<string, Presence>> {
  const controller = new AbortController();
  const abort = (): void => {
    controller.abort();
  };
  const cancel = clock.after(callMs, abort);
  signal?.addEventListener("abort", abort);
  const targets = [...new Map(part.map(({ routed: { target } }) => [target.key, target])).values()];
  try {
    const presences = await to.store.inspect(targets, { signal: controller.signal });
    return new Map(targets.map(({ key }, index) => [key, presences[index] ?? UNSEEN]));
  } catch (error) {
    const reason = error instanceof Error && error.name === "ScrubberError" ? error.message : "its store failed";
    return new Map(targets.map(({ key }) => [key, { kind: "unknown", reason }]));
  } finally {
    cancel();
    signal?.removeEventListener("abort", abort);
  }
}

const UNSEEN: Presence = { kind: "unknown", reason: "its store gave no answer" };

function wouldBe(presence: Presence | undefined): Seen {
  switch (presence?.kind) {
    case "present":
      return { would: "delete", reason: undefined, bytes: presence.bytes };
    case "absent":
      return { would: "absent", reason: undefined };
    case "held":
      return { would: "hold", reason: presence.reason };
    case "changed":
      return { would: "setAside", reason: presence.reason };
    case "unknown":
      return { would: "wait", reason: presence.reason };
    case undefined:
      return { would: "wait", reason: undefined };
  }
}
