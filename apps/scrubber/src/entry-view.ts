import { maskUri, type QueueEntry } from "@scrubber/core";
import { formatRelative } from "./figures.ts";
import type { Output } from "./output.ts";
import type { Column } from "./table.ts";

/** An entry as `list --json` writes it. Fields are only ever added. */
export function entryObject(entry: QueueEntry): Record<string, unknown> {
  return {
    imageId: entry.imageId,
    uri: entry.location === undefined ? null : maskUri(entry.location.uri),
    store: entry.location?.store ?? null,
    state: entry.state,
    dueAt: entry.dueAt.toISOString(),
    attempts: entry.attempts,
    error: entry.error ?? entry.unreadable ?? null,
    requestedAt: entry.requestedAt.toISOString(),
    visibleAt: entry.visibleAt.toISOString(),
  };
}

const COLOUR = { waiting: "cyan", leased: "blue", setAside: "yellow" } as const;

export function entryColumns(withStatus: boolean): Column[] {
  return [
    { title: "STATE" },
    { title: "DUE" },
    { title: "TRIES", align: "right" },
    { title: "IMAGE" },
    ...(withStatus ? [{ title: "STATUS" }] : []),
    { title: "LOCATION" },
  ];
}

/** An entry as a row of the table for people; what went wrong follows the location. */
export function entryRow(entry: QueueEntry, status: string | undefined, output: Output): string[] {
  const problem = entry.error ?? entry.unreadable;
  const location = entry.location === undefined ? "(unreadable)" : maskUri(entry.location.uri);
  const store = entry.location?.store === undefined ? "" : ` @${entry.location.store}`;
  return [
    output.style(COLOUR[entry.state], entry.state),
    formatRelative(entry.dueAt, new Date()),
    String(entry.attempts),
    entry.imageId,
    ...(status === undefined ? [] : [status]),
    `${location}${store}${problem === undefined ? "" : `  ${output.style("yellow", printable(problem))}`}`,
  ];
}

/** A backend's text without what a terminal would obey. */
export function printable(text: string): string {
  return text.replace(/[\u0000-\u001f\u007f-\u009f]+/g, " ");
}
