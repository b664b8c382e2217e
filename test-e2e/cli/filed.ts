import { mkdirSync } from "node:fs";
import { Scene } from "./scene.ts";

/** A folder with one root, whose entries are due at once and whose daemon wakes up often. */
export function filed(more: string = ""): Scene {
  const scene = new Scene(`
queue: { use: "@scrubber/queue-file", with: { directory: ./queue } }
stores: [{ use: "@scrubber/store-fs", with: { roots: [./images], marker: .scrubber-root } }]
scrub: { wakeup: 200ms }
receipts: { directory: ./receipts }
${more}`);
  mkdirSync(scene.path("images"));
  scene.write("images/.scrubber-root", "");
  return scene;
}
