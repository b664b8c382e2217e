/** What a placeholder is bound to. Arrays go to PostgreSQL only. */
export type Bound = string | number | null | readonly (string | number)[];

/** A statement, or a part of one, with its values; how it is spelled is the dialect's. */
export interface Sql {
  readonly parts: readonly string[];
  readonly values: readonly SqlValue[];
}

/** What may stand in an {@link sql} template: a value to bind, a part of a statement, or something that each dialect spells in its own way. */
export type SqlValue = Bound | Sql | Spelling;

/** A part of a statement that is spelled by the dialect. */
export type Spelling = (dialect: Dialect) => Sql;

/** How a database writes what the others write in another way. Everything else here is SQL that SQLite, MariaDB and PostgreSQL read alike. */
export interface Dialect {
  /** The placeholder of the n-th value, from 1. */
  placeholder(n: number): string;
  /** The present instant in UTC without a zone, by the database's own clock where it has one. */
  now(): Sql;
  /** Follows a column: it is one of these, of which there is at least one. */
  among(values: readonly (string | number)[]): Sql;
  /** The column by which `images` is read through in the order in which it is stored, and how its values are bound; an empty text is before the first. */
  readonly imageOrder: { readonly column: string; bind(text: string): Bound };
  /** A time, so that it can be compared with what `writeInstant` writes. */
  instant(time: Sql): Sql;
  /** Follows a SELECT: keeps the rows until the transaction ends. */
  readonly lock: string;
}

/** Writes a statement: values become placeholders, never text. */
export function sql(parts: TemplateStringsArray, ...values: readonly SqlValue[]): Sql {
  return { parts, values };
}

/** A whole number written into the statement itself; for LIMIT, where not every driver can bind one. */
export function literal(n: number): Sql {
  if (!Number.isSafeInteger(n)) throw new TypeError(`${n} is no whole number`);
  return { parts: [String(n)], values: [] };
}

/** `column ${among(values)}` */
export function among(values: readonly (string | number)[]): Spelling {
  return (dialect) => dialect.among(values);
}

/** See {@link Dialect.now}. */
export const now: Spelling = (dialect) => dialect.now();

/** See {@link Dialect.instant}. */
export function instant(time: Sql): Spelling {
  return (dialect) => dialect.instant(time);
}

/** See {@link Dialect.lock}. */
export const lock: Spelling = (dialect) => ({ parts: [dialect.lock], values: [] });

/** See {@link Dialect.imageOrder}. */
export const imageOrder: Spelling = (dialect) => ({ parts: [dialect.imageOrder.column], values: [] });

/** A value of {@link imageOrder}. */
export function imagePlace(text: string): Spelling {
  return (dialect) => sql`${dialect.imageOrder.bind(text)}`;
}

/** The text and the values that a driver takes. */
export function render(statement: Sql, dialect: Dialect): { readonly text: string; readonly values: Bound[] } {
  const values: Bound[] = [];
  const text = write(statement, dialect, values);
  return { text, values };
}

function write(statement: Sql, dialect: Dialect, bound: Bound[]): string {
  let text = statement.parts[0] ?? "";
  for (const [index, value] of statement.values.entries()) {
    if (typeof value === "function") text += write(value(dialect), dialect, bound);
    else if (isSql(value)) text += write(value, dialect, bound);
    else text += dialect.placeholder(bound.push(value));
    text += statement.parts[index + 1] ?? "";
  }
  return text;
}

function isSql(value: SqlValue): value is Sql {
  return typeof value === "object" && value !== null && "parts" in value;
}
