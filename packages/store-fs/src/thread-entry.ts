import { parentPort, receiveMessageOnPort, workerData } from "node:worker_threads";
import { Group } from "./group.ts";
import type { Job } from "./job.ts";

// Loads nothing but node:fs and its own neighbours: what it imported would be in memory twice.
const port = parentPort;
if (port !== null) {
  const group = new Group({
    // oxlint-disable-next-line no-unsafe-type-assertion -- the other end sends nothing else
    next: () => receiveMessageOnPort(port)?.message as Job | undefined,
    answer: (answers) => port.postMessage(answers),
    // oxlint-disable-next-line no-unsafe-type-assertion -- as RootThread gives it
    borrowed: workerData as Int32Array,
  });
  port.on("message", (job: Job) => group.bring(job));
}
