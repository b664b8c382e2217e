import type { StoreUnderTest } from "../../src/conformance/index.ts";
import type { Location, Outcome, Presence, Store, StoreSupports, Target } from "../../src/index.ts";
import { createMemoryStore } from "../../src/memory/index.ts";
import { delegate } from "../harness/delegate.ts";

/** Breaks a store in one way. */
export interface StoreSabotage {
  readonly supports?: Partial<StoreSupports>;
  readonly wreck: (under: StoreUnderTest) => StoreUnderTest;
}

type MemoryTarget = Target & { readonly whole: string; readonly location: Location; readonly requestedAt: Date };

function methods(replace: (store: Store, under: StoreUnderTest) => Partial<Store>): StoreSabotage {
  return { wreck: (under) => delegate(under, { store: delegate(under.store, replace(under.store, under)) }) };
}

function targeted(change: (target: Target, uri: string) => Target | undefined): StoreSabotage {
  return methods((store) => ({
    target(of) {
      const target = store.target(of);
      return target === undefined ? undefined : change(target, of.location.uri);
    },
  }));
}

function answered(change: (outcomes: readonly Outcome[]) => readonly Outcome[]): StoreSabotage {
  return methods((store) => ({ delete: async (targets, call) => change(await store.delete(targets, call)) }));
}

/** Deletes and inspects other targets than it was asked for. */
function aimed(change: (target: MemoryTarget, all: readonly MemoryTarget[]) => MemoryTarget): StoreSabotage {
  // oxlint-disable-next-line no-unsafe-type-assertion -- they are the memory store's own
  const all = (targets: readonly Target[]): readonly MemoryTarget[] => targets as readonly MemoryTarget[];
  return methods((store) => ({
    delete: (targets, call) =>
      store.delete(
        all(targets).map((t) => change(t, all(targets))),
        call,
      ),
    inspect: (targets, call) =>
      store.inspect(
        all(targets).map((t) => change(t, all(targets))),
        call,
      ),
  }));
}

const LATER = new Date(8.64e15);

/** Compares nothing. */
const blind: StoreSabotage = aimed(({ location: { uri }, ...target }) => ({
  ...target,
  location: { uri },
  requestedAt: LATER,
}));

function seen(change: (presence: Presence) => Presence): StoreSabotage {
  return methods((store) => ({
    inspect: async (targets, call) => (await store.inspect(targets, call)).map(change),
  }));
}

/** For each case of the kit, a store that is broken in just that way. */
export const storeSabotages: Readonly<Record<string, StoreSabotage>> = {
  "a location of its own has a key and a group, and one of its schemes": targeted((target) => ({
    ...target,
    group: "",
  })),
  "every spelling of one object ends in one key and group": targeted((target, uri) => ({ ...target, key: uri })),
  "different objects have different keys": targeted((target) => ({ ...target, key: target.key.toLowerCase() })),
  "a version has a key of its own, and says within which object it is": targeted(({ key, group }) => ({ key, group })),
  "what names no version is within nothing": targeted((target) => ({ within: target.key, ...target })),
  "a version and the object that it is of can be in one batch, and both end well": answered((outcomes) =>
    outcomes.map((one, index) => (index === 0 ? one : { kind: "unknown", reason: "it is there twice" })),
  ),
  "keys and groups are free of credentials": targeted((target, uri) => ({ ...target, key: uri })),
  "its place has a name that stays, free of credentials, if it has one": methods(() => {
    let asked = 0;
    return {
      get place() {
        return `memory:${++asked}`;
      },
    };
  }),
  "another store over the same objects has the same place, and the same keys": {
    wreck: (under) => delegate(under, { second: () => Promise.resolve(createMemoryStore()) }),
  },
  "target asks nobody: it answers at once, always the same, with the backend gone too": {
    wreck(under) {
      let broken = false;
      const store = delegate(under.store, { target: (of) => (broken ? undefined : under.store.target(of)) });
      return delegate(under, {
        store,
        breakBackend() {
          broken = true;
          return under.breakBackend();
        },
      });
    },
  },
  "locations of somebody else are not taken": methods((store) => ({
    target: (of) => store.target(of) ?? { key: of.location.uri, group: "kit" },
  })),
  "locations that are malformed, or outside of what it may touch, are refused, without a secret in the error": methods(
    (store) => ({
      target(of) {
        try {
          return store.target(of);
        } catch {
          return undefined;
        }
      },
    }),
  ),

  "a deleted object is gone, and its neighbours are not": methods(() => ({
    delete: (targets) => Promise.resolve(targets.map(() => ({ kind: "deleted" }))),
  })),
  "each target gets exactly one outcome, in order": answered((outcomes) => outcomes.toReversed()),
  "what is not there is absent, and so is what was deleted before": answered((outcomes) =>
    outcomes.map(() => ({ kind: "deleted" })),
  ),
  "an object is deleted by any of its spellings": aimed(({ location, ...target }) => ({
    ...target,
    location,
    whole: location.uri.slice("memory://".length),
  })),
  "what was freed is reported in bytes": answered((outcomes) =>
    outcomes.map((one) => (one.kind === "deleted" ? { kind: "deleted" } : one)),
  ),
  "a store that cannot tell the bytes does not claim to": {
    ...answered((outcomes) => outcomes.map((one) => ({ ...one, bytes: 0 }))),
    supports: { bytes: false },
  },
  "a full batch is answered whole": methods((store) => ({
    delete: (targets, call) => store.delete(targets.slice(0, 100), call),
  })),
  "two calls at once for one object both end well": answered((outcomes) =>
    outcomes.map((one) => (one.kind === "absent" ? { kind: "unknown", reason: "gone" } : one)),
  ),
  "an object of the recorded identity is deleted": aimed(({ location, ...target }) => ({
    ...target,
    location: { ...location, identity: { ...location.identity, etag: "another" } },
  })),
  "an object of another identity is changed and not touched, and its neighbours are deleted": blind,
  "each recorded property counts by itself": aimed(({ location, ...target }) => {
    const { etag: _, ...identity } = location.identity ?? {};
    return { ...target, location: { ...location, identity } };
  }),
  "an object written after its deletion was requested is changed and not touched": blind,
  "the time of the request is each target's own": aimed((target, [first]) => ({
    ...target,
    requestedAt: first?.requestedAt ?? target.requestedAt,
  })),
  "a store that compares no identity says so with what it deletes, and never answers changed": {
    ...answered((outcomes) => outcomes.map((one) => (one.kind === "deleted" ? { kind: "deleted" } : one))),
    supports: { identity: false },
  },
  "a version id names one version, and the others stay": blind,
  "a held object is answered with held and not touched, and its neighbours are deleted": answered((outcomes) =>
    outcomes.map((one) => (one.kind === "held" ? { kind: "denied", reason: one.reason } : one)),
  ),
  "a store that cannot tell holds never answers held": {
    ...answered((outcomes) =>
      outcomes.map((one) => (one.kind === "denied" ? { kind: "held", reason: one.reason } : one)),
    ),
    supports: { holds: false },
  },
  "a broken backend is an error of the environment, deletes nothing, and is forgotten when it is mended": methods(
    (store) => ({
      delete: (targets, call) => store.delete(targets, call).catch(() => targets.map(() => ({ kind: "absent" }))),
    }),
  ),
  "a call that is aborted already deletes nothing unsaid": methods((store) => ({
    async delete(targets, call) {
      await store.delete(targets, { signal: new AbortController().signal });
      call.signal.throwIfAborted();
      return [];
    },
  })),
  "a call that is aborted while it runs answers for every target, truly": methods((store) => ({
    async delete(targets, call) {
      await Promise.resolve();
      return call.signal.aborted ? targets.map(() => ({ kind: "deleted" })) : store.delete(targets, call);
    },
  })),

  "inspecting tells what is there and what is not, in order, and changes nothing": methods((store) => ({
    async inspect(targets, call) {
      const presences = await store.inspect(targets, call);
      await store.delete(targets, call);
      return presences;
    },
  })),
  "inspecting tells the size": seen((one) => (one.kind === "present" ? { ...one, bytes: 1 } : one)),
  "inspecting tells the identity, and what it told can be recorded": seen((one) =>
    one.kind === "present" ? { ...one, identity: { etag: "another" } } : one,
  ),
  "inspecting sees what deleting would: changed objects": blind,
  "inspecting sees what deleting would: holds": seen((one) => (one.kind === "held" ? { kind: "present" } : one)),
  "inspecting a broken backend is an error of the environment, and not an absence": methods((store) => ({
    inspect: (targets, call) => store.inspect(targets, call).catch(() => targets.map(() => ({ kind: "absent" }))),
  })),
  "inspecting with an aborted call rejects, or answers for every target and says nothing untrue": seen((one) =>
    one.kind === "unknown" ? { kind: "absent" } : one,
  ),
  "a probe finds nothing wrong where nothing is, reading only and with an object of its own": methods(() => ({
    probe: () => Promise.resolve([]),
  })),
  "a probe leaves nothing behind, and touches nothing that is there": methods((store, under) => ({
    async probe(call) {
      if (call.write) await under.create("probe", new Uint8Array(1));
      return store.probe(call);
    },
  })),
  "a probe of a broken backend reports a problem with what to do, and does not throw": methods((store) => ({
    probe: async (call) => (await store.probe(call)).map((finding) => ({ ...finding, level: "warning" as const })),
  })),
};
