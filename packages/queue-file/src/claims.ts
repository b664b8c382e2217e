import type { Database, Statement } from "./database.ts";
import type { LinePlace } from "./line-reader.ts";

/** How many problems of one file are kept; the rest is counted. */
const KEPT_PROBLEMS = 20;

/** How far a file of the drop box is taken in. */
export interface Claim extends LinePlace {
  /** Whole sentences for a person. */
  readonly problems: readonly string[];
  readonly problemCount: number;
  readonly finished: boolean;
}

export const NEW_CLAIM: Claim = { position: 0, lines: 0, problems: [], problemCount: 0, finished: false };

export function withProblem(claim: Claim, problem: string): Claim {
  const problems = claim.problems.length < KEPT_PROBLEMS ? [...claim.problems, problem] : claim.problems;
  return { ...claim, problems, problemCount: claim.problemCount + 1 };
}

/** Remembers what was taken in, in the transaction that takes it in; so that nothing is taken in twice, whenever the process dies. */
export class Claims {
  readonly #select: Statement<readonly [number, number, string, number, number]>;
  readonly #put: Statement;
  readonly #finished: Statement<readonly [string]>;
  readonly #forget: Statement;

  constructor(database: Database) {
    this.#select = database.prepare(
      "SELECT position, lines, problems, problem_count, finished FROM claims WHERE name = ?",
    );
    this.#put = database.prepare(
      "INSERT OR REPLACE INTO claims (name, position, lines, problems, problem_count, finished) VALUES (?, ?, ?, ?, ?, ?)",
    );
    this.#finished = database.prepare("SELECT name FROM claims WHERE finished = 1");
    this.#forget = database.prepare("DELETE FROM claims WHERE name IN (SELECT value FROM json_each(?))");
  }

  get(name: string): Claim {
    const row = this.#select.get(name);
    if (row === undefined) return NEW_CLAIM;
    const [position, lines, problems, problemCount, finished] = row;
    // oxlint-disable-next-line no-unsafe-type-assertion -- put() wrote it
    return { position, lines, problems: JSON.parse(problems) as string[], problemCount, finished: finished === 1 };
  }

  put(name: string, { position, lines, problems, problemCount, finished }: Claim): void {
    this.#put.run(name, position, lines, JSON.stringify(problems), problemCount, finished ? 1 : 0);
  }

  /** Files that are taken in, to the last record. */
  finished(): readonly string[] {
    return this.#finished.all().map(([name]) => name);
  }

  forget(names: readonly string[]): void {
    if (names.length > 0) this.#forget.run(JSON.stringify(names));
  }
}
