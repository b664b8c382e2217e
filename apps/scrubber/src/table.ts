import { stripVTControlCharacters } from "node:util";

/** One column of a table. */
export interface Column {
  readonly title: string;
  /** Numbers stand at the right. */
  readonly align?: "left" | "right";
}

/** Lays rows out in columns as wide as what is in them; the last column is not padded. */
export function layOut(columns: readonly Column[], rows: readonly (readonly string[])[]): string[] {
  const all = [columns.map(({ title }) => title), ...rows];
  const widths = columns.map((_, column) => Math.max(...all.map((row) => widthOf(row[column] ?? ""))));
  return all.map((row) =>
    columns
      .map(({ align }, column) => {
        const cell = row[column] ?? "";
        const padding = " ".repeat(Math.max(0, (widths[column] ?? 0) - widthOf(cell)));
        if (align === "right") return padding + cell;
        return column === columns.length - 1 ? cell : cell + padding;
      })
      .join("  ")
      .trimEnd(),
  );
}

function widthOf(cell: string): number {
  return stripVTControlCharacters(cell).length;
}
