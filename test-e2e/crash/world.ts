import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createScrubber, defineConfig, type Scrubber } from "@scrubber/engine";
import queueFile from "@scrubber/queue-file";
import registrySql from "@scrubber/registry-sql";
import storeFs from "@scrubber/store-fs";

/** What a crash program works on: a folder with files, a queue, perhaps a registry, receipts. */
export interface World {
  readonly folder: string;
  readonly registry: boolean;
}

export const RECEIPT_KEY = "the receipts of the crash program";

export function makeWorld(registry: boolean): World {
  const folder = mkdtempSync(join(tmpdir(), "scrubber-crash-"));
  for (const name of ["images", "queue"]) mkdirSync(join(folder, name), { mode: 0o700 });
  return { folder, registry };
}

export function endWorld(world: World): void {
  rmSync(world.folder, { recursive: true, force: true });
}

/** The scrubber on a world. The delay is none: what is added is due, but for what comes with a time of its own. */
export function openWorld({ folder, registry }: World, now?: () => Date): Promise<Scrubber> {
  return createScrubber(
    defineConfig({
      queue: { use: queueFile, with: { directory: join(folder, "queue") } },
      ...(registry && { registry: { use: registrySql, with: { url: `sqlite:${join(folder, "registry.sqlite")}` } } }),
      ...(!registry && { sweep: false as const }),
      stores: [{ use: storeFs, with: { roots: [join(folder, "images")], marker: false } }],
      scrub: { batch: 50 },
      receipts: { directory: join(folder, "receipts"), key: RECEIPT_KEY },
    }),
    now === undefined ? {} : { now },
  );
}
