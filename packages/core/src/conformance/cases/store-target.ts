import { schemeOf } from "../../location.ts";
import { promise, refuses, same } from "../promise.ts";
import { afterwards, secretsOf, targetOf, type StoreCase } from "./store-case.ts";

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
