import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { add } from "./crash/filling.ts";
import { CALLS, runStep, type Death } from "./crash/killing.ts";
import { accept, breaches, nothingAccepted } from "./crash/verdict.ts";
import { endWorld, makeWorld, openWorld } from "./crash/world.ts";
import type { Step } from "./crash/worker.ts";

/** `CRASH_KILLS=2000 CRASH_SEED=7 pnpm --filter @scrubber/test-e2e e2e crash` makes a longer run, or repeats one. */
const kills = Number(process.env["CRASH_KILLS"] ?? 200);
const seed = Number(process.env["CRASH_SEED"] ?? Date.now() % 1_000_000);

/** Mulberry32: small, seeded, good enough to choose moments. */
function randomOf(seed: number): (below: number) => number {
  let a = seed;
  return (below) => {
    a = (a + 0x6d2b79f5) | 0;
    let t = Math.imul(a ^ (a >>> 15), 1 | a);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) % below;
  };
}

for (const registry of [false, true]) {
  const share = Math.ceil(kills / 2);
  test(`${share} kills -9 ${registry ? "with" : "without"} a registry: nothing is lost, nothing alive is deleted, nothing is called deleted too early (seed ${seed})`, async () => {
    const random = randomOf(seed + (registry ? 1 : 0));
    const world = makeWorld(registry);
    try {
      if (registry) await setUpRegistry(world.folder);
      const accepted = nothingAccepted();
      let next = 1;
      let killed = 0;
      const some = (count: number): { from: number; count: number; perImage: number } => {
        const from = next;
        next += count + 2;
        return { from, count, perImage: 1 + random(2) };
      };
      const step = (): Step => {
        const kind = random(10);
        if (kind === 0) return { action: registry ? "add" : "drop", ...some(60) };
        if (kind <= 2) return { action: "add", ...some(60) };
        if (!registry || kind <= 7) return { action: "run" };
        const images = [...accepted.images.keys()];
        return kind === 8 ? { action: "sweep" } : { action: "restore", image: images[random(images.length)] ?? 1 };
      };
      const death = (): Death =>
        random(4) === 0
          ? { after: 100 + random(500) }
          : { call: CALLS[random(CALLS.length)] ?? "write", nth: 1 + random(random(2) === 0 ? 12 : 90) };
      const fill = async (): Promise<void> => {
        const { from, count, perImage } = some(60);
        await add(world, from, count, perImage, (line) => accept(accepted, `${line}\n`));
      };

      for (let round = 0; killed < share; round++) {
        expect(round, "rounds without enough kills").toBeLessThan(share * 4);
        const first = step();
        // What is to be killed has work: leases of those killed before it have yet to run out.
        if (first.action !== "add" && first.action !== "drop") await fill();
        const steps: readonly [Step, Death][] = [
          ...(random(4) === 0 ? [[{ action: "run" }, "never"] as [Step, Death]] : []),
          [first, death()],
        ];
        const results = await Promise.all(steps.map(([what, when]) => runStep(world, what, when)));
        for (const result of results) {
          accept(accepted, result.output);
          if (result.killed) killed++;
        }
        const found = await breaches(world, accepted);
        expect(found, `round ${round}, seed ${seed}, ${JSON.stringify(steps)}`).toEqual([]);
      }

      await finish(world);
      expect(await breaches(world, accepted)).toEqual([]);
      const left = [...accepted.due].filter((n) =>
        existsSync(join(world.folder, "images", String(n % 7), `file-${n}`)),
      );
      expect(left, "due files that are still there in the end").toEqual([]);
      expect(readdirSync(join(world.folder, "queue", "quarantine"), { recursive: true })).toEqual([]);
    } finally {
      endWorld(world);
    }
  }, 1_800_000);
}

async function setUpRegistry(folder: string): Promise<void> {
  const { default: plugin } = await import("@scrubber/registry-sql");
  const checked = await plugin.options["~standard"].validate({ url: `sqlite:${join(folder, "registry.sqlite")}` });
  if (checked.issues !== undefined) throw new Error(JSON.stringify(checked.issues));
  const silent = (): void => {};
  await plugin.setUp?.(checked.value, {
    id: "registry",
    log: { debug: silent, info: silent, warn: silent, error: silent },
    now: () => new Date(),
    resolvePath: (path) => path,
    cipher: undefined,
  });
}

/** Works until nothing is left that can be done: leases of the dead run out by the clock of this last scrubber. */
async function finish(world: { folder: string; registry: boolean }): Promise<void> {
  await using scrubber = await openWorld(world, () => new Date(Date.now() + 3_600_000));
  if (world.registry) await scrubber.sweep();
  for (let i = 0; i < 5; i++) await scrubber.runOnce();
}
