import { mkdirSync, readFileSync, symlinkSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createCipher } from "@scrubber/core";
import { describe, expect, test } from "vitest";
import { collect, uris } from "./collect.ts";
import { drop, filesIn, IMAGE, PAST, reason } from "./dropped.ts";
import { QueuePlace } from "./queue-place.ts";

describe("the drop box", () => {
  test("a file in the format of 2014 becomes entries with the due times that it names, and is unlinked", async () => {
    await using place = new QueuePlace();
    const queue = await place.open({ delayMs: 3_600_000 });
    drop(place, IMAGE, `file:///a\n${PAST}\nfile:///b\n4102444800`);
    expect(await collect(queue)).toMatchObject([
      { imageId: IMAGE, location: { uri: "file:///a" }, dueAt: new Date(PAST * 1000), state: "waiting" },
      { imageId: IMAGE, location: { uri: "file:///b" }, dueAt: new Date("2100-01-01T00:00:00Z"), state: "waiting" },
    ]);
    expect([filesIn(place, "incoming"), filesIn(place, "claimed"), filesIn(place, "quarantine")]).toEqual([[], [], []]);
  });

  test("lease, stats, entries and hasImages each see what was dropped before they were called", async () => {
    await using place = new QueuePlace();
    const queue = await place.open();
    drop(place, "one.1", `file:///1\n${PAST}`);
    expect(await queue.lease({ limit: 10, leaseMs: 1000 })).toMatchObject([{ imageId: "one" }]);
    drop(place, "two.1", `file:///2\n${PAST}`);
    expect(await queue.stats()).toMatchObject({ waiting: 1, due: 1, leased: 1 });
    drop(place, "three.1", `file:///3\n${PAST}`);
    expect(await queue.hasImages(["three", "four"])).toEqual(new Set(["three"]));
    drop(place, "four.1", `file:///4\n${PAST}`);
    expect(await uris(queue)).toEqual(["file:///1", "file:///2", "file:///3", "file:///4"]);
  });

  test("Juno's records of three lines are read, with a row's number or a dash", async () => {
    await using place = new QueuePlace();
    const queue = await place.open();
    drop(place, IMAGE, `17\nfile:///a\n${PAST}\n-\nfile:///b\n${PAST}`);
    expect(await uris(queue)).toEqual(["file:///a", "file:///b"]);
    expect(filesIn(place, "quarantine")).toEqual([]);
  });

  test("blank lines, CRLF and a last line feed change nothing; spaces in a URI stay", async () => {
    await using place = new QueuePlace();
    const queue = await place.open();
    drop(place, IMAGE, `\r\nfile:///a b \r\n${PAST}\r\n\r\n\r\nfile:///c\r\n${PAST}\r\n\n`);
    expect(await uris(queue)).toEqual(["file:///a b ", "file:///c"]);
    expect(filesIn(place, "quarantine")).toEqual([]);
  });

  test("sealed URIs of 2014 (block size 64) are opened with the cipher", async () => {
    await using place = new QueuePlace();
    const cipher = createCipher(["0123456789abcdef"]);
    const queue = await place.open({ cipher });
    drop(place, IMAGE, `${cipher.seal("file:///secret", 64)}\n${PAST}\nfile:///clear\n${PAST}`);
    expect(await uris(queue)).toEqual(["file:///clear", "file:///secret"]);
  });

  test("a sealed URI that no key opens is kept in quarantine, and the rest of its file is queued", async () => {
    await using place = new QueuePlace();
    const queue = await place.open({ cipher: createCipher(["0123456789abcdef"]) });
    drop(
      place,
      IMAGE,
      `${createCipher(["another key 1234"]).seal("file:///secret", 64)}\n${PAST}\nfile:///clear\n${PAST}`,
    );
    expect(await uris(queue)).toEqual(["file:///clear"]);
    expect(reason(place)).toContain("line 1: its URI is sealed under a key that is not configured, or damaged");
    expect(place.log.lines.slice(1)).toMatchObject([{ level: "warn", fields: { problems: 1 } }]);
  });

  test("a *.jsonl file has a location on each line, with everything that belongs to it; a line feed in a URI is part of it", async () => {
    await using place = new QueuePlace();
    const queue = await place.open();
    const lines = [
      "# what the night job found",
      "",
      "img-tab\tfile:///tab\r",
      JSON.stringify({
        imageId: "img-json",
        uri: "file:///two\nlines",
        dueAt: "2026-01-01T02:00:00+01:00",
        store: "fast",
        identity: { etag: "e", size: 5, modifiedAt: "2025-12-01T00:00:00Z" },
        metadata: { owner: { name: "me" } },
      }),
    ];
    drop(place, "night.jsonl", `\uFEFF${lines.join("\n")}`);
    expect(await collect(queue)).toMatchObject([
      { imageId: "img-tab", location: { uri: "file:///tab" } },
      {
        imageId: "img-json",
        dueAt: new Date("2026-01-01T01:00:00Z"),
        location: {
          uri: "file:///two\nlines",
          store: "fast",
          identity: { etag: "e", size: 5, modifiedAt: new Date("2025-12-01T00:00:00Z") },
          metadata: { owner: { name: "me" } },
        },
      },
    ]);
    expect(filesIn(place, "quarantine")).toEqual([]);
  });

  test.each([
    ["a URI without its time at the end", `file:///a\n${PAST}\nfile:///torn`, "line 3: a URI without the time"],
    ["a time cut short", `file:///a\n${PAST}\nfile:///torn\n17671`, "line 3: a URI without the time"],
    ["a URI that was left behind by a removal", `file:///left\nfile:///a\n${PAST}`, "line 1: a URI without the time"],
    ["a line feed in a URI", `file:///x\ny\n${PAST}\nfile:///a\n${PAST}`, "line 1: a URI without the time"],
    ["a time without its URI", `${PAST}\nfile:///a\n${PAST}`, "line 1: a time without a URI"],
    ["bytes that are no UTF-8", Buffer.from(`file:///\xff\n${PAST}\nfile:///a\n${PAST}`, "latin1"), "line 1: neither"],
    ["zeros, as a crash leaves them", Buffer.from(`file:///a\n${PAST}\n\0\0\0\0`), "line 3: neither"],
  ])("%s is kept in quarantine with the reason, and the other records are queued", async (_, content, said) => {
    await using place = new QueuePlace();
    const queue = await place.open();
    drop(place, IMAGE, content);
    expect(await uris(queue)).toEqual(["file:///a"]);
    expect(reason(place)).toContain(said);
    const [kept = ""] = filesIn(place, "quarantine").filter((name) => !name.endsWith(".reason"));
    expect(readFileSync(join(place.directory, "quarantine", kept))).toEqual(Buffer.from(content));
  });

  test.each([
    ["no JSON", `{"imageId":"x","uri":"file:///secret`, "line 1: it is not valid JSON"],
    ["an unknown key", `{"imageId":"x","uri":"file:///secret","due":"now"}`, `line 1: "due" is unknown`],
    ["a missing key", `{"uri":"file:///secret"}`, `line 1: "imageId" is missing`],
    [
      "an instant without a zone",
      `{"imageId":"x","uri":"file:///secret","dueAt":"2026-01-01T00:00:00"}`,
      `line 1: "dueAt": must be an instant`,
    ],
    ["no tab", "x file:///secret", "line 1: it is neither"],
    ["no scheme", "x\t/var/secret", "line 1: its URI cannot be one"],
    [
      "an image id of control characters",
      `{"imageId":"\\u0001","uri":"file:///secret"}`,
      "line 1: its image id cannot be one",
    ],
  ])(
    "a line of a *.jsonl file with %s is kept in quarantine, named by number, without what it says",
    async (_, line, said) => {
      await using place = new QueuePlace();
      const queue = await place.open();
      drop(place, "list.jsonl", `${line}\nimg\tfile:///a\n`);
      expect(await uris(queue)).toEqual(["file:///a"]);
      expect(reason(place)).toContain(said);
      expect(reason(place) + JSON.stringify(place.log.lines)).not.toContain("secret");
    },
  );

  test("what is no readable file is kept in quarantine as it is: a link is not followed, a folder not entered, a pipe not waited for", async () => {
    await using place = new QueuePlace();
    const queue = await place.open();
    const outside = join(place.root, "outside");
    writeFileSync(outside, `file:///outside\n${PAST}`);
    symlinkSync(outside, join(place.directory, "incoming", "link"));
    mkdirSync(join(place.directory, "incoming", "folder"));
    writeFileSync(join(place.directory, "incoming", "folder", IMAGE), `file:///inside\n${PAST}`);
    drop(place, "empty", "");
    drop(place, ".hidden", `file:///hidden\n${PAST}`);
    drop(place, "n".repeat(240), `file:///long\n${PAST}`);
    expect(await uris(queue)).toEqual([]);
    expect(filesIn(place, "quarantine")).toHaveLength(10);
    expect(readFileSync(outside, "utf8")).toContain("outside");
  });

  test("what is still being written is left alone", async () => {
    await using place = new QueuePlace();
    const queue = await place.open();
    writeFileSync(join(place.directory, "incoming", ".tmp-half"), "file:///ha");
    expect(await uris(queue)).toEqual([]);
    expect(filesIn(place, "incoming")).toEqual([".tmp-half"]);
  });

  test("a corrected file can be dropped again: only what was missing is added", async () => {
    await using place = new QueuePlace();
    const queue = await place.open();
    drop(place, IMAGE, `file:///a\n${PAST}\nfile:///torn`);
    await queue.stats();
    drop(place, IMAGE, `file:///a\n${PAST}\nfile:///torn\n${PAST}`);
    expect(await uris(queue)).toEqual(["file:///a", "file:///torn"]);
  });

  test("the deletion counts as requested when the file was last written, at most now", async () => {
    await using place = new QueuePlace();
    const queue = await place.open();
    const incoming = join(place.directory, "incoming");
    writeFileSync(join(incoming, "old"), `file:///old\n${PAST}`);
    utimesSync(join(incoming, "old"), PAST, PAST);
    writeFileSync(join(incoming, "future"), "file:///future\n4102444800");
    utimesSync(join(incoming, "future"), 4_102_444_800, 4_102_444_800);
    expect(await collect(queue)).toMatchObject([
      { imageId: "old", requestedAt: new Date(PAST * 1000) },
      { imageId: "future", requestedAt: place.clock.now() },
    ]);
  });

  test("a file of 2,500 locations is taken in over several transactions, each once", async () => {
    await using place = new QueuePlace();
    const queue = await place.open();
    const lines = Array.from({ length: 2500 }, (_, i) => `img-${i}\tfile:///${i}\n`);
    drop(place, "many.jsonl", lines.join(""));
    expect(await queue.stats()).toMatchObject({ waiting: 2500 });
    expect(place.sql("SELECT count(*) AS n FROM claims")).toEqual([{ n: 0 }]);
  });

  test("2,000 files are taken in, by two queues at once, each once", async () => {
    await using place = new QueuePlace();
    const [one, two] = [await place.open(), await place.open()];
    for (let i = 0; i < 2000; i++) drop(place, `${IMAGE}.${i}`, `file:///${i}\n${PAST}`);
    const [a, b] = await Promise.all([one.stats(), two.stats()]);
    expect([a.waiting, b.waiting]).toEqual([2000, 2000]);
    // Ids are given once: more of them than entries would be a file that was taken in twice.
    expect(place.sql("SELECT max(id) AS last, count(*) AS entries FROM entries")).toEqual([
      { last: 2000, entries: 2000 },
    ]);
    expect(filesIn(place, "claimed")).toEqual([]);
  });
});
