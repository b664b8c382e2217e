import type { NewEntry } from "@scrubber/core";

/** What a part of a file says: an entry, or why it is none. */
type FileRecord =
  | {
      /** Its line, or the first of them. */
      readonly line: number;
      readonly entry: NewEntry;
      readonly problem?: undefined;
    }
  | {
      readonly line: number;
      /** As a clause, without secrets. */
      readonly problem: string;
      readonly entry?: undefined;
    };

/** A record, and where the next one begins. */
export type PlacedRecord = FileRecord & { readonly end: number; readonly lines: number };
