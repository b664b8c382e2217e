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
  const under = await suite.open(one.options);
  // By hand: V8 does not take a bound function for a disposer, and a harness may well have one.
  try {
    const why = inapplicable(one, under, suite.supports(under));
    if (why === undefined) await one.run(under);
    return why;
  } finally {
    await under[Symbol.asyncDispose]();
  }
}

function inapplicable<Under, Flag extends string, Options>(
  { needs = [], without, hand }: Case<Under, Flag, Options>,
  under: Under,
  supports: Readonly<Record<Flag, boolean>>,
): string | undefined {
  const missing = needs.find((flag) => !supports[flag]);
  if (missing !== undefined) return `supports.${missing} is false`;
  if (without !== undefined && supports[without]) return `supports.${without} is true`;
  if (hand !== undefined && under[hand] === undefined) return `the harness has no ${hand}`;
  return undefined;
}
