import { readdirSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { fileQueueHarness } from "./queue-harness.ts";
import { QueuePlace } from "./queue-place.ts";

test("an entry that was leased before its time, and whose lease ran out, says when it is due", async () => {
  await using place = await fileQueueHarness.open();
  const { queue } = place;
  const dueAt = new Date(place.now().getTime() + 3_600_000);
  await queue.add([{ imageId: "image", location: { uri: "file:///kit/early" }, dueAt }]);
  await queue.lease({ limit: 1, leaseMs: 60_000, imageId: "image" });
  place.advance(60_000);
  expect(await queue.stats()).toMatchObject({ waiting: 1, due: 0, leased: 0, nextDueAt: dueAt });
});

test("an entry that was released before its time says when it is due", async () => {
  await using place = await fileQueueHarness.open();
  const { queue } = place;
  const dueAt = new Date(place.now().getTime() + 3_600_000);
  await queue.add([{ imageId: "image", location: { uri: "file:///kit/early" }, dueAt }]);
  for (const { id, token } of await queue.lease({ limit: 1, leaseMs: 60_000, imageId: "image" })) {
    await queue.settle([{ id, token, kind: "release", visibleAt: new Date(place.now().getTime() + 1000) }]);
  }
  place.advance(2000);
  expect(await queue.stats()).toMatchObject({ waiting: 1, due: 0, leased: 0, nextDueAt: dueAt });
});

test("what is in quarantine is counted without its reasons, and not any more once it is moved back", async () => {
  await using place = new QueuePlace();
  const queue = await place.open();
  const [incoming, quarantine] = [join(place.directory, "incoming"), join(place.directory, "quarantine")];
  writeFileSync(join(incoming, "image"), "no location");
  expect(await queue.stats()).toMatchObject({ waiting: 0, quarantined: 1 });
  const kept = readdirSync(quarantine).find((name) => !name.endsWith(".reason")) ?? "";
  writeFileSync(join(quarantine, kept), "file:///a\n1767139200");
  renameSync(join(quarantine, kept), join(incoming, "image"));
  expect(await queue.stats()).toMatchObject({ waiting: 1, quarantined: 0 });
});
