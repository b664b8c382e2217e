const INSTANT = /^(\d{4})-(\d{2})-(\d{2})[T ](\d{2}):(\d{2}):(\d{2})(?:\.(\d{1,9}))?$/;

/**
 * Reads a time as Glance's databases keep it: UTC, without a zone. Undefined for NULL and for what is no time (MariaDB's `0000-00-00`).
 *
 * Rounded up to the end of what the database keeps: an object that was written in the same second as its deletion was asked for
 * was written before, not after.
 *
 * @param wholeSeconds The column keeps no fraction (MariaDB's `datetime`).
 */
export function readInstant(text: unknown, wholeSeconds: boolean): Date | undefined {
  const match = typeof text === "string" ? INSTANT.exec(text) : null;
  if (match === null) return undefined;
  const [, year, month, day, hour, minute, second, fraction = ""] = match;
  if (Number(month) === 0 || Number(day) === 0) return undefined;
  const ms = wholeSeconds ? 999 : Math.ceil(Number(fraction.padEnd(9, "0")) / 1_000_000);
  return new Date(
    Date.UTC(Number(year), Number(month) - 1, Number(day), Number(hour), Number(minute), Number(second), ms),
  );
}

/** Writes a time as SQLAlchemy does on SQLite: `YYYY-MM-DD HH:MM:SS.ffffff`. */
export function writeInstant(at: Date): string {
  return `${at.toISOString().slice(0, 23).replace("T", " ")}000`;
}
