import { setTimeout } from "node:timers/promises";
import { openWorld, type World } from "../crash/world.ts";

/** A scrubber that works, pass after pass, until its input ends. */
let isStopped = false;
process.stdin.on("end", () => {
  isStopped = true;
});
process.stdin.resume();

await using scrubber = await openWorld(JSON.parse(process.argv[2] ?? "") as World);
console.log("open");
while (!isStopped) {
  await scrubber.runOnce();
  await setTimeout(1);
}
