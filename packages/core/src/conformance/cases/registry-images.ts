import { promise, same } from "../promise.ts";
import { HOUR, image, imageOf, seed, statusOf, uriOf, type RegistryCase } from "./registry-case.ts";

export const imageCases: readonly RegistryCase[] = [
  {
    title: "images come as they are, and one that is not known is not in the answer",
    async run(under) {
      const deletedAt = new Date(under.now().getTime() - HOUR);
      await seed(
        under,
        image("live", "live"),
        image("pending", "pending", ["pending"], deletedAt),
        image("gone", "deleted"),
      );
      const images = await under.registry.images(["pending", "unknown", "live", "gone"]);
      same(
        Object.fromEntries(Array.from(images.values(), ({ id, status }) => [id, status])),
        { live: "live", pending: "pending", gone: "deleted" },
        "images answers with the images that are known, each with its status; one that is not known is not in the map",
      );
      same([...images.keys()].toSorted().join(), "gone,live,pending", "images are found under their ids");
      same(images.get("live")?.deletedAt, undefined, "a live image has no deletedAt");
      same(images.get("pending")?.deletedAt, deletedAt, "deletedAt is when the deletion was asked for");
      promise(
        (images.get("live")?.nativeStatus ?? "") !== "",
        "nativeStatus is the registry's own word for the status",
      );
    },
  },
  {
    title: "an image comes with every location that is not deleted: URI, store and ref",
    async run(under) {
      await under.seed({
        id: "a",
        status: "pending",
        locations: [
          { uri: "file:///kit/line\nbreak", status: "pending" },
          { uri: uriOf("a", 1), store: "fast", status: "pending" },
        ],
      });
      const { locations } = await imageOf(under.registry, "a");
      same(
        locations.map(({ location, status }) => [location?.uri, location?.store, status]),
        [
          ["file:///kit/line\nbreak", undefined, "pending"],
          [uriOf("a", 1), "fast", "pending"],
        ],
        "locations come byte for byte, with the store that was named, and only that",
      );
    },
  },
  {
    title: "each location has a status of its own",
    needs: ["locationStatus"],
    async run(under) {
      await seed(under, image("a", "live", ["live", "pending"]), image("b", "pending", ["pending", "deleted"]));
      const a = await statusOf(under.registry, "a");
      same(
        a,
        ["live", { [uriOf("a", 0)]: "live", [uriOf("a", 1)]: "pending" }],
        "a live image may have pending locations",
      );
      const b = await statusOf(under.registry, "b");
      same(b, ["pending", { [uriOf("b", 0)]: "pending" }], "a pending image may have deleted locations");
      const refs = (await imageOf(under.registry, "a")).locations.map(({ ref }) => ref);
      promise(refs.every(Number.isSafeInteger), "every location has a ref, a safe integer", refs);
    },
  },
  {
    title: "a location that says when its deletion was asked for says so truly",
    needs: ["locationStatus"],
    async run(under) {
      const deletedAt = new Date(under.now().getTime() - HOUR);
      await seed(
        under,
        image("a", "pending", ["pending", "deleted"], deletedAt),
        image("b", "live", ["live", "pending"], deletedAt),
      );
      for (const id of ["a", "b"]) {
        for (const { status, deletedAt: own } of (await imageOf(under.registry, id)).locations) {
          const expected = status === "pending" ? [undefined, deletedAt.getTime()] : [undefined];
          promise(
            expected.includes(own?.getTime()),
            "deletedAt of a pending location is when its deletion was asked for, or is left out; no other location has one",
            { id, status, own },
          );
        }
      }
    },
  },
  {
    title: "a thousand images come in one answer",
    async run(under) {
      const ids = Array.from({ length: 1000 }, (_, i) => `image-${i}`);
      await seed(under, ...ids.slice(0, 300).map((id) => image(id, "pending")));
      const images = await under.registry.images(ids);
      same(images.size, 300, "images takes 1000 ids and answers with those that are known");
    },
  },
  {
    title: "an image id is compared byte for byte",
    async run(under) {
      await seed(under, image("Image-É", "live"));
      same(
        [...(await under.registry.images(["Image-É", "image-é", "Image-E\u0301", "Image-É "])).keys()],
        ["Image-É"],
        "ids that differ in case, accents or trailing spaces are different images",
      );
    },
  },
];
