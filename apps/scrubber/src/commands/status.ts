import { formatDuration, ScrubberError } from "@scrubber/core";
import type { Status, StoreStatus, Totals } from "@scrubber/engine";
import { printable } from "../entry-view.ts";
import { formatBytes, formatCount, formatInstant, formatRelative, plural } from "../figures.ts";
import type { Output } from "../output.ts";
import { drainSeconds, statusMetrics } from "../status-metrics.ts";
import { layOut } from "../table.ts";
import { examples, type CommandDefinition } from "./definition.ts";

export const status: CommandDefinition = (program, start) => {
  program
    .command("status")
    .summary("how it stands: what waits, how late it is, how the stores do")
    .description("Says how it stands: what waits, how late it is, how long it will take, how the stores do.")
    .addHelpText(
      "after",
      examples(
        ["scrubber status", "for a person"],
        ["scrubber status --json | jq .readyOverdueSeconds", "for an alarm"],
        ["scrubber status --prometheus > x.tmp && mv x.tmp scrubber.prom", "for the textfile collector"],
      ),
    )
    .option("--prometheus", "in Prometheus's text format, for the textfile collector of its node exporter")
    .action(async ({ prometheus }: { readonly prometheus?: true }, command) => {
      const run = start(command);
      if (prometheus && run.output.json) {
        throw new ScrubberError("SCRUBBER_USAGE", "--prometheus and --json exclude each other", {
          hint: "Each is a format of its own: run it twice.",
        });
      }
      await using session = await run.open();
      const now = await session.scrubber.status();
      if (prometheus) return run.output.line(statusMetrics(now).trimEnd());
      await run.output.object(statusObject(now));
      if (!run.output.json) await describe(now, run.output);
    });
};

function statusObject(status: Status): object {
  return {
    waiting: status.waiting,
    due: status.due,
    leased: status.leased,
    setAside: status.setAside,
    oldestDueAt: status.oldestDueAt?.toISOString() ?? null,
    nextDueAt: status.nextDueAt?.toISOString() ?? null,
    leasedUntil: status.leasedUntil?.toISOString() ?? null,
    overdueSeconds: status.overdueSeconds,
    readyOverdueSeconds: status.readyOverdueSeconds,
    drainSeconds: drainSeconds(status) ?? null,
    stores: status.stores,
    paused: status.paused,
    lastSweepAt: status.lastSweepAt?.toISOString() ?? null,
    totals: status.totals,
    quarantined: status.quarantined ?? null,
  };
}

async function describe(status: Status, output: Output): Promise<void> {
  const now = new Date();
  const instant = (at: Date | undefined | null): string =>
    at === undefined || at === null ? "-" : `${formatInstant(at)} (${formatRelative(at, now)})`;
  const drain = drainSeconds(status);
  const facts: [string, string][] = [
    ["Waiting", formatCount(status.waiting)],
    ["  of it due", formatCount(status.due)],
    [
      "Leased",
      `${formatCount(status.leased)}${status.leased === 0 ? "" : `  (the first until ${instant(status.leasedUntil)})`}`,
    ],
    ["Set aside", status.setAside === 0 ? "0" : `${formatCount(status.setAside)}  (scrubber list --state setAside)`],
    ["Oldest due", `${instant(status.oldestDueAt)}${onlyWaits(status)}`],
    ["Next due", instant(status.nextDueAt)],
    ...(drain === undefined || drain === 0 || status.paused
      ? []
      : ([["Drained in", `about ${formatDuration(drain * 1000)}`]] as [string, string][])),
    ...(status.lastSweepAt === null ? [] : ([["Last sweep", instant(status.lastSweepAt)]] as [string, string][])),
  ];
  const { quarantined = 0 } = status;
  if (quarantined > 0) facts.push(["Quarantine", `${plural(quarantined, "file")} of the drop box could not be read`]);
  if (status.totals !== null) facts.push(["In all", inAll(status.totals)]);
  for (const [name, value] of facts) await output.line(`${name.padEnd(12)}${value}`);
  if (status.paused) await output.line(output.style("yellow", "Paused as a whole: scrubber resume"));
  await output.line();
  const rows = Object.entries(status.stores).map(([id, store]) => [
    id,
    output.style(healthColour(store), store.health),
    formatCount(Math.round(store.perSecond)),
    store.lastError === null ? "-" : printable(store.lastError),
  ]);
  const table = layOut(
    [{ title: "STORE" }, { title: "HEALTH" }, { title: "A SECOND", align: "right" }, { title: "LAST ERROR" }],
    rows,
  );
  for (const [index, line] of table.entries()) await output.line(index === 0 ? output.style("dim", line) : line);
}

/** That what is overdue is not for want of work. */
function onlyWaits({ due, readyOverdueSeconds, overdueSeconds }: Status): string {
  if (due === 0 || overdueSeconds === 0 || readyOverdueSeconds > 0) return "";
  return "; nothing that is late could be tried now: see scrubber list";
}

/** What all runs have done. */
function inAll({ since, images, stores }: Totals): string {
  let [deleted, bytes] = [0, 0];
  for (const store of Object.values(stores)) {
    deleted += store.deleted;
    bytes += store.bytes;
  }
  const ofImages = images > 0 ? `, ${plural(images, "image")} recorded as deleted` : "";
  return `${plural(deleted, "location")} deleted, ${formatBytes(bytes)} freed${ofImages}, since ${formatInstant(since)}`;
}

function healthColour({ health }: StoreStatus): "green" | "yellow" | "red" | "dim" {
  return ({ ok: "green", slow: "yellow", paused: "yellow", down: "red", unknown: "dim" } as const)[health];
}
