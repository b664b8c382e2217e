import { writeSync } from "node:fs";
import { add, drop } from "./filling.ts";
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
    await add(world, step.from, step.count, step.perImage, say);
    break;
  case "drop":
    drop(world, step.from, step.count, say);
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
