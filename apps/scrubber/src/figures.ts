import { formatDuration } from "@scrubber/core";

const UNITS = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];

/** `12,345`. */
export function formatCount(count: number): string {
  return String(count).replace(/\B(?=(?:\d{3})+$)/g, ",");
}

/** `1 location`, `12,345 locations`. */
export function plural(count: number, noun: string): string {
  const many = noun.endsWith("y") ? `${noun.slice(0, -1)}ies` : `${noun}s`;
  return `${formatCount(count)} ${count === 1 ? noun : many}`;
}

/** `3.4 GiB`. */
export function formatBytes(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < UNITS.length - 1) {
    value /= 1024;
    unit++;
  }
  return `${unit === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${UNITS[unit]}`;
}

/** An instant as it is written everywhere: RFC 3339, UTC, to the second. */
export function formatInstant(at: Date): string {
  return at.toISOString().replace(/\.\d{3}Z$/, "Z");
}

/** `in 3h`, `5m ago`, `now`. */
export function formatRelative(at: Date, now: Date): string {
  const ms = Math.round((at.getTime() - now.getTime()) / 1000) * 1000;
  if (ms === 0) return "now";
  return ms > 0 ? `in ${formatDuration(ms)}` : `${formatDuration(-ms)} ago`;
}
