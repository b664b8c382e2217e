import { readFileSync } from "node:fs";
import { join } from "node:path";
import { ERROR_CODES } from "@scrubber/core";
import { expect, test } from "vitest";

const page = readFileSync(join(import.meta.dirname, "../../../docs/errors.md"), "utf8");
const sections = page.split(/^### /m).slice(1);

test("docs/errors.md has a heading for each error code, in the same order, and for no other", () => {
  expect(sections.map((section) => section.split("\n", 1)[0])).toEqual(Object.keys(ERROR_CODES));
});

test.each(Object.entries(ERROR_CODES))(
  "%s is explained: cause, what to do, and whether it is the environment's",
  (code, { environment }) => {
    const text = sections.find((section) => section.startsWith(`${code}\n`)) ?? "";
    expect(text).toMatch(/\*\*Do:\*\* \S/);
    expect(text.includes("**environment.**")).toBe(environment);
  },
);
