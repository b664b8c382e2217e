import type { Verdict } from "./verdict.ts";
import { consequenceOfVerdict, type Consequence } from "./consequences.ts";
import type { RoutedItem } from "./item.ts";

/** Entries by what the check right before deletion says of them. */
export interface Sorted {
  /** May be deleted while the answer is fresh. */
  readonly dead: RoutedItem[];
  /** May not; with what follows for each. */
  readonly kept: RoutedItem[];
  readonly consequences: Consequence[];
}

/** Applies verdicts, one for each item from the `from`th on. `askedAt`: when the registry was asked, at the earliest; monotonic. */
export function sortByVerdict(
  items: readonly RoutedItem[],
  verdicts: readonly Verdict[],
  from: number,
  askedAt: number,
): Sorted {
  const sorted: Sorted = { dead: [], kept: [], consequences: [] };
  let at = from;
  for (const item of items) {
    const verdict = verdicts[at++];
    if (verdict === undefined) throw new TypeError("the admission did not answer one for one");
    if (verdict.kind === "delete") {
      item.ref = verdict.ref;
      item.note = verdict.note;
      item.askedAt = verdict.askedAt ?? askedAt;
      sorted.dead.push(item);
      continue;
    }
    if (verdict.kind === "shared") item.ref = verdict.ref;
    sorted.kept.push(item);
    sorted.consequences.push(consequenceOfVerdict(verdict));
  }
  return sorted;
}
