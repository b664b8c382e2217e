import type { Scrubber } from "@scrubber/engine";
import { formatInstant, formatRelative } from "../figures.ts";
import type { Invocation } from "../invocation.ts";

/** Says when the first of an image's entries is due, as the queue has it, and how to take it back. */
export async function sayWhenDue(run: Invocation, { queue }: Scrubber, imageId: string): Promise<void> {
  if (run.output.json) return;
  let due: Date | undefined;
  for await (const entry of queue.entries({ imageId })) {
    if (entry.state !== "setAside") due = due === undefined || entry.dueAt < due ? entry.dueAt : due;
  }
  if (due === undefined) return;
  await run.output.line(`Due ${when(due)}. To take it back before it is deleted: scrubber restore ${imageId}`);
}

/** An instant from now on, for a person. */
export function when(due: Date): string {
  const now = new Date();
  return due <= now ? "now, for the next run" : `${formatInstant(due)} (${formatRelative(due, now)})`;
}
