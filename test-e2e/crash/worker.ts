import { closeSync, fsyncSync, mkdirSync, openSync, renameSync, writeFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { openWorld, type World } from "./world.ts";

/**
 * One step of the crash program, in a process that will be killed. It says on stdout what was accepted, a line for each, after it was accepted;
 * those lines are what the world is held against.
 */
export type Step =
  | { readonly action: "add" | "drop"; readonly from: number; readonly count: number; readonly perImage: number }
  | { readonly action: "run" }
  | { readonly action: "sweep" }
  | { readonly action: "restore"; readonly image: number };

const { world, step } = JSON.parse(process.argv[2] ?? "") as { world: World; step: Step };

switch (step.action) {
  case "add":
    await add(step.from, step.count, step.perImage);
    break;
  case "drop":
    drop(step.from, step.count);
    break;
  case "run":
  case "sweep":
  case "restore": {
    await using scrubber = await openWorld(world);
    if (step.action === "run") await scrubber.runOnce();
    if (step.action === "sweep") await scrubber.sweep();
    if (step.action === "restore") {
      const { restored } = await scrubber.restore(`image-${step.image}`);
      if (restored) say(`restored ${step.image}`);
    }
    break;
  }
}

function say(line: string): void {
  writeSync(1, `${line}\n`);
}

function makeFile(n: number): string {
  const folder = join(world.folder, "images", String(n % 7));
  mkdirSync(folder, { recursive: true });
  const path = join(folder, `file-${n}`);
  writeFileSync(path, `content of ${n}`);
  return path;
}

/** Images of `perImage` files each; a fifth of them has a time of its own that never comes here. */
async function add(from: number, count: number, perImage: number): Promise<void> {
  await using scrubber = await openWorld(world);
  for (let first = from; first < from + count; first += perImage) {
    const numbers = Array.from({ length: perImage }, (_, i) => first + i);
    const imageId = `image-${first}`;
    const uris = numbers.map((n) => pathToFileURL(makeFile(n)).href);
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

function drop(from: number, count: number): void {
  const incoming = join(world.folder, "queue", "incoming");
  mkdirSync(incoming, { recursive: true });
  for (let n = from; n < from + count; n++) {
    const uri = pathToFileURL(makeFile(n)).href;
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
