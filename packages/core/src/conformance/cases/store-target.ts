import { schemeOf, type Location } from "../../location.ts";
import type { StoreUnderTest } from "../harness.ts";
import { promise, refuses, required, same } from "../promise.ts";
import { afterwards, content, deleteAll, kinds, secretsOf, targetOf, type StoreCase } from "./store-case.ts";

export const targetCases: readonly StoreCase[] = [
  {
    title: "a location of its own has a key and a group, and one of its schemes",
    run(under) {
      const location = under.locate("object");
      const { key, group } = targetOf(under, location);
      promise(key !== "" && group !== "", "a target has a key and a group", { key, group });
      const scheme = schemeOf(location.uri) ?? "";
      promise(under.store.schemes.includes(scheme), "schemes names the scheme of every location it takes", scheme);
      return Promise.resolve();
    },
  },
  {
    title: "every spelling of one object ends in one key and group",
    run(under) {
      const location = under.locate("object");
      const { key, group } = targetOf(under, location);
      for (const spelling of under.spellings(location)) {
        const other = targetOf(under, spelling);
        same(
          { key: other.key, group: other.group },
          { key, group },
          `two locations are the same object if and only if they have the same key (${spelling.uri})`,
        );
      }
      return Promise.resolve();
    },
  },
  {
    title: "different objects have different keys",
    run(under) {
      const words = ["object", "object2", "Object", "objec"];
      const keys = words.map((name) => targetOf(under, under.locate(name)).key);
      same(new Set(keys).size, words.length, "two locations are the same object if and only if they have the same key");
      return Promise.resolve();
    },
  },
  {
    title: "a version has a key of its own, and says within which object it is",
    needs: ["versions"],
    async run(under) {
      const [location, first, second] = await twoVersions(under);
      const whole = targetOf(under, location);
      const versions = [first, second].map((versionId) => ({ versionId, ...targetOf(under, at(location, versionId)) }));
      const keys = new Set([whole.key, ...versions.map(({ key }) => key)]);
      same(keys.size, 3, "two versions are different objects, and neither is the object as a whole");
      for (const { versionId, key, within, group } of versions) {
        same({ within, group }, { within: whole.key, group: whole.group }, "a version is within the object as a whole");
        for (const spelling of under.spellings(location)) {
          const other = targetOf(under, at(spelling, versionId));
          same(
            { key: other.key, within: other.within },
            { key, within },
            `a version too has one key (${spelling.uri})`,
          );
        }
      }
    },
  },
  {
    title: "what names no version is within nothing",
    run(under) {
      const location = under.locate("object");
      for (const identity of [undefined, { size: 1 }]) {
        const { within } = targetOf(under, { ...location, ...(identity !== undefined && { identity }) });
        same(
          within,
          undefined,
          "only a version is within something, and only the object as a whole is what it is within",
        );
      }
      return Promise.resolve();
    },
  },
  {
    title: "a version and the object that it is of can be in one batch, and both end well",
    needs: ["versions"],
    async run(under) {
      const [location, first] = await twoVersions(under);
      const outcomes = await deleteAll(under, [at(location, first), location]);
      const fine = kinds(outcomes).every((kind) => kind === "deleted" || kind === "absent");
      promise(fine, "whichever goes first, each is deleted, or absent because the other took it along", outcomes);
      same(await under.exists(location), false, "it is gone");
    },
  },
  {
    title: "keys and groups are free of credentials",
    run(under) {
      const location = under.locate("object");
      for (const { uri, ...rest } of [location, ...under.spellings(location)]) {
        const { key, group } = targetOf(under, { uri, ...rest });
        for (const secret of secretsOf(uri)) {
          promise(
            !key.includes(secret) && !group.includes(secret),
            "a key or group is shown and logged: no credentials",
            {
              key,
              group,
            },
          );
        }
      }
      return Promise.resolve();
    },
  },
  {
    title: "its place has a name that stays, free of credentials, if it has one",
    async run(under) {
      const { store } = under;
      const { place } = store;
      if (place === undefined) return;
      promise(typeof place === "string" && place !== "", "a place is a text", place);
      for (const { uri } of under.spellings(under.locate("object"))) {
        for (const secret of secretsOf(uri)) promise(!place.includes(secret), "a place is free of credentials", place);
      }
      const mend = await under.breakBackend();
      try {
        same(store.place, place, "a place is the same as long as the store is open");
      } finally {
        await mend();
      }
    },
  },
  {
    title: "another store over the same objects has the same place, and the same keys",
    async run(under) {
      if (under.store.place === undefined) return;
      const second = await required(under.second?.bind(under), "second", "the store has a place")();
      try {
        same(second.place, under.store.place, "what a live image names through one store is kept from the other");
        const location = under.locate("object");
        const target = second.target({ location, requestedAt: afterwards() });
        same(target?.key, targetOf(under, location).key, "two stores of one place call an object by the same key");
      } finally {
        await second[Symbol.asyncDispose]();
      }
    },
  },
  {
    title: "target asks nobody: it answers at once, always the same, with the backend gone too",
    async run(under) {
      const location = under.locate("object");
      const before = targetOf(under, location);
      const mend = await under.breakBackend();
      try {
        const after = targetOf(under, location);
        promise(typeof Reflect.get(after, "then") !== "function", "target is synchronous", after);
        same(
          { key: after.key, group: after.group },
          { key: before.key, group: before.group },
          "target depends on the location and the configuration alone",
        );
      } finally {
        await mend();
      }
    },
  },
  {
    title: "locations of somebody else are not taken",
    run({ store, foreign }) {
      const strange = { uri: "no-such-scheme://kit/object" };
      for (const location of [...foreign, strange, { uri: "" }, { uri: "no scheme at all" }]) {
        const target = store.target({ location, requestedAt: afterwards() });
        same(target?.key, undefined, `target answers undefined for somebody else's location (${location.uri})`);
      }
      return Promise.resolve();
    },
  },
  {
    title: "locations that are malformed, or outside of what it may touch, are refused, without a secret in the error",
    async run({ store, refused }) {
      promise(refused.length > 0, "the harness names locations that the store must refuse");
      for (const location of refused) {
        let message = "";
        await refuses(
          () => {
            try {
              store.target({ location, requestedAt: afterwards() });
            } catch (error) {
              if (error instanceof Error) message = `${error.message} ${String(Reflect.get(error, "hint"))}`;
              throw error;
            }
          },
          ["SCRUBBER_LOCATION_INVALID"],
          `a store touches nothing outside its roots, buckets or containers: target throws for ${location.uri}`,
        );
        for (const secret of secretsOf(location.uri)) {
          promise(!message.includes(secret), "no secret stands in an error (use maskUri)", message);
        }
      }
    },
  },
];

function at(location: Location, versionId: string): Location {
  return { ...location, identity: { versionId } };
}

/** An object of two versions, and what they are called, the older one first. */
async function twoVersions(under: StoreUnderTest): Promise<readonly [Location, string, string]> {
  const identify = required(under.identify?.bind(under), "identify", "the store supports versions");
  const versionOf = async (location: Location): Promise<string> =>
    required((await identify(location)).versionId, "versionId", "versions are supported");
  const location = await under.create("object", content());
  const first = await versionOf(location);
  await under.replace(location);
  return [location, first, await versionOf(location)];
}
