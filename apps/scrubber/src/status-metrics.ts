import type { Status, StoreStatus, StoreTotals } from "@scrubber/engine";

/** How long what is due will take at the last known pace, in seconds; undefined while no pace is known. */
export function drainSeconds({ due, stores }: Status): number | undefined {
  if (due === 0) return 0;
  const perSecond = Object.values(stores).reduce((sum, store) => sum + store.perSecond, 0);
  return perSecond > 0 ? Math.ceil(due / perSecond) : undefined;
}

/**
 * How it stands, in Prometheus's text format (https://prometheus.io/docs/instrumenting/exposition_formats/), for the textfile collector of its node exporter.
 * Counters end in `_total` and begin with the queue; all others are gauges. What is not known is left out. Metrics are only ever added.
 */
export function statusMetrics(status: Status): string {
  const { paused, lastSweepAt } = status;
  const drain = drainSeconds(status);
  const stores = Object.entries(status.stores);
  const known = stores.filter(([, { health }]) => health !== "unknown" && health !== "paused");
  const of = (some: typeof stores, value: (store: StoreStatus) => number): Sample[] =>
    some.map(([id, store]) => [`{store="${escaped(id)}"}`, value(store)]);
  return [
    metric("waiting", "Locations that wait for deletion, the due ones included.", [["", status.waiting]]),
    metric("due", "Locations whose time has come.", [["", status.due]]),
    metric("leased", "Locations that a scrubber works on.", [["", status.leased]]),
    metric("set_aside", "Locations that need a person.", [["", status.setAside]]),
    metric(
      "quarantined",
      "Files of the drop box that could not be read, and need a person.",
      optional(status.quarantined),
    ),
    metric("overdue_seconds", "How late the oldest due location is, whatever it waits for.", [
      ["", status.overdueSeconds],
    ]),
    metric(
      "ready_overdue_seconds",
      "How late the oldest location is that could be tried now: without what a store holds or what waits for another try.",
      [["", status.readyOverdueSeconds]],
    ),
    metric("drain_seconds", "How long what is due will take at the last known pace.", optional(drain)),
    metric("paused", "1: all deletions are paused.", [["", paused ? 1 : 0]]),
    metric(
      "last_sweep_timestamp_seconds",
      "When the registry was last read whole.",
      optional(lastSweepAt === null ? undefined : Math.floor(lastSweepAt.getTime() / 1000)),
    ),
    metric(
      "store_up",
      "0: the store, or a part of it, did not answer when it was last tried.",
      of(known, ({ health }) => (health === "down" ? 0 : 1)),
    ),
    metric(
      "store_paused",
      "1: deletions from the store are paused.",
      of(stores, ({ health }) => (health === "paused" ? 1 : 0)),
    ),
    metric(
      "store_locations_per_second",
      "Locations settled a second, over the last minute of work.",
      of(stores, ({ perSecond }) => perSecond),
    ),
    ...totalMetrics(status.totals),
  ].join("");
}

const OUTCOMES = ["deleted", "absent", "marker", "kept", "retried", "setAside"] as const;

/** What all runs on the queue have done. */
function totalMetrics(totals: Status["totals"]): readonly string[] {
  if (totals === null) return [];
  const stores = Object.entries(totals.stores);
  const outcomes = ([id, store]: readonly [string, StoreTotals]): Sample[] =>
    OUTCOMES.map((name) => [`{store="${escaped(id)}",outcome="${name}"}`, store[name]]);
  return [
    metric("locations_total", "Locations that ended, by store and outcome.", stores.flatMap(outcomes), "counter"),
    metric(
      "bytes_freed_total",
      "Bytes freed, where the store can tell.",
      stores.map(([id, { bytes }]) => [`{store="${escaped(id)}"}`, bytes]),
      "counter",
    ),
    metric("images_deleted_total", "Images recorded as deleted.", [["", totals.images]], "counter"),
  ];
}

type Sample = readonly [labels: string, value: number];

function optional(value: number | undefined): readonly Sample[] {
  return value === undefined ? [] : [["", value]];
}

function metric(name: string, help: string, samples: readonly Sample[], type: "gauge" | "counter" = "gauge"): string {
  if (samples.length === 0) return "";
  const full = `scrubber_${name}`;
  return `# HELP ${full} ${help}\n# TYPE ${full} ${type}\n${samples.map(([labels, value]) => `${full}${labels} ${value}\n`).join("")}`;
}

function escaped(label: string): string {
  return label.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n");
}
