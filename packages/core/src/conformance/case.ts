import type { Runner } from "./harness.ts";

/** One promise, as data: a title that states it, and the test that holds a backend to it. */
export interface Case<Under, Flag extends string, Options = undefined> {
  /** A sentence. */
  readonly title: string;
  /** What the backend must support for the promise to be made. */
  readonly needs?: readonly Flag[];
  /** What it must not support: then this is the promise instead. */
  readonly without?: Flag;
  /** An optional part of the harness without which nothing can be shown. */
  readonly hand?: keyof Under & string;
  /** What the place is opened with. */
  readonly options?: Options;
  readonly run: (under: Under) => Promise<void>;
}

/** What cases run on. */
export interface Suite<Under extends AsyncDisposable, Flag extends string, Options> {
  readonly title: string;
  readonly cases: readonly Case<Under, Flag, Options>[];
  open(options: Options | undefined): Promise<Under>;
  supports(under: Under): Readonly<Record<Flag, boolean>>;
}

/** Registers a test for each case; each opens a place of its own. */
export function register<Under extends AsyncDisposable, Flag extends string, Options>(
  runner: Runner,
  suite: Suite<Under, Flag, Options>,
): void {
  runner.describe(suite.title, () => {
    for (const one of suite.cases) {
      runner.test(one.title, async (context) => {
        const why = await runCase(suite, one);
        if (why !== undefined) context?.skip?.(why);
      });
    }
  });
}

/** Runs one case. Resolves with the reason, if it does not apply to this backend. */
export async function runCase<Under extends AsyncDisposable, Flag extends string, Options>(
  suite: Omit<Suite<Under, Flag, Options>, "title" | "cases">,
  one: Case<Under, Flag, Options>,
): Promise<string | undefined> {
  await using under = await suite.open(one.options);
  const supports = suite.supports(under);
  const missing = one.needs?.find((flag) => !supports[flag]);
  if (missing !== undefined) return `supports.${missing} is false`;
  if (one.without !== undefined && supports[one.without]) return `supports.${one.without} is true`;
  if (one.hand !== undefined && under[one.hand] === undefined) return `the harness has no ${one.hand}`;
  await one.run(under);
  return undefined;
}
