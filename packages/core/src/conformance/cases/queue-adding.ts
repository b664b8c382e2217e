import { promise, refuses, same } from "../promise.ts";
import { entry, HOUR, later, lease, leaseOne, list, MINUTE, names, put, type QueueCase } from "./queue-case.ts";

const needs = ["add", "lease"] as const;

export const addingCases: readonly QueueCase[] = [
  {
    title: "an entry is handed out as it was given",
    needs,
    async run(under) {
      const { queue } = under;
      const given = {
        imageId: "image-1",
        location: {
          uri: "file:///kit/a",
          store: "fast",
          identity: {
            etag: "e",
            versionId: "v",
            size: 7,
            modifiedAt: new Date("2025-06-01T10:00:00.123Z"),
            inode: "9",
          },
          metadata: { note: "ü", nested: { list: [1, null, true] } },
        },
        requestedAt: later(under, -HOUR),
        dueAt: later(under, -MINUTE),
      };
      same(await queue.add([given]), ["added"], "a new entry is answered with added");
      const { imageId, location, requestedAt, dueAt, attempts } = await leaseOne(queue, "a due entry is handed out");
      same(
        { imageId, location, requestedAt, dueAt, attempts },
        { ...given, attempts: 0 },
        "image id, URI, store, identity, metadata and both times come back as they were given, with no attempts counted",
      );
    },
  },
  {
    title: "what is left out of a location is left out when it is handed out",
    needs,
    async run({ queue }) {
      await queue.add([entry("a")]);
      const { location } = await leaseOne(queue, "a due entry is handed out");
      same(location, { uri: "file:///kit/a" }, "a location has no property that it was not given");
    },
  },
  {
    title: "an entry without a due time waits for the configured delay after its request",
    needs,
    options: { delayMs: HOUR },
    async run(under) {
      const { queue } = under;
      await put(under, entry("now"), entry("earlier", "earlier", { requestedAt: later(under, -30 * MINUTE) }));
      under.advance(30 * MINUTE - 1);
      same(names(await lease(queue)), [], "nothing is due before requestedAt + delay");
      under.advance(1);
      same(names(await lease(queue)), ["earlier"], "an entry is due at requestedAt + delay");
      under.advance(30 * MINUTE);
      const [own] = (await lease(queue)).filter(({ imageId }) => imageId === "now");
      promise(own !== undefined, "without requestedAt, an entry is due at the time of add + delay");
      same(
        own.dueAt.getTime() - own.requestedAt.getTime(),
        HOUR,
        "dueAt is requestedAt + delay, and requestedAt is the queue's now where it is left out",
      );
    },
  },
  {
    title: "an entry with a due time of its own is due then, whatever the delay",
    needs,
    options: { delayMs: HOUR },
    async run(under) {
      await put(under, entry("a", "a", { dueAt: later(under, MINUTE) }));
      same(names(await lease(under.queue)), [], "an entry is not due before its own dueAt");
      under.advance(MINUTE);
      same(names(await lease(under.queue)), ["a"], "an entry is due at its own dueAt, without the delay");
    },
  },
  {
    title: "the same URI of another image, or in another store, is another entry",
    needs,
    async run({ queue }) {
      const location = { uri: "file:///kit/a" };
      const results = await queue.add([
        { imageId: "a", location },
        { imageId: "b", location },
        { imageId: "a", location: { ...location, store: "fast" } },
        { imageId: "a", location: { ...location, store: "slow" } },
        { imageId: "a", location: { ...location, metadata: { store: "cold" } } },
      ]);
      same(
        results,
        Array(5).fill("added"),
        "an entry is told by image id, URI and store (also one that metadata names)",
      );
      same((await lease(queue)).length, 5, "each of them is handed out");
    },
  },
  {
    title: "URIs and image ids are kept byte for byte",
    needs,
    async run({ queue }) {
      const uris = [
        "file:///kit/line\nbreak",
        "file:///kit/tab\tand\r\n",
        " file:///kit/leading and trailing ",
        "file:///kit/é", // one code point
        "file:///kit/e\u0301", // two
        "file:///KIT/a",
        "file:///kit/a",
        "file:///kit/%61",
        "file:///kit/\u{1f5d1}",
        `file:///kit/${"long/".repeat(1640)}`,
      ];
      const results = await queue.add(uris.map((uri) => ({ imageId: `Ü ${"i".repeat(250)}`, location: { uri } })));
      same(results, Array(uris.length).fill("added"), "URIs that differ in any byte are different entries");
      const leased = await lease(queue);
      same(leased.map((e) => e.location?.uri ?? "").toSorted(), uris.toSorted(), "a URI is kept byte for byte");
      same(leased[0]?.imageId, `Ü ${"i".repeat(250)}`, "an image id of 253 bytes is kept as it is");
    },
  },
  {
    title: "an image id that cannot be one is refused, and nothing of the call is added",
    needs,
    async run({ queue }) {
      for (const imageId of ["", "a\nb", "x".repeat(256)]) {
        await refuses(
          () => queue.add([entry("good"), entry(imageId, "bad")]),
          ["SCRUBBER_IMAGE_ID_INVALID"],
          "an image id of 0 or more than 255 bytes, or with a control character, is refused",
        );
      }
      same(await list(queue), [], "a call that is refused has added nothing");
    },
  },
  {
    title: "a queue that takes no entries refuses add",
    without: "add",
    async run({ queue }) {
      await refuses(() => queue.add([entry("a")]), ["SCRUBBER_UNSUPPORTED"], "supports.add is false: add is refused");
    },
  },
];
