import type { SchemaIssue, StandardSchemaV1 } from "../standard-schema.ts";

/** What an option must be, and whether a value is it. */
export interface Check {
  readonly is: string;
  readonly test: (value: unknown) => boolean;
}

export const text: Check = { is: "a text", test: (value) => typeof value === "string" && value !== "" };

export const texts: Check = {
  is: "a list of texts",
  test: (value) => Array.isArray(value) && value.every((item) => text.test(item)),
};

export const object: Check = { is: "an object", test: (value) => isRecord(value) };

/** A record with some of these names, each a boolean. */
export function flags(...names: readonly string[]): Check {
  return {
    is: `true or false for any of ${names.join(", ")}`,
    test: (value) =>
      isRecord(value) &&
      Object.entries(value).every(([name, flag]) => names.includes(name) && typeof flag === "boolean"),
  };
}

/** A record with some of these names, each a whole number from 1 on. */
export function counts(...names: readonly string[]): Check {
  return {
    is: `a whole number from 1 on for any of ${names.join(", ")}`,
    test: (value) => isRecord(value) && Object.entries(value).every(([name, n]) => names.includes(name) && isCount(n)),
  };
}

/** A schema of optional options, each with a check; refuses names that it does not know. Left out altogether: no options. */
export function optionsSchema<Options extends object>(
  checks: Readonly<Record<keyof Options & string, Check>>,
): StandardSchemaV1<Options | undefined, Options> {
  return {
    "~standard": {
      version: 1,
      vendor: "scrubber",
      validate(given) {
        const value = given ?? {};
        if (!isRecord(value)) return { issues: [{ message: "must be an object" }] };
        const issues = Object.entries(value).flatMap(([name, option]): SchemaIssue[] => {
          if (!Object.hasOwn(checks, name)) {
            return [{ message: `unknown option; known: ${Object.keys(checks).join(", ")}`, path: [name] }];
          }
          const { is, test } = checks[name as keyof Options & string];
          return option === undefined || test(option) ? [] : [{ message: `must be ${is}`, path: [name] }];
        });
        // oxlint-disable-next-line no-unsafe-type-assertion -- every property was checked
        return issues.length > 0 ? { issues } : { value: value as Options };
      },
    },
  };
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isCount(value: unknown): boolean {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 1;
}
