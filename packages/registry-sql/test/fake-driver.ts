import type { Driver } from "../src/database.ts";
import { sql } from "../src/sql.ts";

/** A driver without a database: statements are their own text. It gives out nothing but what `parts` has. */
export function fakeDriver(parts: Partial<Driver>): Driver {
  return {
    dialect: () => ({
      placeholder: () => "?",
      now: () => sql`now`,
      among: () => sql`among`,
      instant: (time) => time,
      imageOrder: { column: "id", bind: (text) => text },
      lock: "",
    }),
    begin: "BEGIN",
    name: "fake",
    wholeSeconds: false,
    acquire: () => Promise.reject(new Error("nothing to acquire")),
    explain: () => ({ code: "SCRUBBER_REGISTRY_UNAVAILABLE", reason: "" }),
    claim: async () => undefined,
    close: async () => {},
    ...parts,
  };
}
