import type { RecordResult } from "../../registry.ts";
import { promise, refuses, same } from "../promise.ts";
import { HOUR, image, imageOf, seed, statusOf, uriOf, type RegistryCase } from "./registry-case.ts";

function asObject(results: ReadonlyMap<string, RecordResult>): Readonly<Record<string, RecordResult>> {
  return Object.fromEntries(results);
}

export const recordingCases: readonly RegistryCase[] = [
  {
    title: "an image is recorded as deleted when its locations are",
    async run(under) {
      const { registry } = under;
      await under.seed(image("a", "pending"));
      const results = await registry.recordDeleted([{ imageId: "a", locations: [{ uri: uriOf("a") }] }]);
      same(asObject(results), { a: "recorded" }, "when no location is left, the image is recorded as deleted");
      same(await statusOf(registry, "a"), ["deleted", {}], "the image and its location are deleted then");
    },
  },
  {
    title: "while a location is left, the image stays pending",
    needs: ["locationStatus"],
    async run(under) {
      const { registry } = under;
      await under.seed(image("a", "pending", ["pending", "pending"]));
      const first = await registry.recordDeleted([{ imageId: "a", locations: [{ uri: uriOf("a", 0) }] }]);
      same(asObject(first), { a: "incomplete" }, "the registry hears deleted only when every location is gone");
      same(
        await statusOf(registry, "a"),
        ["pending", { [uriOf("a", 1)]: "pending" }],
        "the location that was named is marked, the other and the image stay pending",
      );
      const second = await registry.recordDeleted([{ imageId: "a", locations: [{ uri: uriOf("a", 1) }] }]);
      same(asObject(second), { a: "recorded" }, "with the last location, the image is recorded as deleted");
      same(await statusOf(registry, "a"), ["deleted", {}], "nothing is left of it");
    },
  },
  {
    title: "several images are recorded at once, each by itself",
    async run(under) {
      const { registry } = under;
      for (const id of ["a", "b", "c"]) await under.seed(image(id, "pending"));
      await under.seed(image("live", "live"));
      const ids = ["a", "unknown", "live", "c"];
      const results = await registry.recordDeleted(
        ids.map((imageId) => ({ imageId, locations: [{ uri: uriOf(imageId) }] })),
      );
      same(
        asObject(results),
        { a: "recorded", unknown: "missing", live: "active", c: "recorded" },
        "one answer for each image: recorded, missing for one that is not known, active for a live one",
      );
      const images = await registry.images(["a", "b", "c", "live"]);
      same(
        Object.fromEntries(Array.from(images.values(), ({ id, status }) => [id, status])),
        { a: "deleted", b: "pending", c: "deleted", live: "live" },
        "what was not named is not changed",
      );
    },
  },
  {
    title: "a live image and its live locations are never marked",
    async run(under) {
      const { registry } = under;
      await under.seed(image("a", "live", ["live", "live"]));
      const results = await registry.recordDeleted([{ imageId: "a", locations: [{ uri: uriOf("a") }] }]);
      same(asObject(results), { a: "active" }, "a live image is answered with active");
      same(
        await statusOf(registry, "a"),
        ["live", { [uriOf("a", 0)]: "live", [uriOf("a", 1)]: "live" }],
        "nothing that is live is marked",
      );
    },
  },
  {
    title: "a pending location of a live image is marked, and the image is not touched",
    needs: ["locationStatus"],
    async run(under) {
      const { registry } = under;
      await under.seed(image("a", "live", ["live", "pending"]));
      const named = [{ uri: uriOf("a", 0) }, { uri: uriOf("a", 1) }];
      const results = await registry.recordDeleted([{ imageId: "a", locations: named }]);
      same(asObject(results), { a: "active" }, "a live image is answered with active");
      same(
        await statusOf(registry, "a"),
        ["live", { [uriOf("a", 0)]: "live" }],
        "of a live image, pending locations are marked; live ones and the image are not",
      );
    },
  },
  {
    title: "a live location keeps a pending image from being recorded",
    needs: ["locationStatus"],
    async run(under) {
      const { registry } = under;
      await under.seed(image("a", "pending", ["live", "pending"]));
      const named = [{ uri: uriOf("a", 0) }, { uri: uriOf("a", 1) }];
      const results = await registry.recordDeleted([{ imageId: "a", locations: named }]);
      same(asObject(results), { a: "incomplete" }, "an image with a location that is not deleted is not recorded");
      same(await statusOf(registry, "a"), ["pending", { [uriOf("a", 0)]: "live" }], "a live location is never marked");
    },
  },
  {
    title: "an image that became live meanwhile is not marked",
    async run(under) {
      const { registry } = under;
      await under.seed(image("a", "pending"));
      await under.setStatus("a", "live");
      const results = await registry.recordDeleted([{ imageId: "a", locations: [] }]);
      same(asObject(results), { a: "active" }, "the status counts as it is now: compare-and-set");
      same((await imageOf(registry, "a")).status, "live", "an image that is live again stays live");
    },
  },
  {
    title: "recording again is answered with recorded and changes nothing",
    async run(under) {
      const { registry } = under;
      await under.seed(image("a", "pending"));
      const deletion = [{ imageId: "a", locations: [{ uri: uriOf("a") }] }];
      await registry.recordDeleted(deletion);
      const before = await imageOf(registry, "a");
      under.advance(HOUR);
      same(asObject(await registry.recordDeleted(deletion)), { a: "recorded" }, "an image that is deleted is recorded");
      same(await imageOf(registry, "a"), before, "recording again changes nothing");
    },
  },
  {
    title: "an image without a location left is finished by naming none",
    needs: ["locationStatus"],
    async run(under) {
      const { registry } = under;
      await under.seed(image("bare", "pending", []));
      await under.seed(image("done", "pending", ["deleted", "deleted"]));
      await under.seed(image("open", "pending", ["pending"]));
      const results = await registry.recordDeleted(
        ["bare", "done", "open"].map((imageId) => ({ imageId, locations: [] })),
      );
      same(
        asObject(results),
        { bare: "recorded", done: "recorded", open: "incomplete" },
        "an image with no location left is recorded, one with a location left is not",
      );
      same((await imageOf(registry, "bare")).status, "deleted", "it is deleted then");
    },
  },
  {
    title: "a location is matched by its ref, and by nothing else where one is given",
    needs: ["locationStatus"],
    async run(under) {
      const { registry } = under;
      await under.seed(image("a", "pending", ["pending", "pending"]));
      await under.seed(image("b", "pending"));
      const [first] = (await imageOf(registry, "a")).locations;
      const [other] = (await imageOf(registry, "b")).locations;
      promise(first?.ref !== undefined && other?.ref !== undefined, "every location has a ref", { first, other });
      const foreign = await registry.recordDeleted([{ imageId: "a", locations: [{ ref: other.ref }] }]);
      same(asObject(foreign), { a: "incomplete" }, "the ref of another image's location matches nothing");
      same((await statusOf(registry, "b"))[1], { [uriOf("b")]: "pending" }, "another image's location is not marked");
      await registry.recordDeleted([{ imageId: "a", locations: [{ ref: first.ref }] }]);
      same(
        (await statusOf(registry, "a"))[1],
        { [uriOf("a", 1)]: "pending" },
        "the row of that ref is marked, no other",
      );
    },
  },
  {
    title: "without a ref, a location is matched by URI and store",
    needs: ["locationStatus"],
    async run(under) {
      const { registry } = under;
      const uri = uriOf("a");
      await under.seed({
        id: "a",
        status: "pending",
        locations: [
          { uri, store: "fast", status: "pending" },
          { uri, store: "slow", status: "pending" },
        ],
      });
      await registry.recordDeleted([{ imageId: "a", locations: [{ uri, store: "slow" }] }]);
      const left = (await imageOf(registry, "a")).locations.filter(({ status }) => status === "pending");
      same(
        left.map(({ location }) => location?.store),
        ["fast"],
        "the same URI in another store is another location",
      );
    },
  },
  {
    title: "recording and restoring at once: one of them wins, whole",
    needs: ["restore"],
    async run(under) {
      const { registry } = under;
      for (let round = 0; round < 20; round++) {
        const id = `image-${round}`;
        await under.seed(image(id, "pending"));
        const [recorded, restored] = await Promise.all([
          registry.recordDeleted([{ imageId: id, locations: [{ uri: uriOf(id) }] }]),
          registry.restore(id),
        ]);
        const status = await statusOf(registry, id);
        const seen = { recorded: recorded.get(id), restored: restored.restored, status };
        if (restored.restored) {
          same(status, ["live", { [uriOf(id)]: "live" }], "an image that was restored is live with its location");
          promise(recorded.get(id) === "active", "an image that was restored is not recorded as deleted", seen);
        } else {
          same(status, ["deleted", {}], "an image that was not restored is deleted with its location");
          promise(recorded.get(id) === "recorded", "an image that was not restored is recorded", seen);
        }
      }
    },
  },
  {
    title: "restoring makes a pending image live again, with its locations",
    needs: ["restore"],
    async run(under) {
      const { registry } = under;
      await under.seed(image("a", "pending", ["pending", "pending"]));
      same(
        await registry.restore("a"),
        { restored: true, locations: 2 },
        "restore says how many locations are live again",
      );
      const status = await statusOf(registry, "a");
      same(
        status,
        ["live", { [uriOf("a", 0)]: "live", [uriOf("a", 1)]: "live" }],
        "the image and its locations are live",
      );
      same((await imageOf(registry, "a")).deletedAt, undefined, "a live image has no deletedAt");
      const { items } = await registry.pendingLocations({ limit: 10 });
      same(items, [], "nothing of it waits for deletion any more");
    },
  },
  {
    title: "restoring leaves deleted locations deleted",
    needs: ["restore", "locationStatus"],
    async run(under) {
      const { registry } = under;
      await under.seed(image("a", "pending", ["deleted", "pending"]));
      same(await registry.restore("a"), { restored: true, locations: 1 }, "only what is left is live again");
      same(await statusOf(registry, "a"), ["live", { [uriOf("a", 1)]: "live" }], "a deleted location stays deleted");
    },
  },
  {
    title: "restoring refuses an image that is missing, not pending, or has no location left, and changes nothing",
    needs: ["restore", "locationStatus"],
    async run(under) {
      const { registry } = under;
      await seed(under, image("live", "live"), image("gone", "deleted"), image("bare", "pending", ["deleted"]));
      const reasons: Record<string, unknown> = {};
      for (const id of ["unknown", "live", "gone", "bare"]) {
        const result = await registry.restore(id);
        reasons[id] = result.restored ? "restored" : result.reason;
        if (result.restored || result.reason !== "notPending") continue;
        const { nativeStatus } = await imageOf(registry, id);
        same(result.nativeStatus, nativeStatus, "notPending says by the registry's own word what the image is");
      }
      same(
        reasons,
        { unknown: "missing", live: "notPending", gone: "notPending", bare: "noLocations" },
        "an image that cannot be restored is refused with the reason",
      );
      const images = await registry.images(["live", "gone", "bare"]);
      same(
        Object.fromEntries(Array.from(images.values(), ({ id, status }) => [id, status])),
        { live: "live", gone: "deleted", bare: "pending" },
        "a refused restore has changed nothing",
      );
    },
  },
  {
    title: "a registry that cannot restore refuses to",
    without: "restore",
    async run(under) {
      const { registry } = under;
      await under.seed(image("a", "pending"));
      await refuses(
        () => registry.restore("a"),
        ["SCRUBBER_UNSUPPORTED"],
        "supports.restore is false: restore is refused",
      );
      same((await imageOf(registry, "a")).status, "pending", "a refused restore has changed nothing");
    },
  },
];
