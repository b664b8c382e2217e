import { failsForEnvironment, promise, refuses, required, same } from "../promise.ts";
import {
  allPending,
  allReferences,
  HOUR,
  image,
  imageOf,
  seed,
  shown,
  uriOf,
  type RegistryCase,
} from "./registry-case.ts";

export const listingCases: readonly RegistryCase[] = [
  {
    title: "what waits for deletion is listed, with the time of the request, and nothing else is",
    async run(under) {
      const deletedAt = new Date(under.now().getTime() - HOUR);
      await seed(under, image("live", "live"), image("gone", "deleted"), image("a", "pending", ["pending"], deletedAt));
      const items = await allPending(under.registry);
      same(shown(items), [uriOf("a")], "pending locations are listed, live and deleted ones are not");
      const { imageId, imageStatus, requestedAt } = required(items[0], "an item", "one is pending");
      same(
        { imageId, imageStatus, requestedAt },
        { imageId: "a", imageStatus: "pending", requestedAt: deletedAt },
        "each with its image, the image's status, and when the deletion was asked for",
      );
    },
  },
  {
    title: "a single pending location of a live image is listed",
    needs: ["locationStatus"],
    async run(under) {
      await seed(under, image("a", "live", ["live", "pending"]));
      const items = await allPending(under.registry);
      same(shown(items), [uriOf("a", 1)], "a pending location of a live image is listed, its live one is not");
      same(items[0]?.imageStatus, "live", "with the status of its image");
    },
  },
  {
    title: "a pending image that has no pending location left is listed as one with none",
    needs: ["locationStatus"],
    async run(under) {
      await seed(
        under,
        image("bare", "pending", []),
        image("done", "pending", ["deleted", "deleted"]),
        image("x", "live", []),
      );
      same(
        shown(await allPending(under.registry)).toSorted(),
        ["none bare", "none done"],
        "a pending image without a location, or with deleted ones only, is listed with none: it is to be finished",
      );
    },
  },
  {
    title: "pages show every row once, however small",
    async run(under) {
      const ids = Array.from({ length: 25 }, (_, i) => `image-${String(i).padStart(2, "0")}`);
      await seed(under, ...ids.map((id) => image(id, "pending")));
      for (const limit of [1, 7, 25, 1000]) {
        const items = shown(await allPending(under.registry, limit));
        same(
          items.toSorted(),
          ids.map((id) => uriOf(id)),
          `pages of ${limit} show every row once`,
        );
      }
      const { items } = await under.registry.pendingLocations({ limit: 7 });
      promise(items.length <= 7, "a page has no more than limit rows", items.length);
    },
  },
  {
    title: "what was asked for outside of the times that the caller knows is listed, on every page",
    async run(under) {
      const now = under.now().getTime();
      const ago = (hours: number): Date => new Date(now - hours * HOUR);
      const times = { early: 5, first: 4, known: 3, last: 2, late: 1 };
      for (const [id, hours] of Object.entries(times)) await seed(under, image(id, "pending", ["pending"], ago(hours)));
      for (const limit of [1, 1000]) {
        const items = await allPending(under.registry, limit, { after: ago(times.first), before: ago(times.last) });
        const others = shown(items).filter((uri) => uri !== uriOf("known"));
        same(
          others.toSorted(),
          ["early", "first", "last", "late"].map((id) => uriOf(id)).toSorted(),
          "only what was asked for between known.after and known.before may be left out, and not what was asked for at these instants",
        );
      }
    },
  },
  {
    title: "rows that go, come or change between two pages do not shift the others",
    needs: ["locationStatus"],
    async run(under) {
      const { registry } = under;
      const ids = Array.from({ length: 12 }, (_, i) => `image-${String(i).padStart(2, "0")}`);
      await seed(under, ...ids.map((id) => image(id, "pending")));
      const first = await registry.pendingLocations({ limit: 6 });
      const seen = [...first.items];
      const gone = seen.slice(0, 5).map(({ imageId }) => ({ imageId, locations: [{ uri: uriOf(imageId) }] }));
      await registry.recordDeleted(gone);
      await seed(under, image("image-00a", "pending"));
      let after = first.next;
      while (after !== undefined) {
        const page = await registry.pendingLocations({ limit: 6, after });
        seen.push(...page.items);
        after = page.next;
      }
      const old = shown(seen).filter((uri) => uri !== uriOf("image-00a"));
      same(
        old.toSorted(),
        ids.map((id) => uriOf(id)),
        "paging goes by primary key: what was there all the time shows once, whatever went or came before it",
      );
    },
  },
  {
    title: "every location that is not deleted is a reference, in order of ref",
    needs: ["references"],
    async run(under) {
      await seed(under, image("a", "live", ["live", "live"]), image("b", "pending", ["pending"]), image("c", "live"));
      await under.seed({ id: "d", status: "live", locations: [{ uri: uriOf("d"), store: "fast", status: "live" }] });
      const all = await allReferences(under.registry);
      same(
        all.map(({ imageId, location }) => [imageId, location?.uri, location?.store]),
        [
          ["a", uriOf("a", 0), undefined],
          ["a", uriOf("a", 1), undefined],
          ["b", uriOf("b"), undefined],
          ["c", uriOf("c"), undefined],
          ["d", uriOf("d"), "fast"],
        ],
        "references lists every location of live and pending images: one that is missing costs somebody data",
      );
      const refs = all.map(({ ref }) => ref);
      same(
        refs,
        refs.toSorted((x, y) => x - y),
        "references come in order of ref",
      );
      const [second] = refs.slice(1);
      same(
        (await allReferences(under.registry, second)).map(({ ref }) => ref),
        refs.slice(2),
        "after a ref, only greater ones come",
      );
      same(await allReferences(under.registry, refs.at(-1)), [], "after the last ref, none comes");
      const a = (await imageOf(under.registry, "a")).locations.map(({ ref }) => ref);
      same(a, refs.slice(0, 2), "a reference's ref is the ref of the location's row");
    },
  },
  {
    title: "later rows have greater refs",
    needs: ["references"],
    async run(under) {
      await seed(under, image("z", "live"));
      const [before] = await allReferences(under.registry);
      await seed(under, image("a", "live"));
      const later = await allReferences(under.registry, before?.ref);
      same(
        later.map(({ imageId }) => imageId),
        ["a"],
        "what was added later is found after the greatest ref of before",
      );
    },
  },
  {
    title: "a registry that cannot list references refuses to",
    without: "references",
    async run({ registry }) {
      await refuses(
        () => allReferences(registry),
        ["SCRUBBER_UNSUPPORTED"],
        "supports.references is false: references is refused, and is not an empty list",
      );
    },
  },
  {
    title: "a location that cannot be read is listed as unreadable with a reason, and hides no other",
    async run(under) {
      await under.seed({
        id: "a",
        status: "pending",
        locations: [
          { uri: uriOf("a", 0), status: "pending", unreadable: true },
          { uri: uriOf("a", 1), status: "pending" },
        ],
      });
      const { locations } = await imageOf(under.registry, "a");
      same(
        locations.map(({ location }) => location?.uri),
        [undefined, uriOf("a", 1)],
        "an unreadable location is listed",
      );
      promise((locations[0]?.unreadable ?? "") !== "", "an unreadable location says why", locations[0]);
      const pending = shown(await allPending(under.registry));
      same(pending.toSorted(), [uriOf("a", 1), "unreadable a"], "an unreadable location is listed as pending too");
      if (!under.registry.supports.references) return;
      const references = await allReferences(under.registry);
      same(references.length, 2, "an unreadable location is a reference too");
      promise((references[0]?.unreadable ?? "") !== "", "an unreadable reference says why", references[0]);
    },
  },
  {
    title: "a broken backend is an error of the environment in every call, and no call is answered by less",
    async run(under) {
      await seed(under, image("a", "pending"), image("b", "live"));
      const { registry } = under;
      const calls = {
        images: () => registry.images(["a"]),
        pendingLocations: () => registry.pendingLocations({ limit: 10 }),
        recordDeleted: () => registry.recordDeleted([{ imageId: "a", locations: [{ uri: uriOf("a") }] }]),
        ...(registry.supports.references ? { references: () => allReferences(registry) } : {}),
        ...(registry.supports.restore ? { restore: () => registry.restore("a") } : {}),
        ...(registry.supports.manage ? { requestDeletion: () => registry.requestDeletion("b") } : {}),
      };
      const mend = await under.breakBackend();
      try {
        for (const [name, call] of Object.entries(calls)) {
          await failsForEnvironment(
            call,
            `${name} rejects with an error of the environment: half an answer, or none, is a failure`,
          );
        }
      } finally {
        await mend();
      }
      const statuses = Array.from((await registry.images(["a", "b"])).values(), ({ id, status }) => [id, status]);
      same(Object.fromEntries(statuses), { a: "pending", b: "live" }, "calls that failed have changed nothing");
    },
  },
];
