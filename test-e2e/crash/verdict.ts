import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { verifyReceipts } from "@scrubber/engine";
import { openWorld, RECEIPT_KEY, type World } from "./world.ts";

/** What was accepted so far, by number of the file. */
export interface Accepted {
  /** In the queue, its time has come. */
  readonly due: Set<number>;
  /** In the queue, its time never comes here. */
  readonly later: Set<number>;
  /** Belongs to a live image. */
  readonly live: Set<number>;
  /** Files for each image: the number of its first file, then all. */
  readonly images: Map<number, readonly number[]>;
}

export function nothingAccepted(): Accepted {
  return { due: new Set(), later: new Set(), live: new Set(), images: new Map() };
}

/** Takes in what a worker said. */
export function accept(accepted: Accepted, output: string): void {
  for (const line of output.split("\n").slice(0, -1)) {
    const [word, ...rest] = line.split(" ");
    const numbers = rest.map(Number);
    if (word === "restored") {
      for (const n of accepted.images.get(numbers[0] ?? -1) ?? []) {
        accepted.due.delete(n);
        accepted.later.delete(n);
        accepted.live.add(n);
      }
      continue;
    }
    const set = word === "due" ? accepted.due : word === "later" ? accepted.later : accepted.live;
    for (const n of numbers) set.add(n);
    accepted.images.set(numbers[0] ?? -1, numbers);
  }
}

/** Holds disk, queue, registry and receipts against promises 1 to 4; answers with every breach, as a sentence. */
export async function breaches(world: World, accepted: Accepted): Promise<readonly string[]> {
  const found: string[] = [];
  const path = (n: number): string => join(world.folder, "images", String(n % 7), `file-${n}`);
  await using scrubber = await openWorld(world);

  const queued = new Set<number>();
  for await (const entry of scrubber.queue.entries()) {
    if (entry.location === undefined) found.push(`an entry of ${entry.imageId} cannot be read: ${entry.unreadable}`);
    else queued.add(numberOf(entry.location.uri));
  }
  const receipts = outcomesByFile(world);
  for (const n of accepted.due) {
    if (!existsSync(path(n))) continue;
    const outcomes = receipts.get(n) ?? [];
    if (outcomes.some((outcome) => outcome === "deleted" || outcome === "absent")) {
      found.push(`a receipt says that file ${n} is gone, and it is there (promise 2)`);
    }
    if (!queued.has(n) && !outcomes.some((outcome) => outcome === "kept" || outcome === "restored")) {
      found.push(`file ${n} was accepted, is there, and is not queued: lost (promises 1 and 4)`);
    }
  }
  for (const n of accepted.later) {
    if (!existsSync(path(n))) found.push(`file ${n} is gone before its time (promise 3)`);
    if (!queued.has(n)) found.push(`file ${n}, not yet due, left the queue (promise 4)`);
  }
  for (const n of accepted.live) {
    if (!existsSync(path(n))) found.push(`file ${n} belongs to a live image and is gone (promise 3)`);
  }
  if (scrubber.registry !== undefined) {
    const ids = [...accepted.images.keys()].map((n) => `image-${n}`);
    for (let at = 0; at < ids.length; at += 1000) {
      for (const [id, image] of await scrubber.registry.images(ids.slice(at, at + 1000))) {
        const files = accepted.images.get(Number(id.slice("image-".length))) ?? [];
        const left = files.filter((n) => existsSync(path(n)));
        if (image.status === "deleted" && left.length > 0)
          found.push(`${id} is called deleted and file ${left[0]} is there (promise 2)`);
      }
    }
  }
  const chain = await verifyReceipts(join(world.folder, "receipts"), { key: RECEIPT_KEY });
  if (!chain.ok) found.push(`the receipts do not verify: ${JSON.stringify(chain.firstBad)}`);
  return found;
}

/** What the receipts say of each file, by its number: read from the lines themselves. */
function outcomesByFile(world: World): ReadonlyMap<number, readonly string[]> {
  const outcomes = new Map<number, string[]>();
  const folder = join(world.folder, "receipts");
  for (const name of existsSync(folder) ? readdirSync(folder) : []) {
    for (const line of readFileSync(join(folder, name), "utf8").split("\n")) {
      const uri = /"uri":"([^"]*)"/.exec(line)?.[1];
      const outcome = /"outcome":"([^"]*)"/.exec(line)?.[1];
      if (uri === undefined || outcome === undefined) continue;
      outcomes.set(numberOf(uri), [...(outcomes.get(numberOf(uri)) ?? []), outcome]);
    }
  }
  return outcomes;
}

function numberOf(uri: string): number {
  return Number(fileURLToPath(uri).split("file-").at(-1));
}
