import { parentPort } from "node:worker_threads";
import { runJob } from "./batch.ts";
import type { Job } from "./job.ts";

// Loads nothing but node:fs and its own neighbours: what it imported would be in memory twice.
parentPort?.on("message", (job: Job) => {
  parentPort?.postMessage(runJob(job));
});
