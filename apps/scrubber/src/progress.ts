import type { ScrubberEvent } from "@scrubber/engine";
import { formatBytes, formatCount } from "./figures.ts";
import type { Output } from "./output.ts";

/** A bar on a terminal: how far the run is, how fast it goes, and how long it will take. */
export interface Progress extends Disposable {
  readonly listen: (event: ScrubberEvent) => void;
}

/** Below this many entries a run is over before a bar is read. */
const WORTH_A_BAR = 200;

export async function createProgress(output: Output, stderr: NodeJS.WritableStream): Promise<Progress> {
  const { default: cliProgress } = await import("cli-progress");
  let bar: InstanceType<typeof cliProgress.SingleBar> | undefined;
  let bytes = 0;
  let startedAt = 0;
  let done = 0;

  function stop(): void {
    bar?.stop();
    bar = undefined;
    output.progress = false;
  }

  function start(total: number): void {
    bytes = 0;
    done = 0;
    startedAt = performance.now();
    bar = new cliProgress.SingleBar({
      stream: stderr,
      format: `  {bar} {percentage}%  {counted}  {speed}/s  {eta_formatted} left  {freed} freed`,
      barCompleteChar: "█",
      barIncompleteChar: "░",
      barsize: 28,
      hideCursor: true,
      clearOnComplete: true,
      forceRedraw: true,
      fps: 10,
      etaBuffer: 50,
    });
    bar.start(total, 0, payload(total));
    output.progress = true;
  }

  function payload(total: number): { counted: string; speed: string; freed: string } {
    const seconds = Math.max(0.001, (performance.now() - startedAt) / 1000);
    return {
      counted: `${formatCount(done)}/${formatCount(total)}`,
      speed: formatCount(Math.round(done / seconds)),
      freed: formatBytes(bytes),
    };
  }

  return {
    listen(event) {
      if (event.type === "run.started" && event.due >= WORTH_A_BAR) start(event.due);
      else if (event.type === "run.finished") stop();
      else if (event.type === "batch.settled" && bar !== undefined) {
        for (const count of Object.values(event.counts)) done += count;
        bytes += event.bytes;
        if (done > bar.getTotal()) bar.setTotal(done);
        bar.update(done, payload(bar.getTotal()));
      }
    },
    [Symbol.dispose]: stop,
  };
}
