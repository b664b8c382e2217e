import { ScrubberError } from "./errors.ts";

const UNIT_MS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };
const DURATION = /^(?:\d+(?:ms|s|m|h|d))+$/;
const PART = /(\d+)(ms|s|m|h|d)/g;

/**
 * Reads a duration: whole numbers with units `ms s m h d`, joined (`1h30m`). Returns milliseconds.
 *
 * @throws {ScrubberError} `SCRUBBER_DURATION_INVALID`; a bare number is one: its unit would be a guess.
 */
export function parseDuration(text: string): number {
  const ms = DURATION.test(text)
    ? [...text.matchAll(PART)].reduce((sum, [, n, unit]) => sum + Number(n) * (UNIT_MS[unit ?? ""] ?? Number.NaN), 0)
    : Number.NaN;
  if (!Number.isSafeInteger(ms)) {
    throw new ScrubberError("SCRUBBER_DURATION_INVALID", `"${text}" is no duration`, {
      hint: "Write a whole number with a unit (ms, s, m, h, d), or several joined: 24h, 1h30m, 500ms.",
    });
  }
  return ms;
}

/** Writes milliseconds as a duration with at most two units: `1h30m`, `45s`, `0s`. For people: what is smaller is cut off. */
export function formatDuration(ms: number): string {
  if (ms < 1000) return ms <= 0 ? "0s" : `${Math.floor(ms)}ms`;
  const units = Object.entries(UNIT_MS).toReversed().slice(0, 4);
  const first = units.findIndex(([, size]) => ms >= size);
  let rest = ms;
  let text = "";
  for (const [unit, size] of units.slice(first, first + 2)) {
    const n = Math.floor(rest / size);
    if (n > 0) text += `${n}${unit}`;
    rest -= n * size;
  }
  return text;
}

const INSTANT = /^\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}:\d{2}(?:\.\d+)?(?:[Zz]|[+-]\d{2}:\d{2})$/;

/**
 * Reads an instant of RFC 3339 (`2026-11-24T15:03:00Z`, any offset).
 *
 * @throws {ScrubberError} `SCRUBBER_INSTANT_INVALID`; one without an offset is one: its zone would be a guess.
 */
export function parseInstant(text: string): Date {
  const at = INSTANT.test(text) ? new Date(text.replace(" ", "T").toUpperCase()) : new Date(Number.NaN);
  // Date rolls 30 February over into March, and 24:00 into the next day.
  const day = Number(text.slice(8, 10));
  const days = new Date(Date.UTC(Number(text.slice(0, 4)), Number(text.slice(5, 7)), 0)).getUTCDate();
  if (Number.isNaN(at.getTime()) || day > days || text.slice(11, 13) === "24") {
    throw new ScrubberError("SCRUBBER_INSTANT_INVALID", `"${text}" is no instant`, {
      hint: "Write it as RFC 3339, with a zone: 2026-11-24T15:03:00Z.",
    });
  }
  return at;
}
