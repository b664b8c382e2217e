const INSTANT = /^(\d{4})-(\d{2})-(\d{2})[T ](\d{2}):(\d{2}):(\d{2})(?:\.(\d{1,9}))?$/;

/** Reads a time as the database keeps it. Undefined for NULL and for what is no time (MariaDB's `0000-00-00`). */
export type ReadInstant = (text: unknown) => Date | undefined;

/**
 * Reads times as Glance's databases keep them: UTC, without a zone.
 *
 * What the database cut off is rounded up, though not beyond the present: an object that was written in the same second as its deletion was asked
 * for was written before, not after.
 *
 * @param wholeSeconds The columns keep no fraction (MariaDB's `datetime`).
 */
export function instantReader(wholeSeconds: boolean, now: Date): ReadInstant {
  const read = (text: unknown): Date | undefined => {
    const match = typeof text === "string" ? INSTANT.exec(text) : null;
    if (match === null) return undefined;
    const [, year, month, day, hour, minute, second, fraction = ""] = match;
    if (Number(month) === 0 || Number(day) === 0) return undefined;
    const kept = Date.UTC(Number(year), Number(month) - 1, Number(day), Number(hour), Number(minute), Number(second));
    if (wholeSeconds) return new Date(Math.min(kept + 999, Math.max(kept, now.getTime())));
    return new Date(kept + Math.ceil(Number(fraction.padEnd(9, "0")) / 1_000_000));
  };
  // An image and its locations were often deleted at one instant.
  let last: unknown;
  let lastRead: Date | undefined;
  return (text) => {
    if (text !== last) lastRead = read(text);
    last = text;
    return lastRead;
  };
}

/** Writes a time as SQLAlchemy does on SQLite: `YYYY-MM-DD HH:MM:SS.ffffff`. */
export function writeInstant(at: Date): string {
  return `${at.toISOString().slice(0, 23).replace("T", " ")}000`;
}
