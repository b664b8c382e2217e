import type { EntryState, NewEntry } from "@scrubber/core";
import type { Database, Statement } from "./database.ts";
import type { Digester } from "./digest.ts";
import { entryState } from "./listing.ts";

/** Finds the states of many entries by what they are. */
export class States {
  readonly #digester: Digester;
  readonly #find: Statement<readonly [number, number, number | null]>;

  constructor(database: Database, digester: Digester) {
    this.#digester = digester;
    // A digest may name an entry that is gone, or none yet.
    this.#find = database.prepare(
      `SELECT wanted.key, entries.state, leases.until FROM json_each(?) AS wanted
       JOIN digests ON digests.digest = unhex(wanted.value)
       JOIN entries ON entries.id = digests.id AND entries.digest = digests.digest
       LEFT JOIN leases ON leases.id = entries.id`,
    );
  }

  of(locations: readonly Pick<NewEntry, "imageId" | "location">[], now: number): readonly (EntryState | undefined)[] {
    const states: (EntryState | undefined)[] = locations.map(() => undefined);
    const digests = locations.map(({ imageId, location }) => this.#digester.ofEntry(imageId, location).toString("hex"));
    for (const [at, state, until] of this.#find.all(JSON.stringify(digests))) {
      states[at] = entryState(state, until, now);
    }
    return states;
  }
}
