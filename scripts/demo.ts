/**
 * Shows the main job on real files: makes a folder, runs the real commands on it, then looks at the disk and the database itself.
 * Ends with 1 if anything is not as promised.
 */
import { join } from "node:path";
import { filesAct } from "./demo/files.ts";
import { imagesAct } from "./demo/images.ts";
import { paint, Stage } from "./demo/stage.ts";

const startedAt = performance.now();
using stage = new Stage(join(process.env["INIT_CWD"] ?? process.cwd(), "scrubber-demo"));
await filesAct(stage);
await imagesAct(stage);

const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
stage.title("The end");
if (stage.broken.length === 0) {
  console.log(
    paint("green", `Everything is as promised (${seconds} s). The folder stays: ${stage.shown(stage.folder)}\n`),
  );
  console.log("Try next:");
  for (const [command, does] of [
    [`cd ${stage.shown(join(stage.folder, "files"))}`, ""],
    ["npx -y pnpm@12 scrubber status", "how it stands"],
    ["npx -y pnpm@12 scrubber list --state setAside", "what needs a person, and why"],
    ["npx -y pnpm@12 scrubber restore later-0", "take a deletion back"],
    ["npx -y pnpm@12 scrubber run --help", "all options, with examples"],
  ] as const) {
    console.log(`  ${command.padEnd(48)}${does === "" ? "" : paint("dim", `# ${does}`)}`);
  }
} else {
  console.log(paint("red", "Not as promised:"));
  for (const what of stage.broken) console.log(`  ${what}`);
  process.exitCode = 1;
}
