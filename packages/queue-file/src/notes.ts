import type { JsonValue } from "@scrubber/core";
import type { Database, Statement } from "./database.ts";

/** Small facts by name; within a transaction. */
export class Notes {
  readonly #select: Statement<readonly [string, string]>;
  readonly #put: Statement;
  readonly #delete: Statement;

  constructor(database: Database) {
    this.#select = database.prepare("SELECT key, value FROM notes");
    this.#put = database.prepare(
      "INSERT INTO notes (key, value) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
    );
    this.#delete = database.prepare("DELETE FROM notes WHERE key = ?");
  }

  all(): ReadonlyMap<string, JsonValue> {
    // oxlint-disable-next-line no-unsafe-type-assertion -- set() wrote it
    return new Map(this.#select.all().map(([key, value]) => [key, JSON.parse(value) as JsonValue]));
  }

  set(key: string, value: JsonValue | undefined): void {
    if (value === undefined) this.#delete.run(key);
    else this.#put.run(key, JSON.stringify(value));
  }
}
