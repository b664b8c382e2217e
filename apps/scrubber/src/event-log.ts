import { formatDuration, type Logger } from "@scrubber/core";
import type { ScrubberEvent } from "@scrubber/engine";

/** Entries that failed for one reason are logged this often in full; the rest are counted. */
const NAMED_PER_REASON = 10;

const OUTAGE: Readonly<Record<Extract<ScrubberEvent, { type: "outage" }>["of"], string>> = {
  queue: "the queue does not answer",
  registry: "the registry does not answer",
  receipts: "the run ends early",
  sweep: "the sweep was not done",
};

/** Writes what happens into a log. */
export function logEvents(log: Logger): (event: ScrubberEvent) => void {
  const failures = new Map<string, number>();
  return (event) => {
    switch (event.type) {
      case "run.started":
        failures.clear();
        return log.debug("run started", { waiting: event.waiting, due: event.due });
      case "run.finished":
        reportRest(log, failures);
        return event.summary.leased > 0
          ? log.info("run finished", { ...event.summary, receiptsHead: event.receiptsHead })
          : log.debug("nothing was due");
      case "batch.settled":
        return log.debug("batch settled", {
          store: event.store,
          group: event.group,
          ...event.counts,
          bytes: event.bytes,
          ms: event.ms,
        });
      case "entry.failed":
        return logFailure(log, failures, event);
      case "image.deleted":
        return log.debug("image deleted", { imageId: event.imageId });
      case "lane.closed":
        return log.warn(`store ${event.store} is down; its entries wait: ${event.reason}`, {
          group: event.group,
          probeIn: formatDuration(event.probeInMs),
        });
      case "lane.opened":
        return log.info(`store ${event.store} is up again`, { group: event.group });
      case "lane.paced":
        return log.debug(`store ${event.store} goes at another pace`, {
          group: event.group,
          concurrency: event.concurrency,
        });
      case "sweep.finished":
        return log.info("sweep finished", { ...event.summary, ms: event.ms });
      case "outage":
        return log.error(`${OUTAGE[event.of]}: ${event.message}`, { code: event.code });
      case "warning":
        return log.warn(event.message);
      case "daemon.sleeping":
        return log.debug("asleep", { until: event.until.toISOString() });
      case "daemon.draining":
        return log.info("stopping: what is running is finished or handed back", { leased: event.leased });
      case "daemon.gaveUp":
        return log.error(
          "stopped without waiting any longer: something does not come back; what is leased comes back when its lease runs out",
          { leased: event.leased },
        );
    }
  };
}

const WORDS = { retried: "tried again later", setAside: "set aside", held: "held by its store" } as const;

function logFailure(
  log: Logger,
  failures: Map<string, number>,
  event: Extract<ScrubberEvent, { type: "entry.failed" }>,
): void {
  // A reason that names the entry would make each a kind of its own.
  const reason = event.uri === undefined ? event.reason : event.reason.replaceAll(event.uri, "it");
  const kind = `${WORDS[event.as]}: ${reason}`;
  const count = (failures.get(kind) ?? 0) + 1;
  failures.set(kind, count);
  if (count > NAMED_PER_REASON) return;
  const level = event.as === "held" ? "info" : "warn";
  log[level](kind, { imageId: event.imageId, uri: event.uri, store: event.store });
}

function reportRest(log: Logger, failures: ReadonlyMap<string, number>): void {
  for (const [kind, count] of failures) {
    if (count > NAMED_PER_REASON) log.warn(`${kind} (and ${count - NAMED_PER_REASON} more for this reason)`);
  }
}
