import { refuses, same } from "../promise.ts";
import { HOUR, image, imageOf, shown, statusOf, uriOf, type RegistryCase } from "./registry-case.ts";

export const managingCases: readonly RegistryCase[] = [
  {
    title: "an image that is added is live with its locations",
    needs: ["manage"],
    async run({ registry }) {
      await registry.addImage({
        id: "a",
        locations: [{ uri: "file:///kit/a\nb" }, { uri: uriOf("a"), store: "fast" }],
      });
      const { status, locations } = await imageOf(registry, "a");
      same(
        [status, locations.map((l) => [l.status, l.location?.uri, l.location?.store])],
        [
          "live",
          [
            ["live", "file:///kit/a\nb", undefined],
            ["live", uriOf("a"), "fast"],
          ],
        ],
        "addImage adds a live image with its locations, byte for byte",
      );
    },
  },
  {
    title: "an image that is there cannot be added again",
    needs: ["manage"],
    async run(under) {
      const { registry } = under;
      await under.seed(image("a", "live"));
      await under.seed(image("b", "deleted"));
      for (const id of ["a", "b"]) {
        await refuses(
          () => registry.addImage({ id, locations: [{ uri: "file:///kit/other" }] }),
          ["SCRUBBER_IMAGE_EXISTS"],
          "an image that the registry knows, deleted or not, is not added again",
        );
      }
      same(await statusOf(registry, "a"), ["live", { [uriOf("a")]: "live" }], "a refused addition has changed nothing");
    },
  },
  {
    title: "requesting deletion makes a live image and its locations pending, as of now",
    needs: ["manage"],
    async run(under) {
      const { registry } = under;
      await under.seed(image("a", "live", ["live", "live"]));
      await under.seed(image("b", "live"));
      const { status, deletedAt } = await registry.requestDeletion("a");
      same([status, deletedAt], ["pending", under.now()], "requestDeletion answers with the image as it is then");
      const { items } = await registry.pendingLocations({ limit: 10 });
      same(shown(items), [uriOf("a", 0), uriOf("a", 1)], "its locations wait for deletion, and nobody else's");
      same(items[0]?.requestedAt, under.now(), "they were requested now");
    },
  },
  {
    title: "requesting deletion again leaves the time of the first request",
    needs: ["manage"],
    async run(under) {
      const { registry } = under;
      await under.seed(image("a", "live"));
      const first = await registry.requestDeletion("a");
      under.advance(HOUR);
      same(await registry.requestDeletion("a"), first, "a pending image stays as it is");
    },
  },
  {
    title: "deletion of what is missing or deleted already is refused",
    needs: ["manage"],
    async run(under) {
      const { registry } = under;
      await under.seed(image("gone", "deleted"));
      await refuses(
        () => registry.requestDeletion("unknown"),
        ["SCRUBBER_IMAGE_MISSING"],
        "deletion of an image that is not known is refused",
      );
      await refuses(
        () => registry.requestDeletion("gone"),
        ["SCRUBBER_IMAGE_STATUS"],
        "deletion of a deleted image is refused",
      );
      same((await imageOf(registry, "gone")).status, "deleted", "a refused request has changed nothing");
    },
  },
  {
    title: "a registry that is somebody else's refuses addImage and requestDeletion",
    without: "manage",
    async run(under) {
      const { registry } = under;
      await under.seed(image("a", "live"));
      await refuses(
        () => registry.addImage({ id: "b", locations: [] }),
        ["SCRUBBER_UNSUPPORTED"],
        "supports.manage is false: addImage is refused",
      );
      await refuses(
        () => registry.requestDeletion("a"),
        ["SCRUBBER_UNSUPPORTED"],
        "supports.manage is false: requestDeletion is refused",
      );
      same((await imageOf(registry, "a")).status, "live", "a refused request has changed nothing");
    },
  },
];
