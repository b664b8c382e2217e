import { expect, test } from "vitest";
import { formatBytes, formatCount, formatInstant, formatRelative, plural } from "../src/figures.ts";
import { layOut } from "../src/table.ts";

test("counts have separators, and nouns their plural", () => {
  expect([0, 999, 1000, 1234567].map(formatCount)).toEqual(["0", "999", "1,000", "1,234,567"]);
  expect([plural(1, "entry"), plural(2, "entry"), plural(1000, "location")]).toEqual([
    "1 entry",
    "2 entries",
    "1,000 locations",
  ]);
});

test("bytes are written in the unit that fits", () => {
  expect([0, 1023, 1024, 1536, 150 * 1024, 5 * 2 ** 40].map(formatBytes)).toEqual([
    "0 B",
    "1023 B",
    "1.0 KiB",
    "1.5 KiB",
    "150 KiB",
    "5.0 TiB",
  ]);
});

test("instants are UTC, and relative to now for a person", () => {
  const now = new Date("2026-11-24T15:00:00.500Z");
  expect(formatInstant(now)).toBe("2026-11-24T15:00:00Z");
  expect(formatRelative(new Date("2026-11-25T16:30:00.500Z"), now)).toBe("in 1d1h");
  expect(formatRelative(new Date("2026-11-24T14:55:00.500Z"), now)).toBe("5m ago");
  expect(formatRelative(now, now)).toBe("now");
});

test("a table's columns are as wide as what one sees of them", () => {
  expect(
    layOut(
      [{ title: "A" }, { title: "N", align: "right" }, { title: "B" }],
      [
        ["\u001b[31mred\u001b[39m", "10", "x"],
        ["b", "1", "yy"],
      ],
    ),
  ).toEqual(["A     N  B", "\u001b[31mred\u001b[39m  10  x", "b     1  yy"]);
});
