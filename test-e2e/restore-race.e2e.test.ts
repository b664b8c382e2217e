import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { fileURLToPath, pathToFileURL } from "node:url";
import type { Context } from "@scrubber/core";
import { verifyReceipts, type Scrubber } from "@scrubber/engine";
import registrySql from "@scrubber/registry-sql";
import { expect, test } from "vitest";
import { endWorld, makeWorld, openWorld, RECEIPT_KEY, type World } from "./crash/world.ts";

const ROUNDS = 1000;
const WORKER = fileURLToPath(new URL("restore-race/worker.ts", import.meta.url));

interface Round {
  readonly imageId: string;
  /** Another image with the same data, that is due too. */
  readonly twin: string | undefined;
  readonly path: string;
  readonly restored: boolean;
  readonly reason: string | null;
}

async function makeRegistry({ folder }: World): Promise<void> {
  const silent = (): void => {};
  const context: Context = {
    id: "registry",
    log: { debug: silent, info: silent, warn: silent, error: silent },
    now: () => new Date(),
    resolvePath: (path) => path,
    cipher: undefined,
  };
  await registrySql.setUp?.({ url: `sqlite:${join(folder, "registry.sqlite")}` }, context);
}

/** How long the scrubber lately took to delete, in milliseconds. */
let latencyMs = 10;

async function round(scrubber: Scrubber, { folder }: World, n: number): Promise<Round> {
  const imageId = `image-${n}`;
  const twin = n % 3 === 0 ? `twin-${n}` : undefined;
  const path = join(folder, "images", `file-${n}`);
  const { href: uri } = pathToFileURL(path);
  writeFileSync(path, `content of ${n}`);
  const ids = twin === undefined ? [imageId] : [imageId, twin];
  for (const id of ids) await scrubber.registry?.addImage({ id, locations: [{ uri }] });
  for (const id of ids) await scrubber.registry?.requestDeletion(id);
  // Some come long before their time, so that restores succeed however busy the machine is; others only once their data is gone.
  const dueAt = n % 10 === 0 ? { dueAt: new Date("2100-01-01T00:00:00Z") } : {};
  await scrubber.add(ids.map((id) => ({ imageId: id, location: { uri }, ...dueAt })));
  const added = performance.now();
  if (n % 10 === 1) {
    while (existsSync(path)) await setTimeout(1);
    latencyMs = performance.now() - added;
  } else await setTimeout((latencyMs * (n % 8)) / 7);
  const { restored, reason } = await scrubber.restore(imageId);
  return { imageId, twin, path, restored, reason };
}

test(`${ROUNDS} restores beside a scrubber at work: each ends live with its data, or refused and then deleted`, async () => {
  const world = makeWorld(true);
  try {
    const rounds: Round[] = [];
    await makeRegistry(world);
    await using scrubber = await openWorld(world);
    const worker = spawn(process.execPath, ["--conditions=@scrubber/source", WORKER, JSON.stringify(world)]);
    try {
      let errors = "";
      worker.stderr.on("data", (text: Buffer) => (errors += text.toString()));
      await Promise.race([once(worker.stdout, "data"), once(worker, "exit")]);
      for (let n = 0; n < ROUNDS; n++) rounds.push(await round(scrubber, world, n));
      worker.stdin.end();
      const [code] = (await once(worker, "exit")) as [number | null];
      expect({ code, errors }).toEqual({ code: 0, errors: "" });
    } finally {
      worker.kill("SIGKILL");
    }
    await scrubber.runOnce();
    const wrong: unknown[] = [];
    for (const { imageId, twin, path, restored, reason } of rounds) {
      const ids = twin === undefined ? [imageId] : [imageId, twin];
      const images = (await scrubber.registry?.images(ids)) ?? new Map();
      const isLost = restored && reason?.includes("lost their data") === true && twin !== undefined;
      const found = {
        status: images.get(imageId)?.status,
        location: images.get(imageId)?.locations[0]?.status,
        there: existsSync(path),
      };
      const status = restored ? "live" : "deleted";
      const expected = { status, location: status, there: restored && !isLost };
      if (JSON.stringify(found) !== JSON.stringify(expected)) wrong.push({ imageId, twin, restored, reason, found });
    }
    expect(wrong).toEqual([]);
    const restored = rounds.filter((one) => one.restored).length;
    expect(restored).toBeGreaterThanOrEqual(ROUNDS / 10);
    expect(ROUNDS - restored).toBeGreaterThanOrEqual(ROUNDS / 10);
    const verified = await verifyReceipts(join(world.folder, "receipts"), { key: RECEIPT_KEY });
    expect(verified).toMatchObject({ ok: true, torn: 0 });
    console.log(
      `${restored} restored, ${ROUNDS - restored} refused, ${rounds.filter(({ reason }) => reason?.includes("lost their data")).length} lost to a twin`,
    );
  } finally {
    endWorld(world);
  }
});
