import type { DryRunEntry, RunSummary, Scrubber, Status } from "@scrubber/engine";
import { isTerminal, type Output } from "../output.ts";
import { printable } from "../entry-view.ts";
import { EXIT, type ExitCode } from "../exit-code.ts";
import { formatBytes, formatCount, formatInstant, formatRelative, plural } from "../figures.ts";
import type { Invocation } from "../invocation.ts";
import { createProgress, type Progress } from "../progress.ts";
import { examples, type CommandDefinition } from "./definition.ts";
import { resumeCommands } from "./pause.ts";

interface RunOptions {
  readonly once?: true;
  readonly dryRun?: true;
}

export const run: CommandDefinition = (program, start) => {
  program
    .command("run")
    .summary("delete what is due")
    .description(
      "Deletes what is due, now and whenever something is (a daemon in the foreground), or once. SIGTERM or Ctrl-C finishes what is running, a second one stops at once.",
    )
    .option("--once", "work until nothing that was due at the start is left to try, then end")
    .option("--dry-run", "say how each due entry would end, and change nothing")
    .addHelpText(
      "after",
      examples(
        ["scrubber run", "the daemon; for systemd and containers"],
        ["scrubber run --once", "for cron, and to watch"],
        ["scrubber run --dry-run", "what would be deleted now?"],
        ["scrubber run --once --json", "the summary as JSON"],
      ),
    )
    .action(async (options: RunOptions, command) => {
      const invocation = start(command);
      if (options.dryRun) return dryRun(invocation);
      return options.once ? runOnce(invocation) : runForever(invocation);
    });
};

async function runOnce(run: Invocation): Promise<void> {
  let progress: Progress | undefined;
  let gaveUp = false;
  await using session = await run.open({
    onEvent(event) {
      gaveUp ||= event.type === "daemon.gaveUp";
      progress?.listen(event);
    },
  });
  if (run.output.interactive) progress = await createProgress(run.output, run.process.stderr);
  const stopping = await stopOnSignal(run);
  let summary: RunSummary;
  try {
    summary = await session.scrubber.runOnce({ signal: stopping.signal });
  } finally {
    stopping.end();
    progress?.[Symbol.dispose]();
  }
  run.exitCode = exitCodeFor(summary) || (gaveUp ? EXIT.incomplete : EXIT.done);
  await run.output.object({
    ...summary,
    receiptsHead: session.scrubber.receiptsHead ?? null,
    untried: summary.untried ?? [],
  });
  if (!run.output.json) {
    await summarize(run, session.scrubber, summary, stopping.signal.aborted);
    const head = session.scrubber.receiptsHead;
    if (head !== undefined)
      await run.output.line(
        run.output.style("dim", `Head of the receipts, for scrubber receipts verify --head: ${head}`),
      );
  }
}

/** The consequences' last column: what was released, or not even tried, failed for reasons outside; it is an outage where nothing else succeeded. */
export function exitCodeFor(summary: RunSummary): ExitCode {
  const { deleted, absent, marker, kept, held, retried, released, setAside, untried = [] } = summary;
  const outside = released > 0 || untried.length > 0;
  if (outside && deleted + absent + marker + kept + held === 0) return EXIT.environment;
  return outside || retried + setAside > 0 ? EXIT.incomplete : EXIT.done;
}

async function runForever(run: Invocation): Promise<void> {
  await using session = await run.open({
    level: "info",
    onEvent(event) {
      if (event.type === "daemon.gaveUp") run.exitCode = EXIT.incomplete;
    },
  });
  const log = await run.log("info");
  const stopping = await stopOnSignal(run);
  const { waiting, due } = await session.scrubber.queue.stats();
  log.info("started", { config: session.loaded.file, waiting, due });
  if (isTerminal(run.process.stderr))
    run.output.note(run.output.noteStyle("dim", "Ctrl-C stops it when what is running is done."));
  try {
    await session.scrubber.runForever({ signal: stopping.signal });
  } finally {
    stopping.end();
  }
  log.info("stopped", { receiptsHead: session.scrubber.receiptsHead });
}

/** Aborts at the first signal; at the second, ends the process: what is leased comes back when its lease runs out. */
async function stopOnSignal(run: Invocation): Promise<{ readonly signal: AbortSignal; end(): void }> {
  const controller = new AbortController();
  const log = await run.log("info");
  // Where nobody looks, stderr is a log of JSON lines, and stays one.
  const say = (text: string): void => (isTerminal(run.process.stderr) ? run.output.note(text) : log.info(text));
  const end = run.process.onStop(() => {
    if (controller.signal.aborted) {
      say("Stopped at once. What was leased comes back when its lease runs out.");
      run.process.exit(EXIT.environment);
    }
    say("Stopping: what is running is finished or handed back. A second signal stops at once.");
    controller.abort();
  });
  return { signal: controller.signal, end };
}

async function summarize(run: Invocation, scrubber: Scrubber, summary: RunSummary, stopped: boolean): Promise<void> {
  const { output } = run;
  if (summary.leased === 0) {
    const status = await scrubber.status();
    await output.line(`Nothing was ${status.due > 0 ? "tried" : "due"}. ${whatWaits(status)}`);
    return sayWhatIsDown(output, summary);
  }
  const { deleted, bytes, images, seconds } = summary;
  const ofImages = images > 0 ? `; ${plural(images, "image")} recorded as deleted` : "";
  const head = `Deleted ${plural(deleted, "location")}, ${formatBytes(bytes)} freed, in ${seconds.toFixed(1)} s${ofImages}.`;
  await output.line(output.style(deleted > 0 ? "green" : "reset", head));
  for (const [count, what, hint] of [
    [summary.absent, "gone already", ""],
    [summary.marker, "left a delete marker, as configured", ""],
    [summary.kept, "kept: alive, or their data is needed by a live image", ""],
    [summary.held, "held by their store; they wait", "scrubber list"],
    [summary.retried, "to be tried again", "scrubber list"],
    [stopped ? summary.released : 0, "handed back, for it was stopped; they wait", ""],
    [stopped ? 0 : summary.released, "not tried: their store, or the registry, is down; they wait", "scrubber status"],
    [summary.setAside, "set aside", "scrubber list --state setAside"],
  ] as const) {
    if (count === 0) continue;
    const line = `${formatCount(count).padStart(9)}  ${what}`;
    await output.line(`${line}${hint === "" ? "" : `  ${output.style("dim", hint)}`}`);
  }
  await output.line(whatWaits(await scrubber.status()));
  await sayWhatIsDown(output, summary);
}

/** Most stores that are named one by one. */
const MOST_NAMED = 5;

async function sayWhatIsDown(output: Output, { untried = [] }: RunSummary): Promise<void> {
  const now = new Date();
  for (const { store, group, since, reason } of untried.slice(0, MOST_NAMED)) {
    const part = reason.includes(group) ? "" : ` (${printable(group)})`;
    const when = `${formatInstant(since)} (${formatRelative(since, now)})`;
    await output.line(output.style("yellow", `Store ${store}${part} is down since ${when}: ${printable(reason)}`));
  }
  if (untried.length > MOST_NAMED) await output.line(`So are ${untried.length - MOST_NAMED} others: scrubber status`);
}

function whatWaits(status: Status): string {
  const { waiting, due, leased, setAside } = status;
  const held =
    leased > 0 ? ` ${plural(leased, "location")} leased: another scrubber has them, or one that was stopped.` : "";
  const aside = setAside > 0 ? ` ${plural(setAside, "location")} set aside: scrubber list --state setAside` : "";
  if (waiting === 0) return `Nothing waits.${held}${aside}`;
  const then = due > 0 ? `${formatCount(due)} of them due${whyDueWaits(status)}` : nextTime(status);
  return `${plural(waiting, "location")} waiting, ${then}.${held}${aside}`;
}

function nextTime({ nextDueAt, oldestDueAt }: Status): string {
  const next = nextDueAt ?? oldestDueAt;
  return next === undefined ? "paused" : `the next is due ${formatInstant(next)} (${formatRelative(next, new Date())})`;
}

/** Why what is due was not done, as far as that is known. */
function whyDueWaits(status: Status): string {
  const resume = resumeCommands(status);
  if (resume !== "") return `; deletion is paused: ${resume}`;
  const { nextDueAt, stores } = status;
  const down = Object.keys(stores).filter((id) => stores[id]?.health === "down");
  const again = nextDueAt === undefined ? "" : `, tried again ${formatRelative(nextDueAt, new Date())}`;
  return down.length === 0 ? again : `${again}; down: ${down.join(", ")} (scrubber status)`;
}

const WOULD: Readonly<
  Record<DryRunEntry["would"], readonly [word: string, colour: "red" | "green" | "yellow" | "dim"]>
> = {
  delete: ["delete", "red"],
  absent: ["is gone", "dim"],
  keep: ["keep", "green"],
  hold: ["wait", "yellow"],
  setAside: ["set aside", "yellow"],
  wait: ["wait", "yellow"],
};

async function dryRun(run: Invocation): Promise<void> {
  const { output } = run;
  await using session = await run.open();
  const counts = new Map<string, number>();
  let bytes = 0;
  const stopping = await stopOnSignal(run);
  try {
    for await (const entry of session.scrubber.dryRun({ signal: stopping.signal })) {
      if (!output.open) return;
      counts.set(entry.would, (counts.get(entry.would) ?? 0) + 1);
      if (entry.would === "delete") bytes += entry.bytes ?? 0;
      await output.object({
        ...entry,
        store: entry.store ?? null,
        reason: entry.reason ?? null,
        bytes: entry.bytes ?? null,
      });
      const [word, colour] = WOULD[entry.would];
      const size = entry.bytes === undefined ? "" : formatBytes(entry.bytes);
      await output.line(
        `${output.style(colour, word.padEnd(9))}  ${size.padStart(9)}  ${entry.imageId}  ${entry.uri}${entry.reason === undefined ? "" : `  (${entry.reason})`}`,
      );
    }
  } finally {
    stopping.end();
  }
  const status = await session.scrubber.status();
  const deletes = counts.get("delete") ?? 0;
  const others = [...counts].filter(([would]) => would !== "delete");
  const rest = others
    .map(([would, count]) => `${formatCount(count)} ${WOULD[would as DryRunEntry["would"]][0]}`)
    .join(", ");
  await output.line(
    counts.size === 0
      ? `Nothing is due. ${whatWaits(status)}`
      : `A run now would delete ${plural(deletes, "location")}, ${formatBytes(bytes)}${rest === "" ? "" : ` (and: ${rest})`}. Nothing was changed.`,
  );
  const resume = resumeCommands(status);
  if (counts.size > 0 && resume !== "") {
    await output.line(output.style("yellow", `As things are it would not: deletion is paused. To go on: ${resume}`));
  }
}
