import { closeSync, mkdirSync, openSync, rmSync, writeFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { costOf, median } from "../measure/process.ts";
import { locations, temporaryFolder } from "./place.ts";

const SHORT = 10_000;
const LONG = 1_000_000;
const scrubber = fileURLToPath(new URL("../../../apps/scrubber/dist/main.js", import.meta.url));

/** `scrubber add --file` of a short and a long list, whole processes: what the length costs in memory. Needs `pnpm build` and Debian's time. */
export async function longLists(): Promise<void> {
  using folder = temporaryFolder();
  const config = join(folder.path, "scrubber.yaml");
  mkdirSync(join(folder.path, "images"));
  writeFileSync(
    config,
    `queue: { use: "@scrubber/queue-file", with: { directory: ./queue } }\nstores: [{ use: "@scrubber/store-fs", with: { roots: [./images] } }]\n`,
  );
  const peakOf = async (lines: number): Promise<number> => {
    rmSync(join(folder.path, "queue"), { recursive: true, force: true });
    const list = join(folder.path, String(lines));
    return (await costOf(process.execPath, [scrubber, "add", "--file", list, "--config", config])).peakMiB;
  };
  for (const lines of [SHORT, LONG]) writeList(join(folder.path, String(lines)), lines);
  const [short, long] = [median([await peakOf(SHORT), await peakOf(SHORT), await peakOf(SHORT)]), await peakOf(LONG)];
  console.log(
    `\nadd --file, peak memory of the process: ${SHORT.toLocaleString("en")} lines ${short.toFixed(0)} MiB, ${LONG.toLocaleString("en")} lines ${long.toFixed(0)} MiB; ${(long - short).toFixed(1)} MiB more (at most 20 wanted)`,
  );
}

function writeList(path: string, lines: number): void {
  const file = openSync(path, "w");
  for (let from = 0; from < lines; from += SHORT) {
    writeSync(
      file,
      locations(from, SHORT)
        .map(({ imageId, uri }) => `${imageId}\t${uri}\n`)
        .join(""),
    );
  }
  closeSync(file);
}
