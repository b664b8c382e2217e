import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { promisify } from "node:util";
import { describe, expect, test } from "vitest";

const file = (path: string): Promise<string> => readFile(new URL(path, import.meta.url), "utf8");

/** The events of the code with their fields, read from the type. */
function eventsInCode(source: string): Record<string, string[]> {
  const union = source.slice(source.indexOf("export type ScrubberEvent"));
  const events: Record<string, string[]> = {};
  for (const [, body = ""] of union.matchAll(/\| \{([^}]*)\}/g)) {
    const type = /readonly type: "([^"]+)"/.exec(body)?.[1];
    if (type === undefined) throw new Error(`an event without a type: ${body}`);
    events[type] = Array.from(body.matchAll(/readonly (\w+)\??:/g), ([, field = ""]) => field)
      .filter((field) => field !== "type")
      .toSorted();
  }
  return events;
}

/** The events of the page with their fields: a heading for each, a list item for each field. */
function eventsOnPage(page: string): Record<string, string[]> {
  const events: Record<string, string[]> = {};
  for (const section of page.split(/^## /m).slice(1)) {
    const type = section.slice(0, section.indexOf("\n"));
    events[type] = Array.from(section.matchAll(/^- `(\w+)`: /gm), ([, field = ""]) => field).toSorted();
  }
  return events;
}

describe("documents", () => {
  test("docs/events.md lists each event with its fields, and no other", async () => {
    const inCode = eventsInCode(await file("../src/events.ts"));
    expect(Object.keys(inCode).length).toBeGreaterThanOrEqual(13);
    expect(eventsOnPage(await file("../../../docs/events.md"))).toEqual(inCode);
  });

  test("the library use in the README works as it stands", async () => {
    const code = /```ts\n([\s\S]*?)```/.exec(await file("../README.md"))?.[1] ?? "";
    expect(code.trim().split("\n").length).toBeLessThanOrEqual(20);
    const { stdout, stderr } = await promisify(execFile)(
      process.execPath,
      ["--conditions=@scrubber/source", "--input-type=module-typescript", "--eval", code],
      { cwd: new URL("..", import.meta.url), timeout: 50_000 },
    );
    expect({ stdout, stderr }).toEqual({ stdout: "1 deleted, 2000000 bytes freed\n", stderr: "" });
  });
});
