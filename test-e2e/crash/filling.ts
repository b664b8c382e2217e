import { closeSync, fsyncSync, mkdirSync, openSync, renameSync, writeFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { openWorld, type World } from "./world.ts";

/** Hears a line for each thing that was accepted, after it was accepted. */
export type Say = (line: string) => void;

function makeFile(world: World, n: number): string {
  const folder = join(world.folder, "images", String(n % 7));
  mkdirSync(folder, { recursive: true });
  const path = join(folder, `file-${n}`);
  writeFileSync(path, `content of ${n}`);
  return path;
}

/** Images of `perImage` files each; a fifth of them has a time of its own that never comes here. */
export async function add(world: World, from: number, count: number, perImage: number, say: Say): Promise<void> {
  await using scrubber = await openWorld(world);
  for (let first = from; first < from + count; first += perImage) {
    const numbers = Array.from({ length: perImage }, (_, i) => first + i);
    const imageId = `image-${first}`;
    const uris = numbers.map((n) => pathToFileURL(makeFile(world, n)).href);
    if (scrubber.registry !== undefined) {
      await scrubber.registry.addImage({ id: imageId, locations: uris.map((uri) => ({ uri })) });
      if (first % 3 === 0) {
        say(`live ${numbers.join(" ")}`);
        continue;
      }
      await scrubber.registry.requestDeletion(imageId);
    }
    // With a registry, a sweep may be quicker than this process, and knows of no time of its own.
    const later = scrubber.registry === undefined && first % 5 === 0;
    // The files were just written: their deletion is asked for after that.
    const requestedAt = new Date(Date.now() + 1000);
    await scrubber.add(
      uris.map((uri) => ({
        imageId,
        location: { uri },
        requestedAt,
        ...(later && { dueAt: new Date("2100-01-01T00:00:00Z") }),
      })),
    );
    say(`${later ? "later" : "due"} ${numbers.join(" ")}`);
  }
}

/** Drops a file of the 2014 form for each, as any program may. */
export function drop(world: World, from: number, count: number, say: Say): void {
  const incoming = join(world.folder, "queue", "incoming");
  mkdirSync(incoming, { recursive: true });
  for (let n = from; n < from + count; n++) {
    const uri = pathToFileURL(makeFile(world, n)).href;
    const temporary = join(incoming, `.tmp-${n}`);
    const file = openSync(temporary, "w");
    writeSync(file, `${uri}\n${Math.floor(Date.now() / 1000)}`);
    fsyncSync(file);
    closeSync(file);
    renameSync(temporary, join(incoming, `image-${n}.${process.pid}`));
    const folder = openSync(incoming, "r");
    fsyncSync(folder);
    closeSync(folder);
    say(`due ${n}`);
  }
}
